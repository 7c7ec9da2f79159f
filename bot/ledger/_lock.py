"""The operating system's word that only one process drives a ledger."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import math
import os
import secrets
import shlex
from pathlib import Path
from typing import Final

from bot.clock import Gain
from bot.errors import LedgerError, LedgerLocked

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""Another one after every start of the machine (docs.kernel.org/admin-guide/sysctl/kernel.html, "random")."""
_MAKING: Final = "making"
"""The third line of the lock file from before a new ledger's file is there until there is a ledger in it."""


class DriverLock:
    """``<ledger>.lock``, held with ``flock`` for as long as the ledger is open for writing.

    The system lets go of it when the process ends, however it ends, so there is no such thing as a stale lock. The file
    stays: removing it would let two processes hold "the" lock on two files of one name.
    """

    def __init__(self, descriptor: int, remembered: str, making: str) -> None:
        self._descriptor: int | None = descriptor
        self._remembered = remembered  # the second line of the file
        self._making = making  # the third
        file = os.fstat(descriptor)
        self._file = f"{file.st_dev}:{file.st_ino}"

    @classmethod
    def take(cls, ledger: Path) -> DriverLock:
        """Take the lock for ``ledger``. Raises ``LedgerLocked`` naming the process that has it, ``LedgerError`` for a
        file with a second name, whose lock would be another one, and where the disk does not let it be taken."""
        _refuse_second_name(ledger)
        path = lock_path(ledger)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(
                f"the lock file {path} cannot be opened: {error.strerror}",
                hint="Give Bursar the right to write the directory of the ledger.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = ""
            with contextlib.suppress(OSError):  # a disk that reports errors: who it is stays untold
                pid, _, _ = _lines(descriptor)
            os.close(descriptor)
            raise _locked(ledger, pid) from None
        except OSError as error:
            os.close(descriptor)
            raise LedgerError(
                f"the ledger {ledger} cannot be locked: {error.strerror}", hint="Keep the ledger on a local disk."
            ) from error
        try:
            _, remembered, making = _lines(descriptor)
            lock = cls(descriptor, remembered, making)
            lock._write(str(os.getpid()))
        except OSError as error:
            os.close(descriptor)
            raise _unusable(path, error) from error
        return lock

    @property
    def home(self) -> str:
        """Names this lock on this machine since it was started: whoever else has the same name held the same lock, and
        has ended. Where the system does not tell its starts apart, every process has a name of its own."""
        boot = _boot() or secrets.token_hex(16)
        return hashlib.sha256(f"{boot}:{self._file}".encode()).hexdigest()[:8]

    def recall(self) -> Gain | None:
        """``GainMemory``: what whoever had the lock kept of the machine's clocks. One of them begins anew with the
        machine, and another machine has others."""
        boot, *numbers = self._remembered.split() or [""]
        try:
            gain = Gain(*map(float, numbers))
        except (TypeError, ValueError):
            return None
        return gain if boot == _boot() and all(map(math.isfinite, gain)) else None

    def keep(self, gain: Gain) -> None:
        """``GainMemory``."""
        if self._descriptor is not None and (boot := _boot()):
            self._remembered = " ".join((boot, *map(repr, gain)))
            with contextlib.suppress(OSError):  # a full disk
                self._write(str(os.getpid()))

    def begin_making(self) -> None:
        """To be told before an empty ledger's file is made. Raises ``OSError`` where that cannot be noted."""
        self._making = _MAKING
        self._write(str(os.getpid()))

    def end_making(self) -> None:
        """There is a ledger: an empty file in its place is from now on one that was emptied."""
        if self._making:
            self._making = ""
            with contextlib.suppress(OSError):  # a full disk
                self._write(str(os.getpid()))

    def release(self) -> None:
        """Let go. Can be called again."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._write("")
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, pid: str) -> None:
        assert self._descriptor is not None
        text = "\n".join((pid, self._remembered, self._making)).rstrip("\n")
        data = f"{text}\n".encode("ascii") if text else b""
        # In this order: a process that is killed in between leaves what is remembered.
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))


def was_made(ledger: Path) -> bool:
    """Whether the lock file of ``ledger`` tells that there was once a ledger; one that cannot be read may."""
    try:
        descriptor = os.open(lock_path(ledger), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return error.errno != errno.ENOENT
    try:
        _, _, making = _lines(descriptor)
    finally:
        os.close(descriptor)
    return not making


def _lines(descriptor: int) -> tuple[str, str, str]:
    """Who has the lock, what is remembered, and ``_MAKING`` or nothing."""
    text = os.pread(descriptor, 300, 0).decode("ascii", "replace")
    pid, remembered, making, *_ = [*text.split("\n"), "", "", ""]
    return pid.strip(), remembered if remembered.isascii() else "", _MAKING if making == _MAKING else ""


def _boot() -> str | None:
    """Names the time since the machine was started; ``None`` where the system does not tell."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or None
    except OSError:
        return None


def _refuse_second_name(ledger: Path) -> None:
    """Symbolic links lead to the one true path; hard links are as true as it is, and each would have its own lock."""
    try:
        names = ledger.stat().st_nlink
    except OSError:
        return  # not there yet, or whoever opens it says what is wrong
    if names > 1:
        raise LedgerError(
            f"the ledger {ledger} has a second name (a hard link), by which another process could drive it unnoticed",
            hint=f"Find it with `find / -samefile {shlex.quote(str(ledger))}` and remove it.",
        )


def lock_path(ledger: Path) -> Path:
    """Where the lock of a ledger lies."""
    return ledger.with_name(ledger.name + ".lock")


def _unusable(path: Path, error: OSError) -> LedgerError:
    if error.errno in FULL:
        return LedgerError(
            f"the lock file {path} cannot be used: the disk that holds it is full",
            hint="Free some space, then start Bursar again.",
        )
    return LedgerError(f"the lock file {path} cannot be used: {error.strerror}", hint="Check the disk.")


def _locked(ledger: Path, pid: str) -> LedgerLocked:
    who = f"process {pid}" if pid.isdecimal() else "another process"
    return LedgerLocked(
        f"{who} drives the ledger {ledger} already", hint="Stop it first, or let it do the work: only one may send."
    )
