"""Several calls of one account under way together: what they may share, and what one's end means for the others."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from bot.domain.model import Programme
from bot.domain.retrying import PAUSE_AFTER_UNCLEAR
from bot.errors import LedgerError
from bot.services.watching import Doing
from tests.ledger.making import attempts_of
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import STAFF, Rig, rig
from tests.support.patience import PATIENCE

ITEMS = programme_of("items", per_call=2)
FULL = LedgerError("the disk that holds it is full")
WARM = ["ok"] * 3
"""What the first three calls meet: a batch begins with one at a time, and each clear answer allows one more."""


def neighbour(programme: Programme = ITEMS, *, lanes: int = 4, **meets: object) -> partial[Neighbour]:
    return partial(Neighbour, programme, calls_at_once=lanes, **meets)  # type: ignore[arg-type]  # by keyword


# --- how many -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["items", "whole", "jobs"])
@pytest.mark.parametrize("lanes", [1, 2, 4])
async def test_as_many_calls_go_together_as_the_evidence_allows(style: str, lanes: int, tmp_path: Path) -> None:
    programme = programme_of(style, per_call=2)
    async with rig(tmp_path / "a.db", neighbour(programme, lanes=lanes, rest="slow:1")) as it:
        batch_id = await it.record(range(1, 37))
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("A" * 36, "1" * 36)
        assert it.neighbour.most_flying == lanes
        assert await it.state(batch_id) == "finished"


async def test_an_intent_is_written_while_the_one_before_is_not_yet_known_to_be(tmp_path: Path) -> None:
    jobs = programme_of("jobs", per_call=2)  # nothing is looked up for them
    async with rig(tmp_path / "a.db", neighbour(jobs)) as it:
        batch_id = await it.record(range(1, 41))
        held: list[int] = []
        known = 0

        async def hold() -> None:
            nonlocal known
            begun = len(await attempts_of(it.ledger, batch_id))
            together, known = begun > known + 1, begun  # under one commit, where the ledger's thread took so long
            if begun >= 6 and not held:
                held.append(begun)
                async with asyncio.timeout(PATIENCE):
                    while not together and len(await attempts_of(it.ledger, batch_id)) == begun:
                        pass

        it.database.after_write = hold
        it.start()
        await it.quiet()
        assert (len(held), await it.applied(batch_id)) == (1, "1" * 40)


async def test_no_intent_is_written_beside_another_that_takes_what_room_the_rate_limit_has(tmp_path: Path) -> None:
    jobs = programme_of("jobs", per_call=2)
    async with rig(tmp_path / "a.db", neighbour(jobs, admits_at_once=1)) as it:
        batch_id = await it.record(range(1, 41))
        waiting: list[int] = []

        async def look() -> None:
            for _ in range(5):
                begun = len(await attempts_of(it.ledger, batch_id))
                waiting.append(begun - len(it.neighbour.truth.calls))

        it.database.after_write = look
        it.start()
        await it.quiet()
        assert (max(waiting), await it.applied(batch_id)) == (1, "1" * 40)


async def test_several_batches_share_the_lanes_in_turn(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(rest="slow:1", lanes=3)) as it:
        large = await it.record(range(1, 41))
        small = await it.record([61, 62])
        it.start()
        await it.quiet(small)
        assert await it.states(small) == "AA"
        assert "P" in await it.states(large)
        await it.quiet()
        assert await it.states(large) == "A" * 40
        assert it.neighbour.most_flying == 3


async def test_jobs_that_calls_may_become_count_too(tmp_path: Path) -> None:
    jobs = programme_of("jobs", per_call=1)
    async with rig(tmp_path / "a.db", neighbour(jobs, rest="slow:1", job_seconds=500.0), job_wait=5000.0) as it:
        await it.record(range(1, 31))
        it.start()
        await it.clock.sleep(300)
        assert len(it.neighbour.jobs) == 10


async def test_two_kinds_of_programme_of_one_account_take_turns(tmp_path: Path) -> None:
    members = programme_of("whole", per_call=2)
    async with rig(tmp_path / "a.db", neighbour(rest="slow:1"), neighbour(members, rest="slow:1")) as it:
        first = await it.record(range(1, 17), programme=ITEMS.name)
        second = await it.record(range(21, 37), programme=members.name)
        it.start()
        await it.quiet()
        begun = sorted(at for found in it.neighbours.values() for at in found.truth.at)
        assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(begun))
        assert [await it.states(batch) for batch in (first, second)] == ["A" * 16] * 2


# --- one recipient in two calls -----------------------------------------------------------------------------------


async def test_a_recipient_of_a_call_under_way_waits_for_its_end_and_is_then_paid(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["slow:20"])) as it:
        first = await it.record([1, 2])
        it.start()
        await it.until(lambda: it.neighbour.flying == 1)
        second = await it.record([2, 3, 4])
        await it.clock.sleep(5)
        assert await it.states(second) == "PAA"  # who is in no call under way is paid beside it
        await it.quiet(second)  # not before the first call has ended
        assert (await it.states(first), await it.states(second)) == ("AA", "AAA")
        assert await it.applied(second) == "111"


async def test_a_recipient_is_in_one_call_at_a_time_whatever_name_it_goes_by(tmp_path: Path) -> None:
    from bot.domain.drafting import StagedRow
    from bot.domain.model import Recipient, RecipientType
    from bot.ledger.recording import Confirmation

    async with rig(tmp_path / "a.db", neighbour(script=["slow:20"])) as it:
        first = await it.record([1])
        it.start()
        await it.until(lambda: it.neighbour.flying == 1)
        target = "500000000000000001"
        row = StagedRow(2, None, Recipient(RecipientType.TWITTER_ID, "77"), target, 5, None)
        draft_id = await it.draft(ITEMS, [row], STAFF)
        draft = await it.ledger.drafts.get(draft_id, None)
        confirmation = Confirmation(STAFF, draft.content_hash or "", again=True, start_delay_seconds=0.0)
        second = (await it.ledger.recording.record_batch(draft_id, confirmation)).batch_id
        it.dispatcher.wake(second)
        await it.clock.sleep(5)
        assert (await it.states(first), await it.states(second)) == ("S", "P")
        await it.quiet()
        assert await it.states(second) == "A"


async def test_a_call_that_ends_in_doubt_holds_its_recipients_back_and_nobody_waits_for_them(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-after"], rest="slow:5")) as it:
        first = await it.record([1, 2])
        second = await it.record([2, 3])
        it.start()
        await it.quiet()
        assert (await it.states(first), await it.states(second)) == ("UU", "PA")


async def test_nobody_waits_for_a_call_that_has_nothing_to_do_with_the_batch(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["lost-after"], rest="slow:50")) as it:
        doubtful = await it.record([1])
        it.start()
        await it.quiet()
        await it.record(range(11, 31))
        blocked = await it.record([1])
        began = it.clock.now()
        await it.quiet(blocked)
        assert (await it.states(doubtful), await it.states(blocked)) == ("U", "P")
        assert it.clock.now() - began < 60  # its one look takes a lane, which a call must leave first


async def test_halves_of_a_refused_call_go_beside_others(tmp_path: Path) -> None:
    whole = programme_of("whole", per_call=4)
    async with rig(tmp_path / "a.db", neighbour(whole, rest="slow:1", bad=[3, 10], shows_bad=False)) as it:
        batch_id = await it.record(range(1, 17))
        it.start()
        await it.quiet()
        assert await it.states(batch_id) == "AARAAAAAARAAAAAA"
        assert await it.applied(batch_id) == "1101111110111111"


# --- trouble ------------------------------------------------------------------------------------------------------


async def test_after_a_doubt_calls_go_one_at_a_time_until_an_answer_is_clear(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=[*WARM, *["lost-before"] * 7], rest="slow:3")) as it:
        batch_id = await it.record(range(1, 61))
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 11)
        await it.clock.sleep(2)
        assert (len(it.neighbour.truth.calls), it.neighbour.flying) == (11, 1)
        await it.quiet()
        assert await it.states(batch_id) == "A" * 6 + "U" * 14 + "A" * 40
        assert it.neighbour.most_flying == 4


async def test_a_service_that_always_loses_answers_causes_few_more_doubts_than_one_at_a_time(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=WARM, rest="lost-before")) as it:
        batch_id = await it.record(range(1, 101))
        it.start()
        await it.quiet()
        assert await it.state(batch_id) == "paused:unclear"
        assert PAUSE_AFTER_UNCLEAR <= len(it.neighbour.truth.calls) - len(WARM) <= PAUSE_AFTER_UNCLEAR + 3
        assert len(it.told.pauses) == 1


async def test_calls_that_reach_nobody_together_count_once(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=[*WARM, *["away"] * 20]), patient=True) as it:
        batch_id = await it.record(range(1, 41))
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) > 23, every=1.0)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "A" * 40
        at = it.neighbour.truth.at
        gaps = [later - earlier for earlier, later in itertools.pairwise(at[6:12])]
        assert gaps == pytest.approx([1, 2, 4, 8, 16], abs=0.2)


async def test_what_one_call_is_asked_to_wait_holds_though_another_is_answered_later(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["ok", "slow:5", "429:100"], rest="slow:5", lanes=2)) as it:
        await it.record(range(1, 9))
        it.start()
        await it.quiet()
        _, first, second, third, *_ = it.neighbour.truth.at
        assert second - first < 1
        assert third - second >= 100


async def test_a_key_that_all_calls_under_way_are_refused_for_is_told_once(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=[*WARM, *["key"] * 4])) as it:
        batch_id = await it.record(range(1, 23))
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("A" * 6 + "P" * 16, "paused:key")
        assert len(it.neighbour.truth.calls) == 7
        assert len(it.told.pauses) == 1
        it.neighbour.script = ["key"]  # the first one goes alone
        await it.batches.resume(batch_id, STAFF)
        await it.quiet(batch_id)
        assert len(it.told.pauses) == 2
        await it.batches.resume(batch_id, STAFF)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "A" * 22


async def test_a_defect_in_one_call_leaves_the_others_alone(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=[*WARM, "slow:5", "raise-after", "slow:5"])) as it:
        batch_id = await it.record(range(1, 15))
        it.start()
        await it.quiet()
        assert await it.states(batch_id) == "A" * 8 + "UU" + "AAAA"
        assert await it.applied(batch_id) == "1" * 14


# --- pausing, stopping, ending --------------------------------------------------------------------------------------


@asynccontextmanager
async def under_way(tmp_path: Path, lanes: int) -> AsyncIterator[tuple[Rig, int, int]]:
    """A batch of 16 awards, two a call, with three calls made and as many under way as go together; how many awards
    these are."""
    async with rig(tmp_path / "a.db", neighbour(script=WARM, rest="slow:5", lanes=lanes)) as it:
        batch_id = await it.record(range(1, 17))
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == len(WARM) + lanes)
        assert it.neighbour.flying == lanes
        yield it, batch_id, 2 * (len(WARM) + lanes)


@pytest.mark.parametrize("lanes", [1, 3])
async def test_a_pause_waits_for_every_call_under_way_and_a_resume_goes_on(lanes: int, tmp_path: Path) -> None:
    async with under_way(tmp_path, lanes) as (it, batch_id, sent):
        await it.batches.pause(batch_id, STAFF)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "A" * sent + "P" * (16 - sent)
        assert await it.state(batch_id) == "paused:person"
        assert it.dispatcher.activity(batch_id).doing is Doing.NOTHING
        await it.batches.resume(batch_id, STAFF)
        await it.quiet(batch_id)
        assert await it.states(batch_id) == "A" * 16
        assert it.told.pauses == []  # the person knows


@pytest.mark.parametrize("lanes", [1, 3])
async def test_a_stop_cancels_the_rest_and_waits_for_every_call_under_way(lanes: int, tmp_path: Path) -> None:
    async with under_way(tmp_path, lanes) as (it, batch_id, sent):
        steered = await it.batches.stop(batch_id, STAFF)
        await it.quiet(batch_id)
        assert steered.awards == 16 - sent
        assert await it.states(batch_id) == "A" * sent + "C" * (16 - sent)
        assert await it.state(batch_id) == "stopped"


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_paused_batch_whose_last_calls_come_back_is_finished(lanes: int, tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["ok", "slow:5", "slow:9"], lanes=lanes)) as it:
        batch_id = await it.record(range(1, 3 + 2 * lanes))
        it.start()
        await it.until(lambda: len(it.neighbour.truth.calls) == 1 + lanes)
        await it.batches.pause(batch_id, STAFF)
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("AA" + "AA" * lanes, "finished")


@pytest.mark.parametrize("lanes", [1, 3])
async def test_stopping_awaits_and_records_every_call_under_way_and_begins_no_other(lanes: int, tmp_path: Path) -> None:
    async with under_way(tmp_path, lanes) as (it, batch_id, sent):
        it.dispatcher.stop()
        await it.quiet(batch_id)  # returns although there is work left
        await it.stop()
        assert await it.states(batch_id) == "A" * sent + "P" * (16 - sent)
        assert len(it.neighbour.truth.calls) == len(WARM) + lanes


@pytest.mark.parametrize("lanes", [1, 3])
async def test_a_cancelled_dispatcher_sees_every_call_to_its_end(lanes: int, tmp_path: Path) -> None:
    async with under_way(tmp_path, lanes) as (it, batch_id, sent):
        assert it.running is not None
        it.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await it.running
        assert await it.states(batch_id) == "A" * sent + "P" * (16 - sent)
        await it.quiet(batch_id)  # nobody works any more, so nobody waits


# --- a ledger that does not take an outcome ---------------------------------------------------------------------------


async def test_nothing_is_begun_while_the_outcome_of_one_call_cannot_be_recorded(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["slow:1", "ok"], rest="slow:8", lanes=2)) as it:
        batch_id = await it.record(range(1, 15))
        began = it.clock.now()

        def before_write() -> None:
            if 1.005 < it.clock.now() - began < 16 and it.neighbour.flying < 2:
                raise FULL

        it.database.before_write = before_write
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("A" * 14, "1" * 14)
        _, first, second, third, *_ = it.neighbour.truth.at
        assert second - first < 1
        assert third - first > 15  # an intent that could not be written would have ended the work


async def test_a_ledger_that_is_lost_ends_the_work_when_every_call_has_come_back(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(script=["ok", "ok"], rest="slow:100", lanes=2)) as it:
        batch_id = await it.record(range(1, 15))

        def before_write() -> None:
            if len(it.neighbour.truth.calls) == 3:
                raise FULL

        it.database.before_write = before_write
        it.start()
        await it.quiet()
        assert it.running is not None
        with pytest.raises(LedgerError, match="full"):
            await it.running
        assert await it.states(batch_id) == "AA" + "S" * 4 + "P" * 8
        assert (len(it.neighbour.truth.calls), it.neighbour.flying) == (3, 0)


async def test_a_call_that_the_rate_limit_holds_back_after_its_claim_does_not_leave_late(tmp_path: Path) -> None:
    """What a crash leaves of it is judged by the age of its claim."""
    async with rig(tmp_path / "a.db", neighbour(script=["held:300"])) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AA", "11")
        assert len(it.neighbour.truth.at) == 2
