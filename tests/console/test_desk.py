"""A desk in this process and one at the other end of a socket: the same steps, the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app import App, opened
from bot.clock import SystemClock
from bot.console.aftermath import recorded_batch, standing_from_file
from bot.domain.intake import Held
from bot.domain.jsonable import Json
from bot.domain.model import Actor
from bot.domain.states import BatchState
from bot.errors import BursarError, LedgerLocked, MatchedEarlier, Refused, ResolutionFailed, SettingsError, UsageError
from bot.services.handover import (
    Answer,
    Desk,
    DriverGoneError,
    LocalDesk,
    Order,
    connected,
    frames,
    serving,
    socket_path,
)
from bot.services.handover import server as handover_server
from bot.settings import Settings
from tests.console.conftest import TIMES
from tests.console.support import payout, write_csv
from tests.support.patience import PATIENCE
from tests.support.sandbox import Sandbox

CLOCK = SystemClock()


def ignore(done: int, of: int) -> None:
    """Progress that nobody looks at."""


@dataclass(slots=True)
class Office:
    """An opened Bursar, and desks at it."""

    app: App
    directory: Path
    remote: bool

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        if self.remote:
            async with connected(socket_path(self.app.settings.database), "me", LedgerLocked("nobody")) as desk:
                yield desk
        else:

            async def stop_sending(_: int) -> None:
                await self.app.drain()

            yield LocalDesk(self.app.services, self.app.ledger, Actor("cli", "me", None), stop_sending)

    def order(self, count: int = 3, programme: str = "drip-members", **options: Any) -> Order:
        path = payout(self.directory / "p.csv", count)
        return Order(programme, path.name, Held(path.read_bytes()), **options)


@pytest.fixture
async def settings(sandbox: Sandbox, tmp_path: Path) -> Settings:
    variables = {**sandbox.environ(), **TIMES, "DRIP_CREDENTIALS_BATCH_SIZE": "2", "GAMEBALL_AMOUNT_UNIT": ""}
    return Settings.load(variables, tmp_path)


@pytest.fixture(params=[False, True], ids=["here", "handed over"])
async def office(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(opened(settings, CLOCK, patient=False))
        if request.param:
            await stack.enter_async_context(app.taking_handovers())
        await stack.enter_async_context(app.dispatching())
        yield Office(app, tmp_path, request.param)


def answer(summary: Json, **decisions: bool) -> Answer:
    given = {"good_rows": False, "again": False, **decisions}
    return Answer(summary["content_hash"], **given)


async def to_the_end(desk: Desk) -> Json:
    return [standing async for standing in desk.follow()][-1]


async def test_a_batch_goes_from_file_to_end(office: Office, sandbox: Sandbox):
    steps: list[tuple[int, int]] = []
    async with office.desk() as desk:
        summary = await desk.submit(office.order(60), lambda done, of: steps.append((done, of)))
        assert (summary["rows"], summary["total"], summary["pending"]) == (60, "600", 0)
        assert steps[-1] == (60, 60)
        assert await sandbox.applied("drip") == []
        assert await desk.confirm(answer(summary)) == "1"
        end = await to_the_end(desk)
    assert (end["counts"]["applied"], end["state"], end["sums"]) == (60, "finished", {"applied": "600"})
    batch = await office.app.ledger.queries.batch(1, None)
    assert (batch.actor.id, batch.actor.name, batch.actor.server_id, batch.source) == ("cli", "me", None, "cli")
    assert (await standing_from_file(office.app.settings, "1"))["counts"] == end["counts"]


async def test_a_withdrawn_draft_is_gone(office: Office):
    async with office.desk() as desk:
        await desk.submit(office.order(), ignore)
        await desk.withdraw()
        await desk.withdraw()
    await settled(office, lambda drafts: drafts == 0)


async def test_whoever_leaves_before_confirming_has_sent_nothing(office: Office):
    async with office.desk() as desk:
        await desk.submit(office.order(), ignore)
        if not office.remote:
            await desk.withdraw()
    await settled(office, lambda drafts: drafts == 0)


async def settled(office: Office, wanted: Callable[[int], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not wanted(len(await office.app.ledger.drafts.open_drafts(None))):
            await office.app.clock.sleep(0.01)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ({"programme": "stripe"}, UsageError),
        ({"programme": "gameball"}, SettingsError),
        ({"amount": "1e3"}, UsageError),
    ],
)
async def test_a_wrong_order_is_refused(office: Office, order: dict[str, Any], error: type[BursarError]):
    async with office.desk() as desk:
        with pytest.raises(error):
            await desk.submit(office.order(**order), ignore)
        await desk.withdraw()


async def test_recipients_are_looked_up_only_for_what_may_be_sent(office: Office, sandbox: Sandbox):
    await sandbox.switches(drip={"credentials_access": "denied"})
    bad = write_csv(office.directory / "bad.csv", "discord_id,amount", "1000000000000000001,5", "12,5").read_bytes()
    async with office.desk() as desk:
        summary = await desk.submit(Order("drip-members", "bad.csv", Held(bad)), ignore)
        assert (summary["problem_rows"], summary["pending"]) == (1, 1)
        await desk.withdraw()
    async with office.desk() as desk:
        with pytest.raises(ResolutionFailed):
            await desk.submit(Order("drip-members", "bad.csv", Held(bad), good_rows=True), ignore)
        await desk.withdraw()


async def test_rows_that_were_paid_stop_the_confirmation(office: Office):
    order = office.order(programme="drip-credentials")
    async with office.desk() as desk:
        await desk.confirm(answer(await desk.submit(order, ignore)))
        await to_the_end(desk)
    async with office.desk() as desk:
        summary = await desk.submit(order, ignore)
        assert (summary["matched"]["blocking"], summary["matched"]["batches"][0]["by"]) == (3, "me")
        with pytest.raises(MatchedEarlier):
            await desk.confirm(answer(summary))
        await desk.withdraw()


async def test_a_preview_that_changed_is_not_confirmed(office: Office):
    async with office.desk() as desk:
        await desk.submit(office.order(), ignore)
        with pytest.raises(Refused):
            await desk.confirm(Answer("another hash", good_rows=False, again=False))
        await desk.withdraw()


async def test_a_halt_keeps_the_rest_planned(office: Office, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 2000})
    async with office.desk() as desk:
        await desk.confirm(answer(await desk.submit(office.order(6, "drip-credentials"), ignore)))
        end: Json = {}
        async for end in desk.follow():
            if end["counts"]["sending"] and not end["counts"]["applied"]:
                await desk.halt()
    assert (end["counts"]["applied"], end["counts"]["planned"], end["counts"]["sending"]) == (2, 4, 0)
    assert end["state"] == ("paused" if office.remote else "open")


async def test_steps_out_of_order_are_refused(settings: Settings):
    async with opened(settings, CLOCK, patient=False) as app:

        async def stop_sending(_: int) -> None:
            raise AssertionError("there is nothing to stop")

        desk = LocalDesk(app.services, app.ledger, Actor("cli", "me", None), stop_sending)
        with pytest.raises(UsageError):
            await desk.confirm(Answer("x", good_rows=False, again=False))
        with pytest.raises(UsageError):
            await to_the_end(desk)


class Broken:
    """A desk whose office burned down."""

    async def submit(self, order: Order, progress: object) -> Json:
        raise RuntimeError("the secret plan")

    async def confirm(self, answer: Answer) -> str:
        raise AssertionError("never asked")

    async def withdraw(self) -> None:
        return

    async def follow(self) -> AsyncIterator[Json]:
        raise AssertionError("never asked")
        yield {}

    async def halt(self) -> None:
        raise AssertionError("never asked")


async def test_a_defect_at_the_other_end_is_an_error_id_here(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "s.sock"
    async with (
        serving(path, lambda name: Broken(), max_file_bytes=100),
        connected(path, "me", LedgerLocked("x")) as desk,
    ):
        with pytest.raises(BursarError, match=r"error [0-9a-f]{8} in its log") as caught:
            await desk.submit(Order("p", "f.csv", Held(b"")), ignore)
    assert "secret plan" not in str(caught.value)
    assert "in a handover" in caplog.text


async def test_a_file_above_the_limit_of_the_other_end_is_refused(tmp_path: Path):
    path = tmp_path / "s.sock"
    async with (
        serving(path, lambda name: Broken(), max_file_bytes=100),
        connected(path, "me", LedgerLocked("x")) as desk,
    ):
        with pytest.raises((UsageError, DriverGoneError)):
            await desk.submit(Order("p", "f.csv", Held(b"x" * 200)), ignore)


async def test_too_many_connections_are_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handover_server, "MAX_CONNECTIONS", 1)
    path = tmp_path / "s.sock"
    async with (
        serving(path, lambda name: Broken(), max_file_bytes=100),
        connected(path, "me", LedgerLocked("x")),
        connected(path, "me", LedgerLocked("x")) as second,
    ):
        with pytest.raises((UsageError, DriverGoneError)):
            await second.submit(Order("p", "f.csv", Held(b"")), ignore)


async def test_a_connection_that_says_nothing_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handover_server, "FIRST_MESSAGE_SECONDS", 0.05)
    path = tmp_path / "s.sock"
    async with serving(path, lambda name: Broken(), max_file_bytes=100):
        reader, writer = await asyncio.open_unix_connection(path)
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()
        await writer.wait_closed()


class Slow(Broken):
    """A desk that is still reading the file."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.withdrawn = False

    async def submit(self, order: Order, progress: object) -> Json:
        self.began.set()
        await asyncio.Event().wait()
        return {}

    async def withdraw(self) -> None:
        self.withdrawn = True


