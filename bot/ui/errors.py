"""The one place where an error becomes words in Discord.

Every command, button, menu and form ends here when it fails: what somebody can act on becomes a private card that says
first what was (not) sent, then the cause, then one next step; everything else gets an error id, the same in the card
and in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar, cast

import discord
from discord import app_commands

from bot.domain.model import Batch
from bot.errors import BursarError, DestinationChanged, DraftGone, NotAllowed, Refused, ResolutionFailed
from bot.ui.answers import Interaction, alert, has_expired
from bot.ui.cards import PRACTICE, Tone, button, card
from bot.ui.permissions import actor_of, services_of
from bot.ui.staff import texts_of
from bot.ui.text import escape, local_times, quoting, sentence, when

_log = logging.getLogger(__name__)

STARTED_FORMS: Final = "form"
"""First word of every form's custom id."""

FORM_SECONDS: Final = 3600.0
"""How long a form is remembered."""
FORM_OPENS_WITHIN_SECONDS: Final = 5.0
"""Of the press: Discord takes it as an answer for three."""

FIRST_WORDS: Final = "bursar-first-words"
"""Key of ``Interaction.extras``: what an error says first, where that is not "Nothing was sent."."""

ItemT = TypeVar("ItemT", bound=discord.ui.Item[Any])


async def handle(interaction: Interaction, error: BaseException) -> None:
    """Answer privately for an error. Never raises: what cannot be said any more is logged."""
    cause = _root(error)
    if has_expired(cause):
        _log.info("interaction %s: its time was over before the answer", interaction.id)
        return
    if isinstance(cause, BursarError):
        _log.info("interaction %s: refused: %s", interaction.id, cause)
    else:
        _log.error("error %s", error_id(interaction), exc_info=cause)
    try:
        await alert(interaction, await error_card(interaction, cause))
    except discord.HTTPException as failure:
        level = logging.INFO if has_expired(failure) else logging.WARNING
        _log.log(level, "interaction %s: the error could not be shown: %s", interaction.id, failure)


def changes_nothing(interaction: Interaction) -> None:
    """Let an error of this interaction begin with "Nothing was changed.": batches may well be under way."""
    interaction.extras[FIRST_WORDS] = "Nothing was changed."


async def guard(interaction: Interaction, work: Callable[[Interaction], Awaitable[None]]) -> None:
    """Do the work of a button or menu; whatever it raises is answered by ``handle``."""
    try:
        await work(interaction)
    except Exception as error:
        await handle(interaction, error)


def error_id(interaction: Interaction) -> str:
    """Eight characters that find the log line of an interaction's error."""
    return f"{interaction.id & 0xFFFFFFFF:08x}"


async def error_card(interaction: Interaction, error: BaseException) -> discord.ui.LayoutView:
    """The card for an error: for one of ours its words, for any other the error id."""
    practice = services_of(interaction).practice
    if isinstance(error, DraftGone):
        return await _gone_card(interaction, error)
    if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return _lines_card("Nothing was sent.", "This command was changed.", "Try again in a minute.", practice)
    first = interaction.extras.get(FIRST_WORDS, "Nothing was sent.")
    if isinstance(error, NotAllowed):
        return _lines_card(first, error.message, error.hint, practice, word="Not allowed")
    if isinstance(error, ResolutionFailed):
        hint = error.hint or "Try again later: what was found so far is kept."
        return _lines_card("Nothing was sent.", error.message, hint, practice)
    if isinstance(error, DestinationChanged) and error.draft_id is not None:
        cancel = button("Cancel", f"draft:cancel:{error.draft_id}:-")
        return _lines_card(first, error.message, error.hint, practice, rows=[[cancel]])
    if isinstance(error, BursarError):
        return _lines_card(first, error.message, error.hint, practice)
    return card(
        "Something went wrong inside Bursar",
        tone=Tone.STOPPED,
        word="Error",
        practice=practice,
        lines=[
            "How far this got is in `/batch list`: what is not listed there was not sent, and nothing is sent twice.",
            "Look there before you try again.",
            f"-# Error {error_id(interaction)} · the operator finds it in the log",
        ],
    )


def _lines_card(
    first: str,
    cause: str,
    hint: str | None,
    practice: bool,
    *,
    word: str = "Refused",
    rows: Sequence[Sequence[Any]] = (),
) -> discord.ui.LayoutView:
    lines = [local_times(quoting(sentence(said))) for said in (cause, hint) if said]
    return card(first, tone=Tone.ATTENTION, word=word, practice=practice, lines=lines, rows=rows)


