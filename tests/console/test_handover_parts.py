"""The handover's frames, address and errors, without a ledger behind them."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import BursarError, LedgerLocked, LimitExceeded, MatchedEarlier, ResolutionFailed, UsageError
from bot.services.handover import connected, frames, serving, socket_path
from bot.services.handover.address import MAX_PATH, listening_socket, remove
from bot.services.handover.desk import order_from
from bot.services.handover.faults import fault_from, fault_message


@asynccontextmanager
async def pipe() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.StreamWriter]]:
    """A reader here, its writer, and the writer of the other end."""
    left, right = socket.socketpair()
    reader, own = await asyncio.open_connection(sock=left)
    _, writer = await asyncio.open_connection(sock=right)
    try:
        yield reader, writer, own
    finally:
        for one in (writer, own):
            one.close()
            await one.wait_closed()


class TestFrames:
    async def test_a_message_comes_out_as_it_went_in(self):
        message = {"event": "preview", "text": "Ä\n\ud800", "rows": [1, None]}
        async with pipe() as (reader, writer, _):
            await frames.send(writer, message)
            await frames.send_bytes(writer, b"\0content")
            assert await frames.receive(reader) == message
            assert await frames.receive_bytes(reader, 100) == b"\0content"

    async def test_the_end_of_a_connection_is_no_message(self):
        async with pipe() as (reader, writer, _):
            writer.write(b"\0\0\0\5{}")
            writer.close()
            assert await frames.receive(reader) is None

    async def test_a_frame_above_the_limit_is_refused_before_it_is_read(self):
        async with pipe() as (reader, writer, _):
            writer.write(struct.pack(">I", 101))
            await writer.drain()
            with pytest.raises(UsageError, match="101 bytes"):
                await frames.receive_bytes(reader, 100)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
    async def test_what_is_no_message_is_refused(self, content: bytes):
        async with pipe() as (reader, writer, _):
            await frames.send_bytes(writer, content)
            with pytest.raises(UsageError, match="protocol"):
                await frames.receive(reader)


class TestAddress:
    def test_the_socket_lies_beside_the_ledger(self, tmp_path: Path):
        assert socket_path(tmp_path / "b.db") == (tmp_path / "b.db.sock").resolve()

    def test_one_ledger_has_one_socket_by_whichever_link(self, tmp_path: Path):
        (tmp_path / "link").symlink_to(tmp_path)
        assert socket_path(tmp_path / "link" / "b.db") == socket_path(tmp_path / "b.db")

    def test_a_long_path_gets_a_short_stand_in_that_can_be_bound(self, tmp_path: Path):
        path = socket_path(tmp_path / ("d" * 90) / "b.db")
        assert len(os.fsencode(path)) <= MAX_PATH
        assert path != socket_path(tmp_path / ("e" * 90) / "b.db")
        listening_socket(path).close()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        remove(path)
        assert not path.exists()

    def test_nobody_else_may_use_the_socket_and_a_dead_one_is_replaced(self, tmp_path: Path):
        path = tmp_path / "b.db.sock"
        listening_socket(path).close()
        listener = listening_socket(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        listener.close()

    def test_a_file_in_the_way_is_left_as_it_is(self, tmp_path: Path):
        path = tmp_path / "b.db.sock"
        path.write_text("mine")
        with pytest.raises(OSError, match="in use"):
            listening_socket(path)
        remove(path)
        assert path.read_text() == "mine"


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            MatchedEarlier("paid", hint="again"),
            LimitExceeded("too much"),
            ResolutionFailed("away"),
            UsageError("what"),
            BursarError("internal"),
        ],
    )
    def test_an_error_arrives_as_what_it_was(self, error: BursarError):
        again = fault_from(fault_message(error))
        assert (type(again), again.message, again.hint) == (type(error), error.message, error.hint)

    def test_an_unknown_kind_is_an_error_all_the_same(self):
        assert fault_from({"event": "error", "kind": "new", "message": "x"}).message == "x"

    @pytest.mark.parametrize(
        "message",
        [
            {},
            {"duplicates": "sum", "programme": "p"},
            {"duplicates": "sum", "programme": "p", "file_name": 3},
            {"duplicates": "sum", "programme": "p", "file_name": "f", "reason": 3},
            {"duplicates": "some", "programme": "p", "file_name": "f"},
            {"duplicates": ["sum"], "programme": "p", "file_name": "f"},
        ],
    )
    def test_an_order_that_makes_no_sense_is_refused(self, message: dict[str, object]):
        with pytest.raises(UsageError):
            order_from(message, b"")


class TestNobodyThere:
    async def test_without_an_answer_the_ledger_is_locked(self, tmp_path: Path):
        locked = LedgerLocked("process 1 drives it")
        with pytest.raises(LedgerLocked) as caught:
            async with connected(tmp_path / "none.sock", "me", locked):
                pass
        assert caught.value is locked

    async def test_where_no_socket_can_be_made_the_program_goes_on_without(self, tmp_path: Path):
        (tmp_path / "b.db.sock").write_text("mine")
        async with serving(tmp_path / "b.db.sock", pytest.fail, max_file_bytes=1):
            pass
        assert (tmp_path / "b.db.sock").read_text() == "mine"
