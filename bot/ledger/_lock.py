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


class DriverLock:
    """``<ledger>.lock``, held with ``flock`` for as long as the ledger is open for writing.

    The system lets go of it when the process ends, however it ends, so there is no such thing as a stale lock. The file
    stays: removing it would let two processes hold "the" lock on two files of one name.
    """

    def __init__(self, descriptor: int, remembered: str) -> None:
        self._descriptor: int | None = descriptor
        self._remembered = remembered  # the second line of the file
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
                pid, _ = _lines(descriptor)
            os.close(descriptor)
            raise _locked(ledger, pid) from None
        except OSError as error:
            os.close(descriptor)
            raise LedgerError(
                f"the ledger {ledger} cannot be locked: {error.strerror}", hint="Keep the ledger on a local disk."
            ) from error
        try:
            _, remembered = _lines(descriptor)
            lock = cls(descriptor, remembered)
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

    def release(self) -> None:
        """Let go. Can be called again."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._write("")
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, pid: str) -> None:
        assert self._descriptor is not None
        text = "".join(f"{line}\n" for line in (pid, self._remembered)) if self._remembered else f"{pid}\n"
        data = text.encode("ascii") if text.strip() else b""
        # In this order: a process that is killed in between leaves what is remembered.
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))


def _lines(descriptor: int) -> tuple[str, str]:
    """Who has the lock, and what is remembered."""
    pid, _, rest = os.pread(descriptor, 300, 0).decode("ascii", "replace").partition("\n")
    return pid.strip(), rest.partition("\n")[0] if rest.isascii() else ""


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
