"""What is known for judging doubts by reading back, and what came of it. Every method is one SQL transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.clock import Clock, milliseconds
from bot.domain.calls import Item
from bot.domain.judging import Doubted, Judgements, Listed, Numbers
from bot.domain.model import ProviderKind, Recipient
from bot.ledger import _balances, _calls, _evidence, _judgements, _listing, _tempering
from bot.ledger._evidence import Waiting
from bot.ledger._judgements import Settled
from bot.ledger._listing import Late
from bot.ledger.database import Database

__all__ = ["Evidence", "Late", "Mark", "Settled", "Upcoming", "Waiting"]


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest Gameball transaction that is known to have been listed."""

    transaction_id: int
    read_at: int
    """Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the next call of a batch would carry."""

    items: tuple[Item, ...]
    known: frozenset[int]
    """Awards whose recipients' balances are known well enough to judge a doubt by."""


class Evidence:
    """Only the dispatcher and the look-up of recipients call these."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # --- before a call ------------------------------------------------------------------------------------------

    async def upcoming(self, batch_id: int, limit: int, *, few: int | None = None) -> Upcoming:
        """What a claim would take now, and of which recipients the balance is known.

        With ``few`` (credentials), nothing where all balances are known, or where those of more than so many are not:
        both are quickly found.
        """
        now = self._now()

        def look(connection: sqlite3.Connection) -> Upcoming:
            if few is not None and not 0 < _balances.newcomers(connection, batch_id, limit, few + 1) <= few:
                return Upcoming((), frozenset())
            (kind,) = connection.execute("SELECT kind FROM batches WHERE id = ?", (batch_id,)).fetchone()
            found = _calls.claimable(connection, batch_id, kind, limit)
            before = _balances.before(ProviderKind(kind), found, now)
            known = (one.item.award_id for one, was in zip(found, before, strict=True) if was is not None)
            return Upcoming(tuple(one.item for one in found), frozenset(known))

        return await self._database.read(look)

    async def newcomers_ahead(self, batch_id: int, awards: int, most: int) -> int:
        """Credentials without a known balance among so many awards that come next, counted up to ``most``."""
        return await self._database.read(lambda c: _balances.newcomers(c, batch_id, awards, most))

    async def newcomers(self, draft_id: int, most: int = 1_000_000_000) -> int:
        """Rows of a draft that name a recipient whose balance would be read before the call, counted up to ``most``."""
        now = self._now()
        return await self._database.read(lambda c: _balances.newcomers_of_draft(c, draft_id, now, most))

    async def remember_balances(
        self,
        account: str,
        currency: str,
        readings: Mapping[str, int],
        *,
        read_at: float,
        nobody: Iterable[str] = (),
        settle_after: float = 0.0,
    ) -> None:
        """Balances by holder (``judging.holder_of``), as a read told them that began at ``read_at`` (Unix seconds).
        ``nobody``: those of them who are not there at all.

        What a call of ours did may show in reads only later, for ``settle_after`` seconds at most: until then a read
        tells nothing of its recipients that is not known already.
        """
        if readings:
            at, now, lag = milliseconds(read_at), self._now(), milliseconds(settle_after)
            await self._database.write(
                lambda c: _balances.remember(c, account, currency, readings, at, now, nobody, lag)
            )

    async def mark(self, account: str) -> Mark | None:
        """From where a later search for a transaction of ours may begin."""

        def look(connection: sqlite3.Connection) -> Mark | None:
            row = connection.execute(
                "SELECT transaction_id, read_at FROM marks WHERE account = ?", (account,)
            ).fetchone()
            return None if row is None else Mark(*row)

        return await self._database.read(look)

    async def strangers(self, tokens: Mapping[str, Listed]) -> Sequence[str]:
        """Those of these tokens that no call of this ledger had. What was made before a sign-off was signed off."""
        now = self._now()
        return await self._database.read(lambda c: _listing.strangers(c, tokens, now))

    async def late(self, tokens: Mapping[str, Listed]) -> Sequence[Late]:
        """Those of these tokens whose calls, of this ledger, were held not to have landed with any of their awards, or
        with those of customers whom the list names. Not the calls under a transaction id, which is taken once however
        often it is sent."""
        return await self._database.read(lambda c: _listing.late(c, tokens))

    async def planned_balances(self, batch_id: int, limit: int) -> Sequence[tuple[Item, int]]:
        """Planned awards of a batch with what their recipients had when that was last told, however long ago: of the
        ones that come next those whose amounts differ, as far as there are such."""

        def look(connection: sqlite3.Connection) -> list[tuple[Item, int]]:
            (kind,) = connection.execute("SELECT kind FROM batches WHERE id = ?", (batch_id,)).fetchone()
            found = _calls.claimable(connection, batch_id, kind, 10 * limit)
            known = [(one.item, one.balance) for one in found if one.balance is not None]
            seen: Counter[int] = Counter()
            turns = []
            for item, _ in known:
                turns.append(seen[item.amount])
                seen[item.amount] += 1
            by_turn = sorted(zip(turns, known, strict=True), key=lambda one: one[0])  # stable: else in their order
            return [one for _, one in by_turn[:limit]]

        return await self._database.read(look)

    async def advance_mark(self, account: str, transaction_id: int) -> None:
        """This transaction is in the list."""
        now = self._now()
        await self._database.write(lambda c: _judgements.advance(c, account, transaction_id, now))

    # --- after it -----------------------------------------------------------------------------------------------

    async def waiting(self, account: str | None = None) -> Sequence[Waiting]:
        """Calls with awards in doubt that evidence may still settle, oldest first. Not among them: those that were left
        to a person, and those of batches that are paused because nothing can be asked."""
        return await self._database.read(lambda c: _evidence.waiting(c, account))

    async def doubt(self, attempt_id: int) -> Doubted | None:
        """A call with its awards in doubt; ``None`` when none of them is (any more)."""
        return await self._database.read(lambda c: _evidence.doubt(c, attempt_id))

    async def numbers(self, attempt_id: int) -> Mapping[int, Numbers]:
        """What is known of every award of a call, for a person, by award id."""
        return await self._database.read(lambda c: _evidence.numbers(c, attempt_id))

    async def to_tell_apart(self, doubted: Doubted, found: Judgements) -> Sequence[Recipient]:
        """Whose accounts decide whether what was found may be believed (``Judgements.accounts``)."""
        return await self._database.read(lambda c: _tempering.to_tell_apart(c, doubted, found))

    async def record(
        self, doubted: Doubted, found: Judgements, *, most_looks: int, read_at: float, once_up_to: int = 0
    ) -> Settled:
        """Settle what is proved, with the numbers in the history, and keep the findings on the rest.

        Proved to have landed: applied. Proved not to: planned again, which opens a finished batch; in a stopped batch
        cancelled. Awards that somebody decided about meanwhile are left alone. After ``most_looks`` looks that could
        not read what they needed, and at once where what was read proves nothing, the rest is left to a person. Of a
        Gameball job up to ``once_up_to`` rows go on one by one, under ids that are taken once.
        """
        now, at = self._now(), milliseconds(read_at)
        return await self._database.write(
            lambda c: _judgements.record(c, doubted, found, most_looks, once_up_to, at, now)
        )

    async def forget_future(self) -> None:
        """Once the clock was seen to be set back: what is remembered as told in its future is forgotten."""
        now = self._now()
        await self._database.write(lambda c: _balances.forget_future(c, now))

    async def try_unread_again(self) -> None:
        """At start: evidence that could not be read the last time may be readable now."""
        await self._database.write(
            lambda c: c.execute("UPDATE looks SET looks = 0, left_for = NULL WHERE left_for = 'unread'").rowcount
        )

    def _now(self) -> int:
        return milliseconds(self._clock.now())
