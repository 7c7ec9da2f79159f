"""Ways into a batch of many: a file with the command, or the form with a file or pasted cells."""

from __future__ import annotations

import io
import math
from typing import Any, Final

import discord

from bot.domain.model import Programme
from bot.errors import BursarError, Refused, UsageError
from bot.services.rules import Capability, ServerRules
from bot.services.submitting import Upload, Wish, template_file
from bot.ui import answers
from bot.ui.answers import Interaction
from bot.ui.cards import Line, Tone, button, card
from bot.ui.draft_showing import show_look
from bot.ui.errors import Form, Guarded
from bot.ui.looking import limits_for, settled, staff_place
from bot.ui.parts import Typed, parts_of
from bot.ui.permissions import actor_of, programme_title, require, services_of
from bot.ui.preview_buttons import can_be_settled
from bot.ui.settings_card import fitting_menu
from bot.ui.text import escape, plain, sentence

TEMPLATE_NAME: Final = "bursar-template.csv"
PASTED_NAME: Final = "pasted rows"
CELLS_MAX: Final = 4000
"""Characters of a text field; Discord takes no more."""


def choose_programme(interaction: Interaction, rules: ServerRules, name: str | None) -> Programme:
    """The programme asked for, else the server's own, else the only one. Raises ``UsageError``, ``SettingsError``."""
    programmes = services_of(interaction).programmes
    name = name or rules.default_programme
    if name is None:
        names = programmes.names()
        if len(names) != 1:
            hint = "Fill in the option `programme`, or set one for the server with /settings."
            raise UsageError("no programme is chosen", hint=hint)
        name = names[0]
    return programmes.get(name, currency=rules.currencies.get(name))


async def download(interaction: Interaction, attachment: discord.Attachment) -> bytes:
    """The file at once, since Discord's address for it expires. Its size is judged before a byte is fetched."""
    most = parts_of(interaction).settings.max_file_bytes
    if attachment.size > most:
        raise Refused(
            f"the file has {math.ceil(attachment.size / 1e5) / 10:g} MB, more than the limit of {most / 1e6:g} MB",
            hint="Split it, or ask the operator to raise BURSAR_MAX_FILE_BYTES.",
        )
    try:
        return await attachment.read()
    except Exception as error:
        if not answers.is_out_of_reach(error):
            raise
        raise Refused("Discord did not hand out the file", hint="Upload it once more.") from error


async def draft_upload(interaction: Interaction, rules: ServerRules, upload: Upload, typed: Typed) -> None:
    """Check an upload, store it as a draft and show its preview. Raises ``Refused`` for pasted cells of which nothing
    can be made: they are put right where they were typed."""
    programme = choose_programme(interaction, rules, typed.programme)
    limits = limits_for(interaction, rules, programme)
    wish = Wish(programme, reason=typed.reason, amount=typed.amount)
    submitting = services_of(interaction).submitting
    preview = await submitting.draft_file(upload, wish, actor_of(interaction), limits)
    refused = preview.refused
    if upload.source == "paste" and refused is not None and not can_be_settled(preview):
        raise Refused(refused.message.rstrip("."))
    await show_look(interaction, settled(interaction, preview, rules))


# --- without a file -------------------------------------------------------------------------------------------------


async def offer_template(interaction: Interaction, rules: ServerRules, typed: Typed) -> None:
    """The template, what a file may hold, and the way to the form."""
    services = services_of(interaction)
    parts_of(interaction).kept.keep(str(interaction.id), typed)
    place, why_not = staff_place(interaction, rules)
    lines: list[Line] = [
        "Fill in the template and send it with `/bulk file:`, or press the button to upload a file or paste cells.",
        "- one row for each award: who (`discord_id`, or a mention), how much (`amount`), why (`reason`, may be empty)",
        "- other columns are kept for the result; names like `user`, `points` or `note` are understood, too",
        "- from a spreadsheet: *File > Download > CSV*, with the id column formatted as text",
        discord.ui.File(f"attachment://{TEMPLATE_NAME}"),
    ]
    lines.append(f"**Progress and result** in {place}." if place else f"⚠ **No progress message.** {why_not}")
    view = card(
        "Award many at once",
        tone=Tone.PLAIN,
        word="Nothing sent · no file yet",
        practice=services.practice,
        lines=lines,
        rows=[[_form_button("Upload or paste…", str(interaction.id), remembers=typed != Typed())]],
    )
    await answers.show(interaction, view, files=[discord.File(io.BytesIO(template_file()), TEMPLATE_NAME)])


def _form_button(label: str, key: str, *, remembers: bool) -> discord.ui.Button[Any]:
    """``remembers``: the form is to open with what was typed already."""
    return button(label, f"bulk:form:{key}{':typed' if remembers else ''}", style=discord.ButtonStyle.primary)


class FormButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"bulk:form:(?P<key>[0-9]{1,20})(?P<typed>:typed)?",
):
    """Opens the form, with what was typed before."""

    async def act(self, interaction: Interaction) -> None:
        rules = await require(interaction, Capability.BULK)
        key, kept = self.match["key"], parts_of(interaction).kept
        if self.match["typed"] and not kept.has(key):
            # An empty form with the server's own programme would look as if it were the one that was asked for.
            raise UsageError(
                "what was typed for this form is not known any more, as after a restart of Bursar",
                hint="Give the command once more.",
            )
        typed = kept.get(key)
        chosen = typed.programme or rules.default_programme
        names = fitting_menu(services_of(interaction).programmes.names(), chosen)
        options = [
            discord.SelectOption(label=plain(programme_title(rules, name), 100), value=name, default=name == chosen)
            for name in names
        ]
        await interaction.response.send_modal(UploadForm(interaction, key, typed, options))


class UploadForm(Form):
    """A file or pasted cells, with everything that the command's options can say."""

    def __init__(self, opened: Interaction, key: str, typed: Typed, programmes: list[discord.SelectOption]) -> None:
        super().__init__("Award many at once", opened, "bulk")
        self._key = key
        self._file: discord.ui.FileUpload[Any] = discord.ui.FileUpload(
            custom_id="file", required=False, min_values=0, max_values=1
        )
        self._cells: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id="cells",
            style=discord.TextStyle.paragraph,
            required=False,
            default=typed.cells,
            placeholder="discord_id\tamount",
            max_length=CELLS_MAX,
        )
        self._reason = _line("reason", typed.reason, 200)
        self._amount = _line("amount", typed.amount, 20)
        self._programme: discord.ui.Select[Any] | None = None
        self.add_item(discord.ui.Label(text="File", description="CSV, as a spreadsheet saves it", component=self._file))
        self.add_item(
            discord.ui.Label(
                text="Or cells from a spreadsheet",
                description=f"Copied with their header row, fewer than {CELLS_MAX:,} characters",
                component=self._cells,
            )
        )
        self.add_item(
            discord.ui.Label(text="Reason", description="For rows without one of their own", component=self._reason)
        )
        self.add_item(
            discord.ui.Label(text="Amount", description="Only if there is no amount column", component=self._amount)
        )
        if programmes:
            self._programme = discord.ui.Select(custom_id="programme", options=programmes, required=False, min_values=0)
            self.add_item(discord.ui.Label(text="Programme", component=self._programme))

    def _typed(self, before: Typed) -> Typed:
        chosen = self._programme.values if self._programme is not None else []
        return Typed(
            programme=chosen[0] if chosen else before.programme,
            reason=self._reason.value.strip() or None,
            amount=self._amount.value.strip() or None,
            cells=self._cells.value or None,
        )

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Draft what came; after a mistake, offer the form again with everything that was typed."""
        await answers.think(interaction)
        kept = parts_of(interaction).kept
        typed = self._typed(kept.get(self._key))
        kept.keep(self._key, typed)
        rules = await require(interaction, Capability.BULK)
        try:
            upload = await self._upload(interaction, typed)
            await draft_upload(interaction, rules, upload, typed)
        except BursarError as error:
            await answers.show(interaction, self._once_more(interaction, error), files=[])

    async def _upload(self, interaction: Interaction, typed: Typed) -> Upload:
        files = self._file.values
        if files and typed.cells:
            raise UsageError("there are a file and pasted cells", hint="Send one of the two.")
        if files:
            return Upload(files[0].filename, await download(interaction, files[0]), "file")
        if typed.cells:
            # What does not fit into the field is cut off, perhaps within the last amount. Apps count as UTF-16 does.
            if len(typed.cells.encode("utf-16-le")) // 2 >= CELLS_MAX:
                raise UsageError(
                    f"the pasted cells fill the field of {CELLS_MAX:,} characters, so their end may be cut off",
                    hint="Send them as a file, or paste fewer rows at once.",
                )
            return Upload(PASTED_NAME, typed.cells.encode(), "paste")
        raise UsageError("there is neither a file nor a pasted cell", hint="Choose a file or paste cells.")

    def _once_more(self, interaction: Interaction, error: BursarError) -> discord.ui.LayoutView:
        lines = [sentence(escape(error.message, 500))]
        if error.hint:
            lines.append(sentence(error.hint))
        return card(
            "Nothing was sent.",
            tone=Tone.ATTENTION,
            word="The form cannot be used like this",
            practice=services_of(interaction).practice,
            lines=[*lines, "What you typed is kept; a file has to be chosen again."],
            rows=[[_form_button("Edit and try again", self._key, remembers=True)]],
        )


def _line(custom_id: str, value: str | None, most: int) -> discord.ui.TextInput[Any]:
    return discord.ui.TextInput(custom_id=custom_id, default=value, required=False, max_length=most)


ITEMS: Final = (FormButton,)
