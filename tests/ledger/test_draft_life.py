"""Drafts: hashed as shown, shared, cancelled, expired, purged."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import pytest

from bot import spool
from bot.domain.drafting import StagedRow
from bot.domain.intake import Held, pieces
from bot.domain.model import Problem
from bot.errors import DraftGone, LedgerError, NoRoom, NotFound, Refused
from bot.ledger import _drafts
from bot.ledger.drafts import DraftState
from bot.ledger.ledger import Ledger
from tests.ledger.making import (
    ADA,
    BOB,
    SHELL,
    STRANGER,
    HandClock,
    confirmation,
    draft,
    new_draft,
    query,
    record,
    row,
    rows,
)

DAY = 24 * 3600


def _problem(line: int, message: str = "no such member", column: str | None = "discord_id") -> Problem:
    return Problem(line, column, "unknown", message)


async def _all(ledger: Ledger, draft_id: int) -> list[StagedRow]:
    return list(await ledger.drafts.sample(draft_id, 1000))


# --- its life -------------------------------------------------------------------------------------------------------


async def test_a_draft_of_another_server_is_not_found_but_the_command_line_sees_it(ledger: Ledger):
    ready = await draft(ledger, rows(1))
    for look in (ledger.drafts.get(ready.id, STRANGER.server_id), ledger.drafts.cancel(ready.id, STRANGER)):
        with pytest.raises(NotFound):
            await look
    assert (await ledger.drafts.get(ready.id, SHELL.server_id)).id == ready.id
    with pytest.raises(NotFound):
        await ledger.drafts.get(ready.id + 1, None)


async def test_a_draft_of_the_command_line_is_not_found_in_a_server(ledger: Ledger):
    ready = await draft(ledger, rows(1), actor=SHELL)
    with pytest.raises(NotFound):
        await ledger.drafts.get(ready.id, ADA.server_id)


async def test_a_draft_is_gone_when_its_time_is_over(ledger: Ledger, clock: HandClock):
    ready = await draft(ledger, rows(1))
    clock.at += DAY - 0.001
    assert (await ledger.drafts.get(ready.id, None)).state is DraftState.READY
    assert [one.id for one in await ledger.drafts.open_drafts(None)] == [ready.id]
    clock.at += 0.001
    with pytest.raises(DraftGone, match="time is over"):
        await ledger.drafts.get(ready.id, None)
    with pytest.raises(DraftGone, match="time is over"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))
    assert await ledger.drafts.open_drafts(None) == []


async def test_a_cancelled_draft_is_gone_and_cannot_be_confirmed(ledger: Ledger, path: Path):
    ready = await draft(ledger, rows(1))
    await ledger.drafts.cancel(ready.id, BOB)
    for attempt in (
        ledger.drafts.get(ready.id, None),
        ledger.drafts.cancel(ready.id, ADA),
        ledger.recording.record_batch(ready.id, confirmation(ready)),
    ):
        with pytest.raises(DraftGone, match="was cancelled"):
            await attempt
    assert query(path, "SELECT kind, actor_name, detail FROM events WHERE seq > 1") == [
        ("draft-cancelled", "Bob", '{"draft": 1}')
    ]


async def test_open_drafts_are_those_that_can_be_confirmed_here_newest_first(ledger: Ledger):
    first = await draft(ledger, rows(1))
    second = await draft(ledger, rows(1), actor=BOB)
    await draft(ledger, rows(1), actor=STRANGER)
    reading = await ledger.drafts.create(new_draft())
    refused = await ledger.drafts.create(new_draft())
    await ledger.drafts.finish(refused, refused=True, summary={"refusal": "binary"})
    await record(ledger, rows(1))
    assert [one.id for one in await ledger.drafts.open_drafts(ADA.server_id)] == [second.id, first.id]
    assert len(await ledger.drafts.open_drafts(None)) == 3
    assert (await ledger.drafts.get(reading, None)).state is DraftState.READING
    assert (await ledger.drafts.get(refused, None)).state is DraftState.REFUSED


async def test_reading_again_begins_from_nothing(ledger: Ledger):
    ready = await draft(ledger, rows(3), [_problem(9)])
    await ledger.drafts.clear(ready.id)
    cleared = await ledger.drafts.get(ready.id, None)
    assert (cleared.state, cleared.content_hash, cleared.summary) == (DraftState.READING, None, {})
    assert await _all(ledger, ready.id) == []
    assert await ledger.drafts.problems(ready.id) == []
    await ledger.drafts.stage(ready.id, rows(2), ())
    again = await ledger.drafts.finish(ready.id, refused=False, summary={})
    assert again.content_hash != ready.content_hash
    with pytest.raises(DraftGone, match="changed after it was shown"):
        await ledger.recording.record_batch(ready.id, confirmation(ready))


async def test_a_draft_that_is_read_twice_at_once_keeps_one_reading(ledger: Ledger):
    draft_id = await ledger.drafts.create(new_draft())
    await ledger.drafts.stage(draft_id, rows(3), ())
    with pytest.raises(Refused, match="read a second time"):
        await ledger.drafts.stage(draft_id, [row(9, 9), *rows(3)], ())
    assert await _all(ledger, draft_id) == rows(3)


async def test_a_draft_that_was_recorded_or_finished_takes_no_more_rows(ledger: Ledger):
    ready = await draft(ledger, rows(1))
    for attempt in (
        ledger.drafts.stage(ready.id, [row(9, 9)], ()),
        ledger.drafts.finish(ready.id, refused=False, summary={}),
    ):
        with pytest.raises(DraftGone, match="in the meantime"):
            await attempt
    recorded = await ledger.recording.record_batch(ready.id, confirmation(ready))
    for attempt in (
        ledger.drafts.clear(ready.id),
        ledger.drafts.replace(ready.id, [2], (), ()),
        ledger.drafts.set_targets(ready.id, {2: "x"}, {}),
        ledger.drafts.update(ready.id, reason="other"),
    ):
        with pytest.raises(DraftGone) as gone:
            await attempt
        assert gone.value.batch_id == recorded.batch_id


async def test_a_draft_that_does_not_exist_takes_nothing(ledger: Ledger):
    number = 7
    with pytest.raises(DraftGone):
        await ledger.drafts.stage(number, rows(1), ())
    with pytest.raises(NotFound):
        await ledger.drafts.finish(number, refused=False, summary={})
    assert (await ledger.drafts.matches(number)).rows == 0


# --- files and purging ----------------------------------------------------------------------------------------------


async def test_a_file_is_stored_once_packed_and_comes_back_as_it_came(ledger: Ledger, path: Path):
    content = b"discord_id,amount\n" + b"1,2\n" * 100_000  # unpacked it is more than is kept in memory
    digest = hashlib.sha256(content).hexdigest()
    for _ in range(2):
        await ledger.drafts.create(new_draft(file_content=Held(content), file_sha256=digest))
    assert b"".join(pieces(await ledger.drafts.file(digest))) == content
    assert query(path, "SELECT sha256, size, length(content) < 10000 FROM files") == [(digest, len(content), 1)]
    with pytest.raises(NotFound, match="not kept any more"):
        await ledger.drafts.file("0" * 64)


async def test_a_stored_file_whose_end_is_missing_is_not_given_out_as_a_shorter_one(ledger: Ledger, path: Path):
    content = b"".join(b"%d,%d\n" % (number * number, number) for number in range(20_000))
    digest = hashlib.sha256(content).hexdigest()
    await ledger.drafts.create(new_draft(file_content=Held(content), file_sha256=digest))
    for damage in ("substr(content, 1, length(content) - 1000)", "CAST(x'00' || content AS BLOB)"):
        await ledger.database.write(lambda c, to=damage: c.execute(f"UPDATE files SET content = {to}"))  # type: ignore[misc]  # bound at once
        with pytest.raises(LedgerError, match="a file that the ledger keeps is damaged"):
            await ledger.drafts.file(digest)


async def test_a_file_for_which_there_is_no_room_makes_no_draft(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
):
    content = os.urandom(2 * spool.MEMORY_MAX)  # cannot be packed
    new = new_draft(file_content=Held(content), file_sha256=hashlib.sha256(content).hexdigest())

    def full(_file: int, _bytes: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoRoom, match="No space left on device"):
        await ledger.drafts.create(new)
    assert query(path, "SELECT count(*) FROM drafts") == [(0,)]


async def test_a_file_under_a_wrong_hash_is_a_slip_of_ours(ledger: Ledger):
    with pytest.raises(AssertionError):
        await ledger.drafts.create(new_draft(file_content=Held(b"x"), file_sha256="0" * 64))


async def test_a_file_that_was_purged_since_it_was_looked_for_is_stored_again(ledger: Ledger):
    digest = hashlib.sha256(b"x").hexdigest()
    new = new_draft(file_content=Held(b"x"), file_sha256=digest)
    draft_id = await ledger.database.write(lambda c: _drafts.create(c, new, None, 1, 2))
    assert draft_id == 1
    assert b"".join(pieces(await ledger.drafts.file(digest))) == b"x"
    packed = await ledger.database.read(lambda c: c.execute("SELECT content FROM files").fetchone()[0])
    assert zlib.decompress(packed) == b"x"


async def test_purging_takes_what_is_over_and_nothing_else(
    ledger: Ledger, clock: HandClock, path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_drafts, "PURGE_ROWS", 4)
    files = {name: name.encode() for name in ("expired", "cancelled", "recorded", "alive")}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}

    async def make(name: str) -> int:
        more = {"file_content": Held(files[name]), "file_sha256": hashes[name]}
        return (await draft(ledger, rows(10), [_problem(50), _problem(51)], **more)).id

    expired = await make("expired")
    clock.at += DAY
    cancelled, recorded, alive = [await make(name) for name in ("cancelled", "recorded", "alive")]
    await ledger.drafts.cancel(cancelled, ADA)
    ready = await ledger.drafts.get(recorded, None)
    batch_id = (await ledger.recording.record_batch(recorded, confirmation(ready, good_rows=True))).batch_id

    assert await ledger.drafts.purge() == 2
    assert query(path, "SELECT DISTINCT draft_id FROM draft_rows") == [(alive,)]
    assert query(path, "SELECT draft_id, count(*) FROM draft_problems") == [(alive, 2)]
    assert query(path, "SELECT count(*) FROM draft_rows") == [(10,)]
    kept = {digest for (digest,) in query(path, "SELECT sha256 FROM files")}
    assert kept == {hashes["recorded"], hashes["alive"]}
    assert (await ledger.drafts.get(recorded, None)).batch_id == batch_id
    for gone in (expired, cancelled):
        with pytest.raises(NotFound):
            await ledger.drafts.get(gone, None)
    assert await ledger.drafts.purge() == 0


async def test_a_recorded_draft_tells_its_batch_even_after_it_was_purged(ledger: Ledger, clock: HandClock):
    ready = await draft(ledger, rows(1))
    batch_id = (await ledger.recording.record_batch(ready.id, confirmation(ready, BOB))).batch_id
    clock.at += 2 * DAY
    assert (await ledger.drafts.get(ready.id, ADA.server_id)).batch_id == batch_id
    with pytest.raises(DraftGone, match="Bob confirmed this draft already"):
        await ledger.drafts.cancel(ready.id, ADA)
    await ledger.drafts.purge()
    for server_id in (ADA.server_id, None):
        with pytest.raises(DraftGone, match="Bob confirmed this draft already") as gone:
            await ledger.drafts.get(ready.id, server_id)
        assert gone.value.batch_id == batch_id
    with pytest.raises(NotFound):
        await ledger.drafts.get(ready.id, STRANGER.server_id)


async def test_a_purged_draft_never_lends_its_number_to_another(ledger: Ledger):
    ready = await draft(ledger, rows(1))
    await ledger.drafts.cancel(ready.id, ADA)
    await ledger.drafts.purge()
    assert (await draft(ledger, rows(1))).id == ready.id + 1
