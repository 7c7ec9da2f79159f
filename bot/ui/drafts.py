"""Buttons and menus of drafts. They survive restarts: the draft's id is in the custom id, its state is read anew.

A custom id also carries the beginning of the content hash that the card showed. A press on a card that shows something
older changes nothing and shows the draft as it is now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import discord

from bot.domain.model import Duplicates
from bot.errors import DraftGone
from bot.services.submitting import Choice, Draft, Preview
from bot.ui import answers, staff
from bot.ui.answers import Interaction
from bot.ui.cards import Tone, card
from bot.ui.deciding import ask, confirm, pressed
from bot.ui.draft_form import ChangeForm
from bot.ui.draft_showing import edit, show_draft, show_look
from bot.ui.errors import Guarded, error_card
from bot.ui.looking import Look, allowed, look, settled
from bot.ui.permissions import actor_of, services_of
from bot.ui.preview_buttons import COLUMN_MENUS, FLAGS, as_shown, column_verb, content_of, open_choices
from bot.ui.preview_card import Step
from bot.ui.staff_note import staff_note

# --- what the buttons do ---------------------------------------------------------------------------------------------


async def _open(interaction: Interaction, draft_id: int, shown: str) -> None:
    """The draft as it is now: in place on a private card, in a message of its own elsewhere."""
    await _begin(interaction)
    await show_draft(interaction, draft_id)


async def _again(interaction: Interaction, draft_id: int, shown: str) -> None:
    """The second question before rows are paid a second time."""
    await _begin(interaction)
    seen = await look(interaction, draft_id)
    await show_look(interaction, seen, Step.AGAIN if seen.preview.may_be_paid_again else Step.MAIN)


async def _cancel(interaction: Interaction, draft_id: int, shown: str) -> None:
    """Without a look at the draft: also what can be neither shown nor sent any more can be cancelled."""
    await _begin(interaction)
    draft, _ = await allowed(interaction, draft_id)
    if _shows_other_content(draft, shown):
        return await _changed_meanwhile(interaction, await look(interaction, draft_id))
    services = services_of(interaction)
    await services.submitting.cancel(draft_id, actor_of(interaction))
    view = card("Cancelled", tone=Tone.PLAIN, word="Nothing was sent", practice=services.practice, lines=[])
    return await answers.show(interaction, view, files=[])


def _shows_other_content(draft: Draft, shown: str) -> bool:
    """Whether a card showed rows that the draft does not have: it was changed since, or is of a ledger that was
    replaced. A card without any (``-``) is about whatever the draft has."""
    return shown.partition(".")[0] not in ("-", content_of(draft))


def _choice(flags: str, preview: Preview) -> Choice:
    """The decisions behind the letters of a button's verb."""
    return Choice(
        preview.draft.content_hash or "",
        good_rows="g" in flags,
        skip_matched="s" in flags,
        again="a" in flags,
        difference="d" in flags,
        matches_seen=preview.matches.mark,
        left_out_seen=preview.campaign.mark,
    )


def _with_choice(act: Callable[[Interaction, Look, Choice], Awaitable[None]], flags: str) -> Act:
    """A button that goes with the decisions that its label named, on the draft as it was shown."""

    async def press(interaction: Interaction, draft_id: int, shown: str) -> None:
        await _begin(interaction)
        with pressed(interaction):
            seen = await look(interaction, draft_id)
            if _shows_other_content(seen.preview.draft, shown):
                await _changed_meanwhile(interaction, seen)
                return
            if as_shown(seen.preview) != shown:
                # The rows are as they were shown, but others of them were paid meanwhile, or a setting was changed
                # that the card tells of. It says what is so now.
                await show_look(interaction, seen)
                return
            await act(interaction, seen, _choice(flags, seen.preview))

    return press


async def _changed_meanwhile(interaction: Interaction, seen: Look) -> None:
    await show_look(interaction, seen)
    view = card(
        "Nothing was sent.",
        tone=Tone.ATTENTION,
        word="The draft changed after this card was shown",
        practice=services_of(interaction).practice,
        lines=["The card now shows the draft as it is. Look at it, then press again."],
    )
    await answers.alert(interaction, view)


async def _change(interaction: Interaction, draft_id: int, shown: str) -> None:
    """The form must be the first answer, so there is time for a few short reads of the ledger only."""
    draft, _ = await allowed(interaction, draft_id)
    submitting = services_of(interaction).submitting
    form = ChangeForm(interaction, await submitting.wish_of(draft), asks_amount=submitting.asks_amount(draft))

    async def submitted(answer: Interaction) -> None:
        await _or_gone(answer, draft_id, changed(answer))

    async def changed(answer: Interaction) -> None:
        await _begin(answer)
        fresh = await look(answer, draft_id)
        old = await services_of(answer).submitting.wish_of(fresh.preview.draft)
        new = form.wish(old)
        submitting = services_of(answer).submitting
        if replace(new, label=old.label) == old:
            preview = await submitting.relabel(draft_id, new.label, fresh.actor, fresh.limits)
        else:
            preview = await submitting.reread(draft_id, new, fresh.actor, fresh.limits)
        await show_look(answer, settled(answer, preview, fresh.rules))

    form.submitted = submitted
    await interaction.response.send_modal(form)


async def _show_to_staff(interaction: Interaction, draft_id: int, shown: str) -> None:
    await allowed(interaction, draft_id)  # as long as the card itself can still be the answer
    await answers.think(interaction)
    seen = await look(interaction, draft_id)
    services = services_of(interaction)
    if seen.rules.staff_channel_id is None:
        raise staff.StaffChannelError("No staff channel is set.", hint="Choose one with /settings.")
    server = str(interaction.guild_id)
    channel = staff.find_channel(interaction.client, server, seen.rules.staff_channel_id, files=False)
    note = staff_note(seen, practice=services.practice)
    message = await staff.post(channel, note, seen.rules, nonce=staff.nonce_of("draft", draft_id, interaction.id))
    view = card(
        "Shown to the staff",
        tone=Tone.PLAIN,
        word="Nothing was sent",
        practice=services.practice,
        lines=[f"{message.jump_url} · they can open the draft from there. Names and rows are not in it."],
    )
    await answers.show(interaction, view)


