"""Budgets in the ledger, judged in the transaction that records a batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.amounts import display
from bot.domain.budgets import Budget, BudgetUse, Period, in_force, period_start
from bot.domain.model import Actor, Destination
from bot.errors import LimitExceeded
from bot.ledger import events, matching
from bot.ledger._draft_values import Draft
from bot.ledger.database import Database
from bot.ledger.events import EventKind

SOURCE_FREE: Final = "undo"
"""What gives points back is nobody's spending."""

# An undo that may not have taken everything back frees nothing: give, let it be spent, undo, and give again.
# In two halves, since sum() of SQLite fails beyond 64 bits.
_SPENT: Final = (
    "SELECT coalesce(sum(a.amount / 1000000), 0), coalesce(sum(a.amount % 1000000), 0) FROM batches b"  # noqa: S608 # our words
    " CROSS JOIN awards a ON a.id BETWEEN b.first_award AND b.last_award"
    " WHERE b.server_id = ?1 AND b.actor_id = ?2 AND (b.account = ?3 OR b.programme = ?6)"
    " AND b.currency IS ?4 AND b.recorded_at >= ?5"
    f" AND b.source <> '{SOURCE_FREE}' AND a.amount > 0 AND {matching.STANDS_IN_PART}"
)


class Budgets:
    """What each server allows its people and roles."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, server_id: str) -> Sequence[Budget]:
        """Every budget of a server, by holder."""
        return await self._database.read(lambda connection: _all(connection, server_id))

    async def change(
        self, server_id: str, holder: str, amounts: Mapping[Period, str | None], actor: Actor
    ) -> Mapping[Period, str]:
        """Set the budgets of a holder (``None`` takes one away), with an event; returns those before."""
        now = milliseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> dict[Period, str]:
            before = {one.period: one.amount for one in _all(connection, server_id) if one.holder == holder}
            after = {**before, **amounts}
            for period, amount in after.items():
                where = (server_id, holder, period.value)
                connection.execute("DELETE FROM budgets WHERE server_id = ? AND holder = ? AND period = ?", where)
                if amount is not None:
                    connection.execute("INSERT INTO budgets VALUES (?, ?, ?, ?, ?, ?)", (*where, amount, now, actor.id))
            detail = {"name": f"budget of {holder}", "before": before, "after": _set(after)}
            kind = EventKind.SETTING_CHANGED
            rows = [("budgets", (server_id, holder, period.value)) for period in after]
            events.append(connection, now, kind, server_id=server_id, actor=actor, detail=detail, rows=rows)
            return before

        return await self._database.write(work)


def uses(
    connection: sqlite3.Connection, actor: Actor, roles: frozenset[str], draft: Draft, asked: int, now: int
) -> list[BudgetUse]:
    """What a batch that gives ``asked`` would take of each budget of the person who records it, shortest period first.
    A budget is one for each account and currency, by whatever key (``matching.namesake``).

    Raises ``LimitExceeded`` for a budget that the programme's unit cannot express.
    """
    if actor.server_id is None:
        return []
    to = draft.destination
    try:
        limits = in_force(_all(connection, actor.server_id), actor.id, roles, to.unit)
    except ValueError as error:
        raise LimitExceeded(
            f"your budget cannot be read in this programme's unit: {error}; nothing was sent",
            hint="An administrator corrects it with /settings.",
        ) from error
    found = []
    named = matching.namesake(to.kind.value, draft.programme)
    for period, limit in limits.items():
        since = period_start(period, now)
        where = (actor.server_id, actor.id, to.account, to.currency, since, named)
        high, low = connection.execute(_SPENT, where).fetchone()
        found.append(BudgetUse(period, limit, high * 1_000_000 + low, asked))
    return found


def check(found: Sequence[BudgetUse], to: Destination) -> None:
    """Raises ``LimitExceeded`` for the first budget that is too small."""
    for use in found:
        if use.exceeded:
            raise LimitExceeded(
                f"{exceeded(use, to)}; nothing was sent",
                hint="Send less, wait for the next period, or let somebody with a larger budget send it.",
            )


def exceeded(use: BudgetUse, to: Destination) -> str:
    """Why a budget is too small, as a part of a sentence."""
    asked, left, limit = (display(amount, to.unit) for amount in (use.asked, use.left, use.limit))
    when = "today" if use.period is Period.DAY else f"this {use.period.value}"
    return f"this gives {asked}, and {left} of your budget of {limit} are left {when}"


def _all(connection: sqlite3.Connection, server_id: str) -> list[Budget]:
    found = connection.execute(
        "SELECT holder, period, amount FROM budgets WHERE server_id = ? ORDER BY holder, period", (server_id,)
    )
    return [Budget(holder, Period(period), amount) for holder, period, amount in found]


def _set(amounts: Mapping[Period, str | None]) -> dict[str, str]:
    return {period.value: amount for period, amount in amounts.items() if amount is not None}
