"""The card of rows in doubt: what is known of the call, what each answer risks, three buttons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.domain.amounts import display
from bot.domain.judging import Numbers
from bot.domain.model import Award, Batch, Decision
from bot.domain.states import TAKEN_IN, BatchState
from bot.ledger.queries import Attempt
from bot.services.batches import BatchView, Doubt
from bot.ui import batch_text
from bot.ui.batch_cards import NOBODY_NAMED, batch_button_id
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.text import count, escape, plain, points, when, who

NAMED: Final = 10
"""Rows of a call that are named on the card."""
PICKED: Final = 25
"""Rows of a call that can be picked at a time: as many as Discord lets a menu have."""

_RISKS: Final = {
    Decision.LANDED: "counted as paid. If it did not arrive after all, they never get it.",
    Decision.SEND_AGAIN: "sent once more. If the first one arrived, they get it twice.",
    Decision.WRITE_OFF: "given up: never sent again. They may have it, so paying the same anew is asked about.",
}

_RISKS_TAKEN: Final = {
    Decision.LANDED: "counted as taken. If it did not arrive after all, they keep the points.",
    Decision.SEND_AGAIN: "sent once more. If the first one arrived, it is taken from them twice.",
    Decision.WRITE_OFF: "given up: never sent again. They may have lost it, so taking the same anew is asked about.",
}

_RISKS_MIXED: Final = {
    Decision.LANDED: "counted as paid, or as taken. If it did not arrive after all, it never will.",
    Decision.SEND_AGAIN: "sent once more. If the first one arrived, they get it twice, or it is taken twice.",
    Decision.WRITE_OFF: "given up: never sent again. It may have arrived, so sending the same anew is asked about.",
}

_VERBS: Final = {
    Decision.LANDED: ("It landed", "They landed"),
    Decision.SEND_AGAIN: ("Send again", "Send again"),
    Decision.WRITE_OFF: ("Write off", "Write off"),
}

DONE: Final = {
    Decision.LANDED: "counted as paid",
    Decision.SEND_AGAIN: "to be sent again",
    Decision.WRITE_OFF: "written off",
}
"""What was done, behind "10 rows"."""


def done_word(decision: Decision, awards: Sequence[Award]) -> str:
    """The same, where it is known that points were taken."""
    took = sum(1 for award in awards if award.amount < 0)
    if decision is not Decision.LANDED or not took:
        return DONE[decision]
    return "counted as taken" if took == len(awards) else "counted as landed"


@dataclass(frozen=True, slots=True)
class Call:
    """The rows in doubt of one call."""

    attempt: Attempt
    awards: tuple[Award, ...]
    whole: bool
    """One answer for all of them: the call was all-or-nothing."""
    numbers: Mapping[int, Numbers]
    """The evidence on each, by award id."""

    def pick(self, rows: int) -> Sequence[Award]:
        """Its rows that can be picked on this page of them."""
        return self.awards[rows * PICKED : (rows + 1) * PICKED]

    def page_of(self, award_id: int) -> int:
        """Which page a row is on; the first for one that is none of its rows."""
        return next((n for n, award in enumerate(self.awards) if award.id == award_id), 0) // PICKED

    @classmethod
    def group(cls, doubts: Sequence[Doubt]) -> list[Call]:
        """Calls with their rows, oldest call first."""
        by_attempt: dict[int, list[Doubt]] = {}
        for doubt in doubts:
            by_attempt.setdefault(doubt.attempt.id, []).append(doubt)
        return [
            cls(
                attempt=together[0].attempt,
                awards=tuple(award for doubt in together for award in doubt.awards),
                whole=any(doubt.whole_call for doubt in together),
                numbers=together[0].numbers,
            )
            for _, together in sorted(by_attempt.items())
        ]


def doubts_card(
    view: BatchView,
    calls: Sequence[Call],
    at: int,
    *,
    rows: int = 0,
    only: int | None,
    done: str | None,
    practice: bool,
    names: Mapping[str, str] = NOBODY_NAMED,
    unread: str | None = None,
) -> discord.ui.LayoutView:
    """The rows in doubt of one call, or one of them alone (``only`` = its id). ``rows``: the page of its rows that is
    named and can be picked from; beyond the last it is the last. ``done``: what was just recorded.
    ``names`` of members by Discord id, as far as they are known. ``unread``: why nothing can be read back now."""
    batch = view.batch
    title = f"Batch {batch.id} · rows in doubt"
    if not calls:
        return _settled_card(view, title, done, practice=practice)
    call = calls[at]
    awards = [award for award in call.awards if only in (None, award.id)]
    lines: list[Line] = [f"✓ {done}", RULE] if done else []
    numbers = {award.id: call.numbers.get(award.id, Numbers()) for award in awards}
    said = {one.said for one in numbers.values() if one.said}
    lines += _evidence(call, len(awards), said, unread)
    rows = 0 if only is not None else min(rows, (len(awards) - 1) // PICKED)
    named = awards[rows * PICKED :][:NAMED]
    lines += [_row(award, batch, numbers[award.id], apart=len(said) > 1) for award in named]
    if len(awards) > len(named):
        lines.append(f"- … and {len(awards) - len(named):,} more, all in the result file")
    lines.append(RULE)
    if call.whole and len(awards) > 1:
        lines.append("This call was all or nothing: either every row landed or none. One answer counts for all.")
    lines.append("Look at the members' balances in the programme, then say what is true:")
    lines += [f"- **{verb(decision, len(awards))}**: {risk}" for decision, risk in risks(awards).items()]
    if batch.state is BatchState.STOPPED:
        lines.append("-# The batch was stopped, so nothing of it is sent again: use a new award where one is due.")
    elif batch.source != TAKEN_IN and not _is_given_up(call):
        lines.append(
            "-# What Bursar itself finds not to have arrived is sent again. If nothing more of this batch is to be"
            " sent, `/batch stop` it first."
        )
    lines.append(batch_text.receipt(view))
    target = f"c{call.attempt.id}" + (f".{awards[0].id}" if only is not None else "")
    buttons: list[list[discord.ui.Item[Any]]] = [[_decide(batch, decision, target, len(awards)) for decision in _VERBS]]
    if only is None and not call.whole and len(call.awards) > 1:
        buttons.append([_pick_menu(batch, call.pick(rows), names)])
        buttons.append(_row_pager(batch.id, at, rows, len(call.awards)))
    buttons.append(_pager(batch.id, at, len(calls), None if only is None else call.page_of(only)))
    word = "A person has to say" if _looked_at(call) or _is_given_up(call) else "Bursar has not looked yet"
    shown = [row for row in buttons if row]
    return card(title, tone=Tone.ATTENTION, word=word, practice=practice, lines=lines, rows=shown)


def _settled_card(view: BatchView, title: str, done: str | None, *, practice: bool) -> discord.ui.LayoutView:
    """No row of the batch is in doubt; but others may wait for doubts of another batch."""
    lines: list[Line] = [done] if done else []
    lines.append("No row of this batch is in doubt.")
    buttons: list[discord.ui.Item[Any]] = []
    if view.held_back.awards:
        lines.append(f"{batch_text.held_rows(view)}.")
        others = [batch_id for batch_id in view.held_back.batches if batch_id != view.batch.id]
        buttons = [button(f"Settle batch {other}", batch_button_id("doubts", other)) for other in others[:4]]
    rows = [[*buttons, button("Details", batch_button_id("show", view.batch.id))]]
    tone, word = (Tone.ATTENTION, "Rows wait for another batch") if buttons else (Tone.DONE, "Settled")
    return card(title, tone=tone, word=word, practice=practice, lines=lines, rows=rows)


def _evidence(call: Call, rows: int, said: Collection[str], unread: str | None) -> list[Line]:
    """``said``: everything that was found, of whichever row."""
    attempt = call.attempt
    status = f"the service answered HTTP {attempt.http_status}" if attempt.http_status else "there was no clear answer"
    lines: list[Line] = [f"**{count(rows, 'row')}** sent {when(attempt.claimed_at, 'F')}; {status}."]
    if attempt.detail:
        lines.append(f"What happened: {escape(attempt.detail, 300)}")
    looked = _looked_at(call)
    if looked is not None:
        # What was found about one row of several is no word about the others.
        found = f": {escape(next(iter(said)), 300)}" if len(said) == 1 else "; what was found stands beside each row."
        lines.append(f"Read back {when(looked, 'R')}{found}")
    elif _is_given_up(call):
        lines.append("Reading back cannot tell what became of it, and Bursar does not look any more.")
    elif unread is not None:
        lines.append(
            f"Not read back, and it cannot be: {escape(unread, 300)}. The operator can put the settings back; Bursar"
            " then looks by itself."
        )
    else:
        lines.append(
            "Not read back yet: Bursar does that by itself when the call is old enough, and may settle it then."
            " Waiting costs nothing."
        )
    if attempt.request_id:
        lines.append(f"Request at the service: {escape(attempt.request_id, 60)}")
    if attempt.job_id:
        lines.append(f"Job of the service: {escape(attempt.job_id, 60)}")
    return lines


def _is_given_up(call: Call) -> bool:
    return any(one.is_given_up for one in call.numbers.values())


def _looked_at(call: Call) -> int | None:
    """When the evidence was read, if it was."""
    return next((one.looked_at for one in call.numbers.values() if one.looked_at is not None), None)


def _row(award: Award, batch: Batch, numbers: Numbers, *, apart: bool) -> str:
    """``apart``: not the same was found of all rows."""
    unit = batch.destination.unit
    parts = [f"- Row {award.line}", who(award.recipient), points(award.amount, unit)]
    if numbers.before is not None and numbers.expected is not None:
        parts.append(f"before {display(numbers.before, unit)}, expected {display(numbers.expected, unit)}")
        if numbers.between:
            parts.append(f"{display(numbers.between, unit)} by later awards")
    if numbers.now is not None:
        parts.append(f"now {display(numbers.now, unit)}")
    elif apart and numbers.said:
        parts.append(escape(numbers.said, 150))
    if award.attempts > 1:
        parts.append(f"{award.attempts} calls so far")
    return " · ".join(parts)


def risks(awards: Sequence[Award]) -> Mapping[Decision, str]:
    """What each answer means for those who got, or lost, the points."""
    took = sum(1 for award in awards if award.amount < 0)
    if took == len(awards):
        return _RISKS_TAKEN
    return _RISKS_MIXED if took else _RISKS


def verb(decision: Decision, rows: int) -> str:
    """What the button of a decision says."""
    return _VERBS[decision][0 if rows == 1 else 1]


def _decide(batch: Batch, decision: Decision, target: str, rows: int) -> discord.ui.Button[Any]:
    label = verb(decision, rows) if rows == 1 else f"{verb(decision, rows)}: all {rows:,}"
    style = discord.ButtonStyle.danger if decision is Decision.SEND_AGAIN else discord.ButtonStyle.secondary
    return button(
        label, f"doubt:{decision.value}:{batch.id}:{target}", style=style, disabled=_too_final(batch, decision)
    )


def _too_final(batch: Batch, decision: Decision) -> bool:
    """A stopped batch sends nothing any more."""
    return decision is Decision.SEND_AGAIN and batch.state is BatchState.STOPPED


def _pick_menu(batch: Batch, awards: Sequence[Award], names: Mapping[str, str]) -> discord.ui.Select[Any]:
    """Mentions are numbers in a menu: who is known by name is named, the id beside it."""
    options = [
        discord.SelectOption(
            label=plain(f"Row {award.line} · {names.get(award.recipient.value, award.recipient.value)}"),
            description=plain(
                " · ".join(
                    [points(award.amount, batch.destination.unit)]
                    + ([award.recipient.value] if award.recipient.value in names else [])
                )
            ),
            value=str(award.id),
        )
        for award in awards
    ]
    return discord.ui.Select(
        custom_id=f"doubt:pick:{batch.id}", placeholder="Decide about one row alone", options=options
    )


def _row_pager(batch_id: int, at: int, rows: int, total: int) -> list[discord.ui.Item[Any]]:
    """Turns to other rows of a call that has more than can be picked at a time."""
    if total <= PICKED:
        return []
    first, last = rows * PICKED + 1, min(total, (rows + 1) * PICKED)
    return [
        button("Earlier rows", _rows_id(batch_id, at, max(0, rows - 1)), disabled=rows == 0),
        button(f"{first:,} to {last:,} of {total:,}", f"doubt:rows-here:{batch_id}", disabled=True),
        button("Later rows", _rows_id(batch_id, at, rows + 1), disabled=last == total),
    ]


def _rows_id(batch_id: int, at: int, rows: int) -> str:
    return f"doubt:rows:{batch_id}:{at}:{rows}"


def _pager(batch_id: int, at: int, calls: int, alone_on: int | None) -> list[discord.ui.Item[Any]]:
    """``alone_on``: the page of the one row that is shown alone."""
    if alone_on is not None:
        return [button("Back to the whole call", _rows_id(batch_id, at, alone_on))]
    if calls == 1:
        return []
    return [
        button("Previous call", f"doubt:page:{batch_id}:{max(0, at - 1)}", disabled=at == 0),
        button(f"Call {at + 1} of {calls}", f"doubt:here:{batch_id}", disabled=True),
        button("Next call", f"doubt:page:{batch_id}:{at + 1}", disabled=at + 1 >= calls),
    ]
