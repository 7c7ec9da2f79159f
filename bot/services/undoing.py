"""The draft of an undo: the opposite of what a batch paid, and in words what cannot be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.amounts import display
from bot.domain.drafting import TakenBack
from bot.domain.model import Batch, Notice
from bot.errors import Refused
from bot.ledger.ledger import Ledger

SPENT = (
    "points that somebody spent already may be refused by the service: such an award is reported as refused and not"
    " tried again"
)
TAKES_LESS = (
    "of points that somebody spent already the service may take only what is left: such an award counts as taken back,"
    " and the result says how much it was, if that is known; look at it before paying again"
)

_BEFORE = "taken back before, or given up as a doubt"
_GIVEN_UP = "written off, so it may have landed or not"


def label_of(batch: Batch) -> str:
    """What an undo is called wherever batches are listed."""
    return f"Undo of batch {batch.id}"


async def stage_undo(ledger: Ledger, draft_id: int, batch: Batch) -> Sequence[Notice]:
    """Fill the draft; what a person should know about it. Raises ``Refused`` when nothing is left to take back."""
    found = await ledger.drafts.stage_undo(draft_id, batch.id)
    if not found.staged:
        hint = _told(found, batch) if found.told else _how_much(batch) if found.unsure else None
        raise Refused(f"batch {batch.id} has nothing to take back: {_nothing(found)}; nothing was sent", hint=hint)
    takes = (await ledger.drafts.totals(draft_id)).deductions > 0
    return tuple(_notices(found, batch, takes=takes))


def _notices(found: TakenBack, batch: Batch, *, takes: bool) -> list[Notice]:
    """``takes``: not all of it gives back what was taken."""
    notices = [Notice("undo-spent", TAKES_LESS if found.may_take_less else SPENT)] if takes else []
    if found.before:
        notices.append(Notice("undo-before", f"left out, {_BEFORE}: {_awards(found.before)}"))
    if found.told:
        notices.append(Notice("undo-told", f"left out, {_awards(found.told)}: {_told(found, batch)}"))
    if found.unsure:
        message = (
            f"left out, {_awards(found.unsure)}: the service may have taken less than was asked for. {_how_much(batch)}"
        )
        notices.append(Notice("undo-unsure", message))
    if found.written_off:
        message = (
            f"left out, {_awards(found.written_off)}: {_GIVEN_UP}; look at the balance, and take it back with /award"
        )
        notices.append(Notice("undo-written-off", message))
    if found.never_landed:
        message = f"left out, {_awards(found.never_landed)}: never landed, so there is nothing to take back"
        notices.append(Notice("undo-never-landed", message))
    return notices


def _told(found: TakenBack, batch: Batch) -> str:
    """Why a person has to look, and at whom: a payment that happened to be as much is no undo."""
    named = ", ".join(
        f"{one.recipient.value} {display(one.amount, batch.destination.unit)}" for one in found.first_told
    )
    more = found.told - len(found.first_told)
    taken_in = ", ".join(str(number) for number in sorted({one.batch_id for one in found.first_told}))
    return (
        f"history (batch {taken_in}) has the opposite for the same person, perhaps an undo; if not, use /award: {named}"
        + (f" and {more:,} more" if more else "")
    )


def _how_much(batch: Batch) -> str:
    """What to do about deductions that an undo does not give back by itself."""
    return (
        f"The result file of batch {batch.id} says how much was really taken, if that is known: give it back with"
        " /award after a look at the balance."
    )


def _nothing(found: TakenBack) -> str:
    reasons = [
        (found.before, _BEFORE),
        (found.told, "perhaps taken back by the lost ledger"),
        (found.unsure, "deducted, perhaps less than asked for"),
        (found.written_off, _GIVEN_UP),
        (found.never_landed, "never landed"),
    ]
    return ", ".join(f"{number:,} {why}" for number, why in reasons if number)


def _awards(number: int) -> str:
    return "1 award" if number == 1 else f"{number:,} awards"