async def _choose_duplicates(interaction: Interaction, draft_id: int, shown: str, chosen: str) -> None:
    await _reread(interaction, draft_id, shown, lambda seen: {"duplicates": Duplicates(chosen)})


async def _choose_recipient(interaction: Interaction, draft_id: int, shown: str, chosen: str) -> None:
    await _reread(
        interaction, draft_id, shown, lambda seen: {"recipient_column": _column(seen.preview, chosen, amounts=False)}
    )


async def _choose_amount(interaction: Interaction, draft_id: int, shown: str, chosen: str) -> None:
    await _reread(
        interaction, draft_id, shown, lambda seen: {"amount_column": _column(seen.preview, chosen, amounts=True)}
    )


def _column(preview: Preview, chosen: str, *, amounts: bool) -> str | None:
    """The column behind a menu's value; nothing when the question was settled in the meantime."""
    choices, index = open_choices(preview, amounts=amounts), int(chosen)
    return choices[index] if index < len(choices) else None


async def _reread(
    interaction: Interaction, draft_id: int, shown: str, change: Callable[[Look], Mapping[str, Any]]
) -> None:
    await _begin(interaction)
    seen = await look(interaction, draft_id)
    if _shows_other_content(seen.preview.draft, shown):
        return await _changed_meanwhile(interaction, seen)
    submitting = services_of(interaction).submitting
    wish = replace(await submitting.wish_of(seen.preview.draft), **change(seen))
    preview = await submitting.reread(draft_id, wish, seen.actor, seen.limits)
    return await show_look(interaction, settled(interaction, preview, seen.rules))


async def _begin(interaction: Interaction) -> None:
    """Answer Discord at once: a private card changes in place, anything public is answered privately."""
    if _is_private(interaction):
        await answers.keep(interaction)
    else:
        await answers.think(interaction)


async def _or_gone(interaction: Interaction, draft_id: int, work: Awaitable[None]) -> None:
    """Do it. A private card of a draft that was cancelled, or sent by somebody else, or whose time is over, then says
    that instead: nothing on it can be pressed any more."""
    try:
        await work
    except DraftGone as error:
        if not _is_private(interaction) or not await _is_over(interaction, draft_id):
            raise
        if not interaction.response.is_done():
            await answers.keep(interaction)
        await edit(interaction, await error_card(interaction, error), [])


async def _is_over(interaction: Interaction, draft_id: int) -> bool:
    """Whether the draft is gone without having been sent by who asks; whoever was overtaken by their own receipt is
    told beside it."""
    submitting, actor = services_of(interaction).submitting, actor_of(interaction)
    try:
        draft = await submitting.draft(draft_id, actor)
    except DraftGone as error:
        return error.batch_id is None or await _is_of_another(interaction, error.batch_id)
    return draft.batch_id is not None and await _is_of_another(interaction, draft.batch_id)


async def _is_of_another(interaction: Interaction, batch_id: int) -> bool:
    view = await services_of(interaction).batches.view(batch_id, actor_of(interaction))
    return view.batch.actor.id != str(interaction.user.id)


def _is_private(interaction: Interaction) -> bool:
    return interaction.message is not None and interaction.message.flags.ephemeral


# --- dispatch by custom id ------------------------------------------------------------------------------------------

Act = Callable[[Interaction, int, str], Awaitable[None]]
Pick = Callable[[Interaction, int, str, str], Awaitable[None]]

_PRESSES: Final[Mapping[str, Act]] = {
    "open": _open,
    "again": _again,
    "cancel": _cancel,
    "change": _change,
    "staff": _show_to_staff,
    **{f"send{tail}": _with_choice(confirm, tail) for tail in FLAGS},
    **{f"ask{tail}": _with_choice(ask, tail) for tail in FLAGS},
}

_PICKS: Final[Mapping[str, Pick]] = {
    "duplicates": _choose_duplicates,
    **{column_verb(page, amounts=False): _choose_recipient for page in range(COLUMN_MENUS)},
    **{column_verb(page, amounts=True): _choose_amount for page in range(COLUMN_MENUS)},
}

_TAIL: Final = r":(?P<draft>[0-9]{1,18}):(?P<shown>[0-9a-z.-]{1,64})"


class DraftButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"draft:(?P<verb>{'|'.join(_PRESSES)}){_TAIL}",
):
    """Every button that is about one draft."""

    async def act(self, interaction: Interaction) -> None:
        match, draft_id = self.match, int(self.match["draft"])
        await _or_gone(interaction, draft_id, _PRESSES[match["verb"]](interaction, draft_id, match["shown"]))


class DraftMenu(
    Guarded[discord.ui.Select[Any]],
    discord.ui.DynamicItem[discord.ui.Select[Any]],
    template=rf"draft:(?P<verb>{'|'.join(_PICKS)}){_TAIL}",
):
    """Every menu that is about one draft."""

    async def act(self, interaction: Interaction) -> None:
        match, draft_id = self.match, int(self.match["draft"])
        picked = _PICKS[match["verb"]](interaction, draft_id, match["shown"], self.item.values[0])
        await _or_gone(interaction, draft_id, picked)


ITEMS: Final = (DraftButton, DraftMenu)

__all__ = ["ITEMS", "DraftButton", "DraftMenu"]
