"""The emergency stop: nothing is recorded, resumed or claimed behind it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import Decision
from bot.domain.states import BatchState
from bot.errors import Refused
from bot.ledger.halts import Halted
from bot.ledger.ledger import Ledger
from bot.ledger.recording import Recorded
from bot.ledger.verifying import verify
from tests.ledger.making import (
    ADA,
    BOB,
    SHELL,
    STRANGER,
    agreed,
    batch_of,
    build,
    call,
    confirmation,
    draft,
    kinds,
    next_call,
    query,
    record,
    rows,
    states,
)

SERVER = "900"


async def test_every_open_batch_of_the_server_and_of_the_command_line_is_paused_and_no_other(ledger: Ledger):
    ours = [await batch_of(ledger, 3), await batch_of(ledger, 2)]
    theirs = await batch_of(ledger, 1, actor=STRANGER)
    ours.append(await batch_of(ledger, 1, actor=SHELL))
    halted = await ledger.halts.stop(SERVER, BOB, "wrong file")
    assert (halted.changed, halted.batches, halted.planned) == (True, tuple(ours), 6)
    for batch_id in ours:
        batch = await ledger.queries.batch(batch_id, None)
        assert (batch.state, batch.pause and batch.pause.message) == (
            BatchState.PAUSED,
            "Bob stopped everything: wrong file",
        )
        assert "batch-paused" in await kinds(ledger, batch_id)
        assert await next_call(ledger, batch_id, 9, build) is None
    assert (await ledger.queries.batch(theirs, None)).state is BatchState.OPEN
    assert await next_call(ledger, theirs, 9, build) is not None
    assert (await verify(ledger.database)).bad is None


async def test_the_command_line_stands_still_while_any_server_is_stopped(ledger: Ledger):
    shell = await batch_of(ledger, 1, actor=SHELL)
    await call(ledger, shell, OutcomeKind.UNKNOWN)
    await ledger.claims.finish_if_done(shell)
    ready = await draft(ledger, rows(2, first=7), actor=SHELL)
    for actor in (BOB, STRANGER):
        await ledger.halts.stop(str(actor.server_id), actor, "wrong file")
    await ledger.steering.resolve([1], Decision.SEND_AGAIN, SHELL, reason="seen")
    for server in ("", SERVER):
        if server:
            await ledger.halts.release(server, ADA, "all well")
        assert await next_call(ledger, shell, 9, build) is None
        with pytest.raises(Refused, match="stopped everything on"):
            await ledger.recording.record_batch(ready.id, confirmation(ready, SHELL))
    assert [one.by for one in await ledger.halts.stopped()] == [STRANGER]
    await ledger.halts.release(str(STRANGER.server_id), SHELL, "that server is gone")
    assert await next_call(ledger, shell, 9, build) is not None
    assert (await ledger.recording.record_batch(ready.id, confirmation(ready, SHELL))).awards == 2


async def test_nothing_is_recorded_or_resumed_until_the_release(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    ready = await draft(ledger, rows(2))
    await ledger.halts.stop(SERVER, BOB, "wrong file")
    with pytest.raises(Refused, match=r"Bob stopped everything in this server on .* \(wrong file\)"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    with pytest.raises(Refused, match="Bob stopped everything"):
        await ledger.steering.resume(batch_id, ADA)
    released = await ledger.halts.release(SERVER, ADA, "all well")
    assert (released.changed, released.paused) == (True, (batch_id,))
    assert await ledger.halts.in_force(SERVER) is None
    assert (await ledger.queries.batch(batch_id, None)).state is BatchState.PAUSED
    assert (await ledger.steering.resume(batch_id, ADA)).changed
    assert isinstance(await ledger.recording.record_batch(ready.id, await agreed(ledger, ready)), Recorded)


async def test_a_batch_that_opens_again_behind_the_stop_claims_nothing(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    await call(ledger, batch_id, OutcomeKind.UNKNOWN)
    await ledger.claims.finish_if_done(batch_id)
    await ledger.halts.stop(SERVER, BOB, "wrong file")
    await ledger.steering.resolve([1], Decision.SEND_AGAIN, ADA, reason="seen")
    assert (await ledger.queries.batch(batch_id, None)).state is BatchState.OPEN
    assert await next_call(ledger, batch_id, 9, build) is None
    await ledger.halts.release(SERVER, ADA, "all well")
    assert await next_call(ledger, batch_id, 9, build) is not None


async def test_of_two_stops_at_once_one_counts_and_the_other_reads_who(ledger: Ledger, path: Path):
    await batch_of(ledger, 1)
    results = await asyncio.gather(*(ledger.halts.stop(SERVER, who, who.name) for who in (ADA, BOB)))
    (first,) = [one for one in results if one.changed]
    (second,) = [one for one in results if not one.changed]
    assert second.halt == first.halt
    assert query(path, "SELECT count(*) FROM halts") == [(1,)]
    released = await asyncio.gather(*(ledger.halts.release(SERVER, ADA, "well") for _ in range(2)))
    assert sorted(one.changed for one in released) == [False, True]


async def test_a_batch_recorded_at_the_same_moment_is_paused_or_refused_but_never_open(ledger: Ledger):
    drafts = [await draft(ledger, rows(1, first=10 * number + 1)) for number in range(6)]

    async def confirm(number: int) -> Recorded | Halted:
        ready = drafts[number]
        return await ledger.recording.record_batch(ready.id, confirmation(ready))

    results = await asyncio.gather(
        *(confirm(number) for number in range(3)),
        ledger.halts.stop(SERVER, BOB, "wrong file"),
        *(confirm(number) for number in range(3, 6)),
        return_exceptions=True,
    )
    assert [type(one) for one in results if isinstance(one, Exception)] == [Refused] * 3
    for recorded in results:
        if isinstance(recorded, Recorded):
            assert (await ledger.queries.batch(recorded.batch_id, None)).state is BatchState.PAUSED
            assert await states(ledger, recorded.batch_id) == ["planned"]


async def test_a_stop_is_kept_as_it_was(ledger: Ledger):
    await record(ledger, rows(1))
    await ledger.halts.stop(SERVER, BOB, "wrong file")
    await ledger.halts.release(SERVER, ADA, "all well")
    for sql in ("UPDATE halts SET reason = 'x'", "UPDATE halts SET released_at = NULL", "DELETE FROM halts"):
        with pytest.raises(sqlite3.IntegrityError, match="halts are kept"):
            await ledger.database.write(lambda connection, sql=sql: connection.execute(sql).rowcount)  # type: ignore[misc]  # bound at once
    assert (await ledger.halts.stop(SERVER, BOB, "again")).changed
