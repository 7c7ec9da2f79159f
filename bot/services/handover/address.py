"""Where the socket beside a ledger is, and how it is opened for nobody but its owner."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Final

MAX_PATH: Final = 100
"""Bytes. A Unix socket's path has room for 108 on Linux and 104 on macOS, a closing zero included."""


def socket_path(database: Path) -> Path:
    """``<ledger>.sock``, or a short path derived from it where that one is too long for a socket."""
    beside = Path(f"{database.resolve()}.sock")
    if len(os.fsencode(beside)) <= MAX_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(beside)).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"bursar-{os.getuid()}" / f"{name}.sock"


def listening_socket(path: Path) -> socket.socket:
    """A bound socket with mode 0600. A file left by a dead process is replaced: only the holder of the ledger's lock
    calls this. Raises ``OSError``."""
    if path.parent.name == f"bursar-{os.getuid()}":
        _own_folder(path.parent)
    remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def remove(path: Path) -> None:
    """Take the socket's file away; anything that is no socket stays."""
    try:
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    except FileNotFoundError:
        pass


def _own_folder(folder: Path) -> None:
    """Make the folder for short paths, and refuse one that somebody else prepared."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a private folder of this user")
