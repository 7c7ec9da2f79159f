"""A draft is sent, or a second person asked for: what its card says while that takes its time, or when it is refused.

A double click has two presses at work on one card; what either says there must not cover the receipt of the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import discord

from bot.domain.model import ProviderKind
from bot.errors import ApprovalNeeded, DraftGone, MatchedEarlier, Refused
from bot.services.approving import ApprovalState
from bot.services.submitting import Choice
from bot.ui import answers, approvals, staff
from bot.ui.answers import Interaction
from bot.ui.cards import Tone, card
from bot.ui.draft_showing import edit, show_draft, show_look
from bot.ui.errors import error_card
from bot.ui.looking import Look, look
from bot.ui.lookups import EDIT_EVERY_SECONDS
from bot.ui.permissions import services_of
from bot.ui.preview_buttons import ASK_AGAIN_LABEL
from bot.ui.preview_card import card_title
from bot.ui.receipts import give_receipt
from bot.ui.waiting import wait_at_most

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class _Deciding:
    """A card on which presses have begun to decide. A double click has one: what one press says there must not cover
    the receipt of the other, whichever of them was overtaken."""

    presses: int = 0
    is_told: bool = False
    """The card says so, or will."""
    has_receipt: bool = False


_deciding: dict[int, _Deciding] = {}
"""By the message, or by the interaction that is answered by one of its own."""


@contextmanager
def pressed(interaction: Interaction) -> Iterator[_Deciding]:
    """A press that decides is under way on this card."""
    message = interaction.message
    card_id = message.id if message is not None and message.flags.ephemeral else interaction.id
    deciding = _deciding.setdefault(card_id, _Deciding())
    deciding.presses += 1
    try:
        yield deciding
    finally:
        deciding.presses -= 1
        if not deciding.presses:
            del _deciding[card_id]


async def confirm(interaction: Interaction, seen: Look, choice: Choice) -> None:
    """Record and give the receipt. Rows that were paid in the meantime bring the card back, with them on it, and so
    does the need of an approval."""
    submitting, draft_id = services_of(interaction).submitting, seen.preview.draft.id
    with pressed(interaction) as deciding:
        try:
            recorded = await _seen(interaction, seen, submitting.confirm(draft_id, choice, seen.actor, seen.limits))
        except (MatchedEarlier, ApprovalNeeded) as error:
            await _brought_back(interaction, seen, error)
            return
        except Refused:
            if seen.preview.draft.source == "undo":
                await show_draft(interaction, draft_id)  # it cannot be sent any more, and says so now
            raise
        deciding.has_receipt = True
        await give_receipt(interaction, seen, recorded)


async def _brought_back(interaction: Interaction, seen: Look, error: MatchedEarlier | ApprovalNeeded) -> None:
    """The card as it is now says which rows were paid lately, and why it needs a second person. Where none was any
    more, or only to pay some again takes a second person, nothing on it says why nothing was sent."""
    now = await look(interaction, seen.preview.draft.id)
    await show_look(interaction, now)
    says_why = now.preview.blocking_matches if isinstance(error, MatchedEarlier) else now.preview.approval_why
    if not says_why:
        await answers.alert(interaction, await error_card(interaction, error))


async def _seen(interaction: Interaction, seen: Look, work: Coroutine[Any, Any, T]) -> T:
    """Do what may take long, since the service may be asked first who presses, or the rows are many: the card then
    says so, and comes back with its buttons when that fails. A press beside another one leaves the card to that."""
    draft_id = seen.preview.draft.id
    with pressed(interaction) as deciding:
        if deciding.is_told:
            return await work
        deciding.is_told = True
        try:
            task = asyncio.create_task(work, name=f"decision about draft {draft_id}")
            if await wait_at_most(services_of(interaction).clock, task, EDIT_EVERY_SECONDS):
                return await task
            await _told(deciding, draft_id, lambda: edit(interaction, _checking_card(interaction, seen)))
            try:
                return await task
            except (MatchedEarlier, ApprovalNeeded):
                raise  # they bring the card back themselves
            except DraftGone as error:
                gone = await error_card(interaction, error)
                await _told(deciding, draft_id, lambda: edit(interaction, gone, []))
                raise
            except Exception:
                await _told(deciding, draft_id, lambda: show_look(interaction, seen))
                raise
        finally:
            deciding.is_told = False


def _checking_card(interaction: Interaction, seen: Look) -> discord.ui.LayoutView:
    lines = ["Every row is checked once more before it is recorded. This goes on by itself; nothing has to be done."]
    if seen.preview.programme.kind is ProviderKind.DRIP_MEMBERS and not seen.limits.may_award_self:
        lines.append("You may not award yourself, so Drip may be asked first who you are there, until it answers.")
    practice = services_of(interaction).practice
    word = "Nothing sent yet · being checked"
    return card(card_title(seen.preview), tone=Tone.RUNNING, word=word, practice=practice, lines=lines)


async def _told(deciding: _Deciding, draft_id: int, show: Callable[[], Awaitable[None]]) -> None:
    """Change a card by the way: what is recorded meanwhile, or was refused, is told whether that succeeds or not."""
    if deciding.has_receipt:
        return
    try:
        await show()
    except Exception as error:
        _log.warning("the card of draft %s could not be edited: %r", draft_id, error)


async def ask(interaction: Interaction, seen: Look, choice: Choice) -> None:
    """Ask for a second person in the staff channel; the card then waits."""
    channel = approvals.channel_for(interaction, seen)
    submitting, draft_id = services_of(interaction).submitting, seen.preview.draft.id
    try:
        approval = await _seen(interaction, seen, submitting.ask_approval(draft_id, choice, seen.actor, seen.limits))
    except MatchedEarlier as error:
        await _brought_back(interaction, seen, error)
        return
    if approval.state is not ApprovalState.ASKED:  # decided since the card was shown
        await show_draft(interaction, draft_id)
        return
    try:
        await approvals.post_request(interaction, channel, seen, approval)
    except Exception as error:
        _log.warning("the request %d could not be posted: %r", approval.id, error)
        await show_draft(interaction, draft_id)
        raise staff.StaffChannelError(
            "Discord did not take the request for the staff channel, so nobody may have seen it.",
            hint=f"Press *{ASK_AGAIN_LABEL}*.",
        ) from error
    await show_draft(interaction, draft_id)
