"""A batch handed to the process that holds the ledger, both ends in this process, over the real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.domain.intake import Held
from bot.errors import BursarError, LedgerLocked, MatchedEarlier, SettingsError, UsageError
from bot.services.handover import Answer, DriverGoneError, LocalDesk, Order, RemoteDesk, connected, frames, socket_path
from bot.services.handover.desk import order_from
from tests.services.office import CLI, Door, Office, file_of, members, paying
from tests.support.patience import eventually, until

LOCKED = LedgerLocked("another process drives this ledger")


@asynccontextmanager
async def at_the_desk(office: Office) -> AsyncIterator[RemoteDesk]:
    async with connected(socket_path(office.app.settings.database), "operator", LOCKED) as desk:
        yield desk


def answer(summary: Mapping[str, Any], **more: bool) -> Answer:
    given = {"good_rows": False, "again": False, **more}
    return Answer(summary["content_hash"], matches_seen=summary["matched"]["mark"], **given)


NO_ANSWER = Answer("x", good_rows=False, again=False, matches_seen="")


def order(content: bytes, programme: str = "drip-members", **more: Any) -> Order:
    return Order(programme, "payout.csv", Held(content), **more)


async def followed(desk: RemoteDesk | LocalDesk) -> Mapping[str, Any]:
    return [standing async for standing in desk.follow()][-1]


async def test_a_batch_is_handed_over_looked_up_confirmed_and_followed(door: Door) -> None:
    ids = members(120)
    await door.sandbox.seed(discord_ids=ids[:119])
    async with door.open() as office, office.app.taking_handovers():
        async with at_the_desk(office) as desk:
            seen: list[tuple[int, int]] = []
            summary = await desk.submit(order(paying(ids), reason="Quest"), lambda done, of: seen.append((done, of)))
            assert seen == [(50, 120), (100, 120), (120, 120)]
            assert (summary["rows"], summary["unresolved_rows"], summary["matched"]["blocking"]) == (120, 1, 0)
            assert await desk.confirm(answer(summary)) == "1"
            standing = await followed(desk)
        assert (standing["state"], standing["counts"]["applied"], standing["counts"]["rejected"]) == (
            "finished",
            119,
            1,
        )
        assert (await office.batch(1)).actor.name == "operator"
        await office.check_books()
        async with at_the_desk(office) as desk:
            again = await desk.submit(order(paying(ids[:119]), good_rows=True), lambda *_: None)
            assert "119 awards were already paid" in again["matched"]["message"]
            assert [one["by"] for one in again["matched"]["batches"]] == ["operator"]
            with pytest.raises(MatchedEarlier):
                await desk.confirm(answer(again, good_rows=True))
        async with at_the_desk(office) as desk:
            again = await desk.submit(order(paying(ids[:119]), again=True), lambda *_: None)
            await desk.confirm(answer(again, again=True))
            await followed(desk)
        await office.check_books()


async def test_recipients_of_what_will_not_be_sent_are_not_looked_up(door: Door) -> None:
    ids = members(3)
    async with door.open() as office, office.app.taking_handovers(), at_the_desk(office) as desk:
        summary = await desk.submit(order(file_of([(ids[0], 5), ("12", 5)])), lambda *_: None)
        assert (summary["pending"], summary["problem_rows"]) == (1, 1)
        assert [problem["line"] for problem in summary["problems"]] == [3]
        assert await door.sandbox.calls() == []


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (order(b"discord_id,amount\n", "nowhere"), UsageError),
        (order(b"discord_id,amount\n", "gameball"), SettingsError),
        (order(b"discord_id\n1\n", amount="ten"), UsageError),
        (order(b"discord_id,amount\n", duplicates="sometimes"), UsageError),
    ],
    ids=["no such programme", "not usable", "no amount", "no such policy"],
)
async def test_a_refusal_is_the_same_at_the_other_end(given: Order, error: type[BursarError], door: Door) -> None:
    async with door.open(GAMEBALL_AMOUNT_UNIT="") as office, office.app.taking_handovers():
        async with at_the_desk(office) as desk:
            with pytest.raises(error):
                await desk.submit(given, lambda *_: None)
        assert await office.app.services.submitting.open_drafts(CLI) == []


async def test_whoever_withdraws_or_goes_away_leaves_no_draft(door: Door) -> None:
    async with door.open() as office, office.app.taking_handovers():

        async def gone() -> bool:
            return not await office.app.services.submitting.open_drafts(CLI)

        for says_so in (True, False):
            async with at_the_desk(office) as desk:
                await desk.submit(order(paying(members(2)), "drip-credentials"), lambda *_: None)
                if says_so:
                    await desk.withdraw()
            await until(gone)


async def test_whoever_goes_away_after_confirming_does_not_stop_the_batch(door: Door) -> None:
    ids = members(30)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.faults({"match": {"path": "/transaction"}, "kind": "slow", "ms": 300})
    async with door.open() as office, office.app.taking_handovers():
        async with at_the_desk(office) as desk:
            summary = await desk.submit(order(paying(ids), "drip-credentials"), lambda *_: None)
            await desk.confirm(answer(summary))
        await office.quiet()
        assert await office.states(1) == "A" * 30


async def test_halting_pauses_the_batch_after_the_calls_in_flight(door: Door) -> None:
    ids = members(60)
    await door.sandbox.seed(discord_ids=ids)
    await door.sandbox.faults({"match": {"path": "/transaction"}, "kind": "held"})
    async with door.open(BURSAR_HTTP_TIMEOUT="600") as office, office.app.taking_handovers():

        async def calling() -> bool:
            return "S" in await office.states(1)

        async with at_the_desk(office) as desk:
            summary = await desk.submit(order(paying(ids), "drip-credentials"), lambda *_: None)
            await desk.confirm(answer(summary))
            following = asyncio.ensure_future(followed(desk))
            await until(calling)
            halting = asyncio.ensure_future(desk.halt())
            await eventually(lambda: office.state(1), lambda state: state == "paused:person")
            await door.sandbox.faults()
            await halting
            standing = await following
        assert (standing["state"], standing["pause"]["kind"]) == ("paused", "person")
        assert standing["counts"]["sending"] == 0
        assert standing["counts"]["planned"] == 50
        await office.check_books()


async def test_a_driver_that_ends_is_told_as_such(door: Door) -> None:
    async with door.open() as office:
        async with office.app.taking_handovers():
            path = socket_path(office.app.settings.database)
            context = connected(path, "operator", LOCKED)
            desk = await context.__aenter__()
            await desk.submit(order(paying(members(1)), "drip-credentials"), lambda *_: None)
        with pytest.raises(DriverGoneError):
            await desk.confirm(NO_ANSWER)
        await desk.withdraw()  # nobody is left to tell, and nothing to say
        await context.__aexit__(None, None, None)
        with pytest.raises(LedgerLocked):
            async with at_the_desk(office):
                raise AssertionError("nobody listens any more")


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x02[]",
        b"\x00\x00\x00\x03{]}",
        b'\x00\x00\x00\x0d{"version":0}\x00\x00\x00\x00',
        b"\x00\x00",
    ],
    ids=["too long", "no object", "no JSON", "another version", "cut off"],
)
async def test_what_is_no_handover_is_answered_and_does_no_harm(sent: bytes, door: Door) -> None:
    async with door.open() as office, office.app.taking_handovers():
        reader, writer = await asyncio.open_unix_connection(socket_path(office.app.settings.database))
        writer.write(sent)
        writer.write_eof()
        answer = await frames.receive(reader)
        assert answer is None or answer["event"] == "error"
        writer.close()
        await writer.wait_closed()
        async with at_the_desk(office) as desk:
            assert (await desk.submit(order(paying(members(1)), "drip-credentials"), lambda *_: None))["rows"] == 1


def test_an_order_that_is_not_complete_is_refused() -> None:
    whole = {"programme": "drip-members", "file_name": "a.csv", "duplicates": "sum", "good_rows": True}
    assert order_from(whole, b"x") == Order("drip-members", "a.csv", Held(b"x"), good_rows=True)
    for wrong in ({"programme": None}, {"file_name": 7}, {"reason": ["x"]}, {"duplicates": None}):
        with pytest.raises(UsageError):
            order_from({**whole, **wrong}, b"x")


async def test_a_desk_is_used_in_order(door: Door) -> None:
    async with door.open() as office:

        async def nobody(batch_id: int) -> None:
            raise AssertionError("nothing is sent here")

        desk = LocalDesk(office.app.services, office.app.ledger, CLI, nobody)
        await desk.withdraw()
        with pytest.raises(UsageError):
            await desk.confirm(NO_ANSWER)
        with pytest.raises(UsageError):
            await followed(desk)