async def test_a_bot_that_ends_while_it_reads_drops_the_draft_and_is_told_as_gone(tmp_path: Path):
    path, office = tmp_path / "s.sock", Slow()
    async with AsyncExitStack() as client:
        async with serving(path, lambda name: office, max_file_bytes=100):
            desk = await client.enter_async_context(connected(path, "me", LedgerLocked("x")))
            order = asyncio.ensure_future(desk.submit(Order("p", "f.csv", Held(b"")), ignore))
            await office.began.wait()
        assert office.withdrawn
        assert not path.exists()
        with pytest.raises(DriverGoneError):
            await order
        with pytest.raises(DriverGoneError):
            await desk.confirm(Answer("x", good_rows=False, again=False))
        await desk.withdraw()


class TestLostAnswers:
    async def test_a_batch_that_was_recorded_without_an_answer_is_found(self, settings: Settings, tmp_path: Path):
        async with opened(settings, CLOCK, patient=False) as app:
            office = Office(app, tmp_path, remote=False)
            async with office.desk() as desk:
                summary = await desk.submit(office.order(), ignore)
                assert await recorded_batch(settings, summary["draft"]) is None
                await desk.confirm(answer(summary))
                assert await recorded_batch(settings, summary["draft"]) == "1"
                assert await recorded_batch(settings, "999") is None


