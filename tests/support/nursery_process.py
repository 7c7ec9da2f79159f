"""The process behind ``nursery``: it imports what Bursar's commands are made of, and forks for each that is wanted."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from tests.support.nursery import NUMBER, ROOT

PACKAGES = ("bot.console", "bot.sandbox")
OTHERS = frozenset({"bot.console.run", "bot.console.demo", "bot.console.practice", "bot.sandbox.__main__"})
"""The first load discord.py, which the other commands do not; the last is run and never imported."""

LATER = ("concurrent.futures.thread", "importlib.readers", "encodings.ascii")
"""Of Python's own, which nearly every command comes to."""


@dataclass(frozen=True, slots=True)
class Order:
    """A process that somebody wants."""

    module: str
    arguments: Sequence[str]
    cwd: str
    env: Mapping[str, str]


class Nursery:
    """What has to be kept of the processes that live."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._selector = selectors.DefaultSelector()
        self._selector.register(line, selectors.EVENT_READ)

    def serve(self) -> Order | None:
        """Fork for each order. Returns it in the child; in the nursery ``None``, when nobody can ask any more."""
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._tell_end(key.fd, *key.data)
                    continue
                letter, descriptors, _, _ = socket.recv_fds(self._line, 1, 4)
                if not letter:
                    self._end_all()
                    return None
                order = self._begin(*descriptors)
                if order is not None:
                    return order

    def _begin(self, letter: int, out: int, err: int, report: int) -> Order | None:
        with os.fdopen(letter, encoding="utf-8") as text:
            order = Order(**json.load(text))
        # Nobody but the child has the other end, so it closes with the child's end, however that comes about.
        life, its_life = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.dup2(out, 1)
            os.dup2(err, 2)
            self._forget(keep=its_life)
            return order
        os.write(report, NUMBER.pack(pid))
        for descriptor in (out, err, its_life):
            os.close(descriptor)
        self._selector.register(life, selectors.EVENT_READ, (pid, report))
        return None

    def _forget(self, *, keep: int) -> None:
        """In a child: close everything of the nursery's but the streams."""
        self._selector.close()
        self._line.close()
        os.closerange(3, keep)
        os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))

    def _tell_end(self, life: int, pid: int, report: int) -> None:
        _, status = os.waitpid(pid, 0)
        self._selector.unregister(life)
        os.close(life)
        with contextlib.suppress(BrokenPipeError):  # the test has not waited for it
            os.write(report, NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os.close(report)

    def _end_all(self) -> None:
        for key in self._selector.get_map().values():
            if key.data is not None:
                os.kill(key.data[0], signal.SIGKILL)


def prepare() -> None:
    """Import, and nothing else."""
    for package in map(importlib.import_module, PACKAGES):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if found.name not in OTHERS:
                importlib.import_module(found.name)
    for name in LATER:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would lose the other threads"
    gc.freeze()  # the children share these pages; the garbage collector would write to them


def become(order: Order) -> None:
    """What ``python -m`` finds at its start."""
    os.chdir(order.cwd)
    os.environ.clear()
    os.environ.update(order.env)
    further = [one for one in order.env.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.path[:] = [os.getcwd(), *further, *(one for one in sys.path if one != str(ROOT))]
    if "PYTHONWARNINGS" in order.env:
        warnings.simplefilter(order.env["PYTHONWARNINGS"])  # type: ignore[arg-type]  # one word, in all tests
    sys.argv[1:] = order.arguments
    # The nursery's were of another sort: a file that can seek, or a terminal. The interpreter flushes these at its end.
    sys.stdout = _stream(1, sys.stdout.errors)
    sys.stderr = _stream(2, sys.stderr.errors, buffering=1)


def _stream(descriptor: int, errors: str | None, *, buffering: int = -1) -> TextIO:
    encoding = sys.stdout.encoding
    return os.fdopen(descriptor, "w", buffering, encoding=encoding, errors=errors, closefd=False)


def main() -> None:
    prepare()
    order = Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()
    if order is not None:
        become(order)
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
