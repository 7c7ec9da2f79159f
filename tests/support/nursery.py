"""``python -m …`` without its start: most of what a short command costs is importing what it is made of.

Beside the tests lives a process that has imported all of that and has done nothing else (``nursery_process``). For each
command it forks, and the child becomes what ``python -m`` would have become: with a session, a directory, an
environment, arguments and streams of its own, and with an end like any interpreter's. It can be killed, and holds
locks and a memory of its own, like every process. What is about the start itself (warnings at import, streams that are
closed, what is loaded) needs ``start_anew``.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.machine import kept

ROOT = Path(__file__).resolve().parents[2]
NUMBER = struct.Struct("q")
"""How the nursery tells a process id, and later its exit status."""


class Process:
    """What tests use of an ``asyncio.subprocess.Process``."""

    stdin = None

    def __init__(
        self, pid: int, report: int, stdout: asyncio.StreamReader, stderr: asyncio.StreamReader | None
    ) -> None:
        """``report``: where its exit status will be read."""
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self._report = report
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(report, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._report)
        self.returncode = _told(self._report)
        os.close(self._report)
        self._ended.set()

    async def wait(self) -> int:
        """Its exit status; negative: the signal that ended it."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Everything that it still says, when it has ended."""
        streams = [one for one in (self.stdout, self.stderr) if one is not None]
        out, *err = await asyncio.gather(*(one.read() for one in streams))
        await self.wait()
        return out, b"".join(err)

    def send_signal(self, number: int) -> None:
        """Raises ``ProcessLookupError`` when it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


AnyProcess = Process | asyncio.subprocess.Process


async def start(module: str, *arguments: str, cwd: Path, env: Mapping[str, str], errors_apart: bool = True) -> Process:
    """``python -m module …`` with nothing to read and a pipe for what it says; one for its errors too, or they go where
    those of the test go."""
    order = {"module": module, "arguments": arguments, "cwd": str(cwd), "env": dict(env)}
    letter, out, report = (os.pipe() for _ in range(3))
    err = os.pipe() if errors_apart else None
    os.write(letter[1], json.dumps(order).encode())  # a pipe holds more than any of them
    os.close(letter[1])
    socket.send_fds(_nursery(), [b"."], [letter[0], out[1], err[1] if err else 2, report[1]])
    for one in (letter[0], out[1], report[1], *(err[1:] if err else ())):
        os.close(one)
    pid = _told(report[0])
    return Process(pid, report[0], await _reader(out[0]), await _reader(err[0]) if err else None)


async def start_anew(module: str, *arguments: str, cwd: Path, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """The same as an interpreter starts it, for what is about that."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def _told(report: int) -> int:
    return int(NUMBER.unpack(os.read(report, NUMBER.size))[0])


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


@functools.cache
def _nursery() -> socket.socket:
    """The line to the one of these tests, which ends with them: nobody else has the other end."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.nursery_process", str(theirs.fileno())],
            cwd=ROOT,
            env=kept(),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
