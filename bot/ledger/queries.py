"""Read-only questions for commands, cards and reports. Own connections; nothing here can block the writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final

from bot.domain.model import Award, Batch, Counts
from bot.domain.states import AwardState
from bot.errors import NotFound
from bot.ledger import _evidence, _jobs, _queries, _rows
from bot.ledger._line_statuses import LineStatuses
from bot.ledger._query_values import NOTHING_HELD_BACK, Attempt, Calls, Event, HeldBack, LineStatus
from bot.ledger._tallies import NOTHING_TALLIED, Tallies, Tally
from bot.ledger.database import Database

_SEEN_FROM_2: Final = _queries.SEEN_FROM_2
_AT_WORK: Final = "b.state IN ('open', 'paused')"
_NEWEST: Final = (
    f"{_SEEN_FROM_2} AND (?4 IS NULL OR b.actor_id = ?4) AND (?5 IS NULL OR b.id < ?5)"
    " ORDER BY b.id DESC LIMIT ?3 OFFSET ?1"
)

__all__ = ["NOTHING_HELD_BACK", "Attempt", "Calls", "Event", "HeldBack", "LineStatus", "Queries", "Tally"]


class Queries:
    """``server_id`` None means the command line: every server.

    A batch that the command line recorded belongs to no server and is seen from each. Which servers may ask at all is
    judged before (``ui.permissions``): only those that the operator bound the accounts to.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tallies = Tallies()

    async def ledger_id(self) -> str:
        """The id that the ledger was given when it was made."""
        return (await self._database.read(_queries.ledger))[0]

    async def is_practice(self) -> bool:
        """Whether everything in this ledger went to the stand-ins."""
        return (await self._database.read(_queries.ledger))[1]

    async def batch(self, batch_id: int, server_id: str | None) -> Batch:
        """Raises ``NotFound``, also for another server's batch."""
        found = await self._batches(f"b.id = ?1 AND {_SEEN_FROM_2}", (batch_id, server_id))
        if not found:
            raise NotFound(f"there is no batch {batch_id} here", hint="/batch list shows those there are.")
        return found[0]

    async def batches(
        self,
        server_id: str | None,
        *,
        limit: int = 25,
        offset: int = 0,
        before: int | None = None,
        only_of: str | None = None,
    ) -> Sequence[Batch]:
        """Newest first, without the ``offset`` newest; ``before`` = ids below it, ``only_of`` = those that this person
        recorded."""
        return await self._batches(_NEWEST, (offset, server_id, limit, only_of, before))

    async def batches_counted(
        self, server_id: str | None, *, limit: int, only_of: str | None = None
    ) -> Sequence[tuple[Batch, Counts]]:
        """The newest with their counts, as one question: it is asked at every letter that somebody types."""

        def work(connection: sqlite3.Connection) -> list[tuple[Batch, Counts]]:
            found = _batches(_NEWEST, (0, server_id, limit, only_of, None), connection)
            tallies = self._tallies.of([batch.id for batch in found], connection)
            return [(batch, tallies[batch.id].counts) for batch in found]

        return await self._database.read(work)

    async def how_many(self, server_id: str | None, *, most: int, only_of: str | None = None) -> int:
        """How many batches ``batches`` has in all, or ``most``."""
        return await self._database.read(partial(_how_many, (0, server_id, most, only_of, None)))

    async def batches_at_work(self) -> Sequence[Batch]:
        """Open and paused batches of every server, oldest first."""
        return await self._batches(f"{_AT_WORK} ORDER BY b.id")

    async def batches_to_see_to(self, *, doubts: bool) -> Sequence[Batch]:
        """Those at work, and others with a job to follow or (``doubts``) a call that evidence may still settle: all as
        of one moment, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Batch]:
            others = {job.batch_id for job in _jobs.accepted(connection, None)}
            if doubts:
                others |= {one.batch_id for one in _evidence.waiting(connection, None)}
            either = f"({_AT_WORK} OR b.id IN (SELECT value FROM json_each(?1))) ORDER BY b.id"  # noqa: S608 # our words
            return _batches(either, (_rows.as_json(sorted(others)),), connection)

        return await self._database.read(work)

    async def unfinished(self) -> Sequence[Batch]:
        """Batches that are open, or have awards in doubt, oldest first (what ``resume`` looks at)."""
        where = (
            "b.id IN (SELECT id FROM batches WHERE state = 'open'"
            " UNION SELECT batch_id FROM awards WHERE state = 'unknown') ORDER BY b.id"
        )
        return await self._batches(where)

    async def counts(self, batch_id: int) -> Counts:
        """Awards by state; none for a batch that does not exist."""
        return (await self.counts_many((batch_id,))).get(batch_id, Counts())

    async def counts_many(self, batch_ids: Sequence[int]) -> Mapping[int, Counts]:
        """Awards by state, by batch."""
        return {batch_id: tally.counts for batch_id, tally in (await self._tallied(batch_ids)).items()}

    async def tally(self, batch_id: int) -> Tally:
        """Counts and sums by state, as of one moment."""
        return (await self._tallied((batch_id,))).get(batch_id, NOTHING_TALLIED)

    async def sums(self, batch_id: int) -> Mapping[AwardState, int]:
        """Sum of amounts by state; states without awards are absent."""
        return (await self.tally(batch_id)).sums

    async def _tallied(self, batch_ids: Sequence[int]) -> Mapping[int, Tally]:
        return await self._database.read(partial(self._tallies.of, batch_ids))

    async def awards(
        self, batch_id: int | None, *, states: Sequence[AwardState] | None = None, chunk: int = 1000
    ) -> AsyncIterator[Sequence[Award]]:
        """Awards by id, in chunks; of every batch without ``batch_id``."""
        after = 0
        while part := await self._database.read(partial(_queries.awards, batch_id, states, after, chunk)):
            yield part
            after = part[-1].id

    async def held_back(self, batch_id: int, *, limit: int = 5) -> HeldBack:
        """What of the batch waits for doubts, and the first ``limit`` of those doubts."""
        return await self._database.read(partial(_queries.held_back, batch_id, limit))

    async def held_back_ahead(self, draft_id: int, account: str, server_id: str | None, *, limit: int = 5) -> HeldBack:
        """What of a draft would wait for doubts at the account."""
        return await self._database.read(partial(_queries.held_back_ahead, draft_id, account, server_id, limit))

    async def calls(self, batch_id: int, most: int) -> Calls:
        """What became of the batch's calls, with the last ``most`` that did not go through whole."""
        return await self._database.read(partial(_queries.calls, batch_id, most))

    async def calls_since(self, account: str, since_ms: int) -> int:
        """Calls of an account that were begun since then, for whichever batch."""
        return await self._database.read(partial(_queries.calls_since, account, since_ms))

    async def attempt(self, attempt_id: int) -> Attempt:
        """Raises ``NotFound``."""
        found = await self._database.read(partial(_queries.attempts, "id = ?", (attempt_id,)))
        if not found:
            raise NotFound(f"there is no attempt {attempt_id}")
        return found[0]

    async def events(self, batch_id: int) -> Sequence[Event]:
        """Oldest first."""
        return await self._database.read(partial(_queries.events, batch_id))

    async def line_statuses(self, batch_id: int) -> Mapping[int, LineStatus]:
        """By original line: every line behind an award, and every line that was left out."""
        statuses = LineStatuses()
        after: int | None = 0
        while after is not None:
            after = await self._database.read(partial(_queries.award_lines, batch_id, after, statuses.add_awards))
        await self._database.read(partial(_queries.left_out, batch_id, statuses.add_left_out))
        await asyncio.to_thread(statuses.sort)
        return statuses

    async def request(self, batch_id: int) -> Mapping[str, object]:
        """How the batch's file was read (``drafts.NewDraft.request``)."""
        return _rows.mapping(await self._database.read(partial(_queries.request, batch_id)))

    async def continued(self, award_ids: Sequence[int], server_id: str | None) -> Mapping[int, Award]:
        """For a file with award ids: each id's newest successor by ``continues`` (itself when it has none). Ids that
        are not to be seen from this server are absent."""
        return await self._database.read(partial(_queries.continued, list(award_ids), server_id))

    async def awards_by_id(self, award_ids: Sequence[int]) -> Mapping[int, Award]:
        """The awards of these ids, whichever server's: for ids that ``continued`` gave."""
        found = await self._awards("a.id IN (SELECT value FROM json_each(?))", (_rows.as_json(list(award_ids)),))
        return {award.id: award for award in found}

    async def taken_back(self, award_ids: Sequence[int]) -> Mapping[int, int]:
        """Of these awards, those that an undo took back, with its batch. One that is still under way is none."""
        return await self._database.read(partial(_queries.taken_back, list(award_ids)))

    async def children(self, batch_id: int) -> Sequence[Batch]:
        """Batches that retry or continue this one."""
        return await self._batches("b.parent_id = ? ORDER BY b.id", (batch_id,))

    async def retryable(self, batch: Batch) -> int:
        """Awards of the batch that a retry takes up and that no later award continues."""
        return await self._database.read(partial(_queries.retryable, batch.id, batch.sent_again))

    async def _batches(self, where: str, values: tuple[object, ...] = ()) -> list[Batch]:
        return await self._database.read(partial(_batches, where, values))

    async def _awards(self, where: str, values: tuple[object, ...]) -> list[Award]:
        sql = f"SELECT {_rows.AWARD} FROM awards a WHERE {where}"  # noqa: S608 # our words

        def work(connection: sqlite3.Connection) -> list[Award]:
            return [_rows.award(row) for row in connection.execute(sql, values)]

        return await self._database.read(work)


def _batches(where: str, values: tuple[object, ...], connection: sqlite3.Connection) -> list[Batch]:
    sql = f"SELECT {_rows.BATCH} FROM batches b WHERE {where}"  # noqa: S608 # our words
    return [_rows.batch(row) for row in connection.execute(sql, values)]


def _how_many(values: tuple[object, ...], connection: sqlite3.Connection) -> int:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM batches b WHERE {_NEWEST})"  # noqa: S608 # our words
    return int(connection.execute(sql, values).fetchone()[0])
