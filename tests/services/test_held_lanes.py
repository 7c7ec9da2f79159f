"""Batches that wait for a lane which another one's call has: whose it is, and what to do, is said."""

from __future__ import annotations

from dataclasses import replace

from bot.console.preview import FROM_DOUBT, end_lines
from bot.domain.judging import Judged, Judgement, Judgements
from bot.domain.lanes import LaneKind
from bot.ledger.lanes import HeldLane
from bot.services.handover.summary import standing_json
from bot.ui.batch_text import doing
from tests.services.lane_office import MEMBERS, check, opened
from tests.services.office import MOD, Door, members, paying


async def test_a_batch_that_waits_for_the_lane_of_another_says_whose_it_is_and_what_to_do(door: Door) -> None:
    """A lost call has the ring, and its batch was paused by the key before anybody could look."""
    ids = members(14)
    async with opened(door, LaneKind.RING, ids, settling=True) as office:
        batches = office.app.services.batches
        await office.sandbox.faults(
            {"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"},
            {"match": {"method": "PATCH", "nth": 2}, "kind": "401"},
        )
        first = await office.send(paying(ids[:12]), MEMBERS)
        assert (await office.state(first), await office.states(first)) == ("paused:key", "U" * 10 + "P" * 2)
        second = await office.send(paying(ids[12:]), MEMBERS)
        assert (await office.state(second), await office.states(second)) == ("open", "PP")
        view = await batches.view(second, MOD)
        assert view.held_lane == HeldLane(LaneKind.RING, first, MOD.server_id, is_paused=True, is_left=False)
        told = doing(view) or ""
        assert f"check accounts are kept by a call of batch {first} that is in doubt" in told
        assert "put right why, then `/batch resume` it" in told
        standing = standing_json(view)
        assert standing["held_lane"] == {"kind": "ring", "batch": str(first), "paused": True, "left": False}
        lines = "\n".join(end_lines(standing, stopped=False))
        assert f"`bursar resume --paused {first}`" in lines
        await office.sandbox.faults()
        await batches.resume(first, MOD)
        await office.app.services.dispatcher.until_quiet(settled=True)
        assert (await office.states(first), await office.states(second)) == ("A" * 12, "AA")
        assert (await batches.view(second, MOD)).held_lane is None
        await check(office)


async def test_a_batch_that_waits_for_a_lane_whose_places_cannot_be_read_says_so(door: Door) -> None:
    ids = members(4)
    async with opened(door, LaneKind.WITNESS, ids) as office:
        ledger = office.app.ledger
        await office.sandbox.faults({"match": {"method": "PATCH", "nth": 1}, "kind": "reset-before-apply"})
        first = await office.send(paying(ids[:2]), MEMBERS)
        second = await office.send(paying(ids[2:]), MEMBERS)
        assert (await office.states(first), await office.states(second)) == ("UU", "PP")
        view = await office.app.services.batches.view(second, MOD)
        kept = HeldLane(LaneKind.WITNESS, first, MOD.server_id, is_paused=False, is_left=False)
        assert view.held_lane == kept
        assert "nothing has to be done" in (doing(view) or "")
        assert FROM_DOUBT in list(end_lines(standing_json(view), stopped=False))
        (waiting,) = await ledger.evidence.waiting()
        doubted = await ledger.evidence.doubt(waiting.attempt_id)
        assert doubted is not None
        unread = Judged(Judgement.CANNOT_TELL, "its places cannot be read", {}, again=True)
        found = Judgements({item.award_id: unread for item in doubted.items})
        await ledger.evidence.record(doubted, found, most_looks=1, read_at=office.app.clock.now())
        view = await office.app.services.batches.view(second, MOD)
        assert view.held_lane == replace(kept, is_left=True)
        assert "could not be read: the operator asks `bursar doctor` why" in (doing(view) or "")
        assert "then `bursar resume` looks again" in "\n".join(end_lines(standing_json(view), stopped=False))