async def _gone_card(interaction: Interaction, error: DraftGone) -> discord.ui.LayoutView:
    """Who was first, and when, where the ledger can say so."""
    services = services_of(interaction)
    lines = [quoting(sentence(error.message))]
    if error.batch_id is not None:
        try:
            view = await services.batches.view(error.batch_id, actor_of(interaction))
            lines = [
                first_words(view.batch, interaction.user.id),
                f"`/batch show` with {error.batch_id} tells how it stands.",
            ]
        except BursarError:
            lines.append(f"It became batch {error.batch_id}.")
    elif error.hint:
        lines.append(sentence(error.hint))
    return card(
        "You sent nothing with this.", tone=Tone.ATTENTION, word="Too late", practice=services.practice, lines=lines
    )


def refuse_other_kind(interaction: Interaction) -> None:
    """Raises ``Refused`` for a press on a card of practice in earnest, or the other way round: both are messages of one
    bot in one channel, and their numbers mean batches of two ledgers."""
    texts = [] if interaction.message is None else texts_of(interaction.message)
    of_practice = bool(texts) and texts[0].startswith(PRACTICE)
    if not texts or of_practice is services_of(interaction).practice:
        return
    changes_nothing(interaction)
    if of_practice:
        raise Refused(
            "this is a card of practice, and Bursar runs in earnest now",
            hint="`/batch list` shows what there is in earnest.",
        )
    raise Refused(
        "this card is in earnest, and only practice runs now",
        hint="Press it again once the operator has started Bursar in earnest.",
    )


def first_words(batch: Batch, reader_id: int) -> str:
    """Who turned a draft into a batch, and when."""
    name = f"<@{batch.actor.id}>" if batch.actor.id.isdigit() else escape(batch.actor.name)
    if batch.actor.id == str(reader_id):
        name = "You"
    return f"{name} already sent it {when(batch.recorded_at, 'R')}, as **batch {batch.id}**."


def _root(error: BaseException) -> BaseException:
    """What was raised, out of discord.py's wrappers."""
    while isinstance(error, app_commands.CommandInvokeError | app_commands.TransformerError):
        inner = getattr(error, "original", None) or error.__cause__
        if inner is None:
            break
        error = inner
    return error


class Guarded(Generic[ItemT]):
    """Mixed into every persistent button and menu: errors end in ``handle``, since discord.py only logs them."""

    for_second: ClassVar[bool] = False
    """Whether it is answered although another machine is alive, which is sent every press, too."""

    def __init__(self, item: ItemT, match: re.Match[str]) -> None:
        super().__init__(item)  # type: ignore[call-arg]  # of the ``DynamicItem`` that it is mixed into
        self.match = match
        """The custom id, as the template of the class reads it."""

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """What discord.py makes of a press, also on a message from before a restart."""
        return cls(cast("ItemT", item), match)

    async def callback(self, interaction: Interaction) -> None:
        """What discord.py calls. Subclasses write ``act``."""
        if self.for_second or not services_of(interaction).leading.stand.is_second:
            await guard(interaction, self._act_here)

    async def _act_here(self, interaction: Interaction) -> None:
        refuse_other_kind(interaction)
        await self.act(interaction)

    async def act(self, interaction: Interaction) -> None:
        """The work; it checks permissions itself, before anything else."""
        raise NotImplementedError


class _HasRun(Protocol):
    run_id: str


class Form(discord.ui.Modal):
    """A form whose errors end in ``handle``.

    Forms live in memory only, and not for ever. The id of the client's run is new at every start of the program, so
    that one that is lost is recognised and answered (``why_lost``) instead of failing silently. ``opened``: the
    press that opened it, of which each has a form of its own, since discord.py forgets the others of the same name when
    one of them was sent.
    """

    def __init__(self, title: str, opened: Interaction, name: str) -> None:
        run = cast(_HasRun, opened.client).run_id
        super().__init__(
            title=title[:45], timeout=FORM_SECONDS, custom_id=f"{STARTED_FORMS}:{run}:{name}:{opened.id}"[:100]
        )

    async def on_error(self, interaction: Interaction, error: Exception) -> None:  # type: ignore[override]  # as Modal
        await handle(interaction, error)


def why_lost(interaction: Interaction, run: str) -> str | None:
    """Why nobody takes this form any more: an earlier run of the program had opened it, or it was opened too long ago.
    ``None`` for everything else."""
    data: Any = interaction.data or {}
    custom_id = str(data.get("custom_id", ""))
    if interaction.type is not discord.InteractionType.modal_submit or not custom_id.startswith(f"{STARTED_FORMS}:"):
        return None
    if not custom_id.startswith(f"{STARTED_FORMS}:{run}:"):
        return "Bursar was restarted while this form was open"
    opened = discord.utils.snowflake_time(int(custom_id.rpartition(":")[2]))
    late = (interaction.created_at - opened).total_seconds() > FORM_SECONDS + FORM_OPENS_WITHIN_SECONDS
    return "This form was open for more than an hour" if late else None


class Tree(app_commands.CommandTree[Any]):
    """The commands; their errors end in ``handle``."""

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """A machine that stands by beside one that is alive leaves the answer to that one."""
        return not services_of(interaction).leading.stand.is_second

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        await handle(interaction, error)