class TestStrangers:
    async def test_another_version_is_told_so(self, tmp_path: Path):
        path = tmp_path / "s.sock"
        async with serving(path, lambda name: Broken(), max_file_bytes=100):
            reader, writer = await asyncio.open_unix_connection(path)
            await frames.send(writer, {"op": "submit", "version": 99})
            await frames.send_bytes(writer, b"")
            told = await frames.receive(reader)
            assert told is not None
            assert "another version" in told["message"]
            writer.close()
            await writer.wait_closed()

    async def test_whoever_orders_half_is_not_answered(self, tmp_path: Path):
        path = tmp_path / "s.sock"
        async with serving(path, lambda name: Broken(), max_file_bytes=100):
            reader, writer = await asyncio.open_unix_connection(path)
            await frames.send(writer, {"op": "submit", "version": frames.VERSION})
            writer.write_eof()
            assert await frames.receive(reader) is None
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("office", [True], indirect=True)
async def test_whoever_leaves_while_it_is_sent_does_not_stop_it(office: Office, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 200})
    async with office.desk() as desk:
        await desk.confirm(answer(await desk.submit(office.order(6, "drip-credentials"), ignore)))
    await office.app.services.dispatcher.until_quiet([1])
    assert (await office.app.ledger.queries.counts(1)).applied == 6
    assert (await office.app.ledger.queries.batch(1, None)).state is BatchState.FINISHED
