"""Accepted jobs: followed to their end, given up on, late, lost, stopped, and across restarts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from bot.domain.lanes import Plan
from bot.domain.model import Decision, Pause, PauseKind
from bot.services.following import Follower
from bot.services.quarantine import Quarantine
from bot.services.sending import make_call
from bot.services.standing import Standing
from bot.services.watching import Doing
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import STAFF, Rig, rig

JOBS = programme_of("jobs", per_call=2)


def neighbour(**meets: object) -> partial[Neighbour]:
    return partial(Neighbour, JOBS, **meets)  # type: ignore[arg-type]  # by keyword


def same(found: Neighbour) -> object:
    """The same service at the next start of the program."""
    return lambda **_: found


async def test_small_jobs_are_asked_about_at_once_and_slow_ones_rarely(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=100.0), job_wait=900.0) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.until(lambda: it.neighbour.truth.polls == 1)
        assert it.clock.now() - it.neighbour.truth.at[0] < 0.4
        assert it.dispatcher.activity(batch_id).doing is Doing.FOLLOWING
        await it.quiet()
        assert await it.states(batch_id) == "AA"
        assert 8 < it.neighbour.truth.polls < 20


async def test_a_job_that_ends_after_it_was_given_up_settles_its_doubts(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=500.0, bad=[2]), job_wait=60.0) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("UU", "finished")
        told = len(it.told.changes)
        await it.clock.sleep(1000)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AR", "10")
        assert len(it.told.changes) > told
        assert it.dispatcher.activity(batch_id).doing is Doing.NOTHING


async def test_a_job_that_is_given_up_frees_the_way_for_others(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_ending="never"), job_wait=60.0) as it:
        batch_id = await it.record(range(1, 25))
        it.start()
        await it.clock.sleep(30)
        assert len(it.neighbour.jobs) == 10
        assert it.dispatcher.activity(batch_id).detail == "waiting for earlier jobs to end"
        await it.quiet()
        assert len(it.neighbour.jobs) == 12
        assert await it.states(batch_id) == "U" * 24


async def test_no_more_than_ten_jobs_are_in_flight(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=5.0)) as it:
        batch_id = await it.record(range(1, 41))
        it.start()
        most = 0
        while await it.state(batch_id) == "open":
            await it.clock.sleep(0.1)
            now = it.clock.now()
            most = max(most, sum(1 for job in it.neighbour.jobs.values() if job.ends_at > now))
        assert most == 10
        assert await it.applied(batch_id) == "1" * 40


async def stopped_during_its_post(it: Rig) -> int:
    """A batch of four awards, of which two are on their way when it is stopped."""
    batch_id = await it.record([1, 2, 3, 4])
    it.start()
    await it.until(lambda: it.neighbour.flying == 1, every=0.001)
    await it.batches.stop(batch_id, STAFF)
    await it.quiet(batch_id)
    return batch_id


async def test_a_batch_that_is_stopped_during_its_post_is_followed_all_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await stopped_during_its_post(it)
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AACC", "1100")


async def test_a_job_of_a_stopped_batch_is_given_up_like_any_other(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_ending="never"), job_wait=60.0) as it:
        batch_id = await stopped_during_its_post(it)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("UUCC", "stopped")


async def test_a_service_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(follows=["429"])) as it:
        await it.record([1, 2])
        it.start()
        await it.until(lambda: it.neighbour.truth.polls == 1)
        await it.clock.sleep(39)
        assert it.neighbour.truth.polls == 1
        await it.quiet()
        assert it.neighbour.truth.polls == 2


async def test_a_service_that_asks_for_a_week_is_asked_again_after_an_hour_and_its_rows_are_in_doubt(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path / "a.db", neighbour(follows=["429 for a week"])) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("UU", "finished")
        assert it.clock.now() - it.neighbour.truth.at[0] < 60
        await it.clock.sleep(3000)
        assert it.neighbour.truth.polls == 1
        await it.clock.sleep(700)
        assert (await it.states(batch_id), it.neighbour.truth.polls) == ("AA", 2)


@pytest.mark.parametrize("meets", ["unknown", "undone"])
async def test_a_job_that_was_known_and_is_not_surely_over_is_waited_for(meets: str, tmp_path: Path) -> None:
    """Else the list, which does not show it yet, would be taken to prove that it did nothing, and all be paid twice."""
    follows = ["running", *[meets] * 7]
    job = neighbour(follows=follows, job_seconds=200.0)
    async with rig(tmp_path / "a.db", job, settle_after_seconds=20.0, job_wait=900.0) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.until(lambda: it.neighbour.truth.polls >= 8)
        assert await it.states(batch_id) == {"unknown": "SS", "undone": "AS"}[meets]
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AA", "11")
        assert len(it.neighbour.truth.calls) == 1


@pytest.mark.parametrize("meets", ["unknown", "undone"])
async def test_it_is_not_waited_for_longer_than_any_other_job(meets: str, tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(follows=[meets] * 50), job_wait=60.0) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet(batch_id)
        assert it.clock.now() - it.neighbour.truth.at[0] == pytest.approx(60.0, abs=1)
        assert await it.states(batch_id) == {"unknown": "UU", "undone": "AU"}[meets]
        assert await it.ledger.claims.jobs() == []


async def test_jobs_are_followed_after_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=30.0)) as it:
        batch_id = await it.record([1, 2, 3, 4])
        it.start()
        await it.until(lambda: len(it.neighbour.jobs) == 2)
        await it.stop()
        assert await it.states(batch_id) == "SSSS"
        clock, found = it.clock, it.neighbour
    async with rig(tmp_path / "a.db", same(found), clock=clock) as it:  # type: ignore[arg-type]  # called by keyword
        it.start()
        await it.quiet()
        assert (await it.states(batch_id), await it.applied(batch_id)) == ("AAAA", "1111")
        assert len(found.truth.calls) == 2


async def test_a_job_older_than_the_wait_is_asked_once_after_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=30.0)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.until(lambda: len(it.neighbour.jobs) == 1)
        await it.stop()
        clock, found = it.clock, it.neighbour
    clock.set_ahead(3 * 24 * 3600)
    async with rig(tmp_path / "a.db", same(found), clock=clock) as it:  # type: ignore[arg-type]  # called by keyword
        it.start()
        await it.quiet()
        assert await it.states(batch_id) == "AA"


async def test_a_decision_closes_the_question_and_a_late_report_changes_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=500.0), job_wait=60.0) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet(batch_id)
        for doubt in await it.batches.doubts(batch_id, STAFF):
            ids = [award.id for award in doubt.awards]
            await it.batches.resolve(batch_id, ids, Decision.WRITE_OFF, STAFF, reason="they were paid by hand")
        await it.clock.sleep(1000)
        assert await it.states(batch_id) == "WW"


async def test_rows_sent_again_do_not_take_the_report_of_the_first_job(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=500.0, bad=[2]), job_wait=60.0) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet(batch_id)
        _, second = await it.batches.doubts(batch_id, STAFF)
        again = [award.id for award in second.awards]
        await it.batches.resolve(batch_id, again, Decision.SEND_AGAIN, STAFF, reason="it was not there")
        it.neighbour.job_ending = "never"  # the second job says nothing, so only the first could speak
        await it.quiet(batch_id)
        await it.clock.sleep(2000)
        assert await it.states(batch_id) == "AU"
        assert len(it.neighbour.jobs) == 2


async def test_a_key_that_is_refused_while_following_is_told_once_and_the_job_is_settled_later(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(follows=["key"] * 3)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.quiet(batch_id)
        assert (await it.states(batch_id), await it.state(batch_id)) == ("UU", "paused:key")
        await it.clock.sleep(600)
        assert [pause.kind for _, pause in it.told.pauses] == [PauseKind.KEY]
        assert (await it.states(batch_id), await it.state(batch_id)) == ("AA", "finished")


async def test_a_job_of_settings_that_are_gone_is_in_doubt_until_they_are_back(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_seconds=30.0)) as it:
        batch_id = await it.record([1, 2])
        it.start()
        await it.until(lambda: len(it.neighbour.jobs) == 1)
        await it.stop()
        clock, found = it.clock, it.neighbour
    elsewhere = partial(Neighbour, programme_of("jobs", account="b" * 24))
    async with rig(tmp_path / "a.db", elsewhere, clock=clock) as it:
        it.start()
        await it.quiet()
        assert await it.states(batch_id) == "UU"
        assert it.neighbour.truth.polls == 0
    async with rig(tmp_path / "a.db", same(found), clock=clock) as it:  # type: ignore[arg-type]  # called by keyword
        it.start()
        await it.until(lambda: found.truth.polls > 0)
        await it.quiet()
        assert await it.states(batch_id) == "AA"


async def test_a_job_that_is_accepted_while_the_jobs_are_read_is_on_the_list(tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour()) as it:
        batch_id = await it.record([1, 2])
        account = JOBS.destination.account
        follower = Follower(
            *(it.ledger, it.clock, account, lambda _: None, _ignored, lambda *_: None, Standing(it.clock)),
            job_wait_seconds=60.0,
            stop_after_seconds=None,
        )

        async def accepted() -> None:
            batch = await it.ledger.queries.batch(batch_id, None)
            await make_call(it.ledger, it.neighbour, it.clock, Quarantine(it.clock, 120.0), batch, Plan(3))
            follower.forget()

        it.database.after_read = accepted
        assert [job.job_id for job in await follower.jobs()] == ["1"]
        assert [job.job_id for job in await follower.jobs()] == ["1"]


async def _ignored(batch_id: int, pause: Pause) -> None:
    raise AssertionError("nobody pauses here")


@pytest.mark.parametrize("ending", ["lost", "partial"])
async def test_a_job_that_is_over_is_never_asked_about_again(ending: str, tmp_path: Path) -> None:
    async with rig(tmp_path / "a.db", neighbour(job_ending=ending)) as it:
        await it.record([1, 2])
        it.start()
        await it.quiet()
        polls = it.neighbour.truth.polls
        await it.clock.sleep(5000)
        assert it.neighbour.truth.polls == polls
        assert await it.ledger.claims.jobs() == []
