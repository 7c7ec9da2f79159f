"""Counts what SQLite asks the disk to make durable, for real: every ``xSync`` of every file.

SQLite reaches the disk through a table of functions (sqlite.org/vfs.html). Here a copy of the default one is made the
default, in which files open as ever and get another ``xSync``: it counts, and calls the real one. Counting needs the
interpreter, so nothing is timed in a process that counts.
"""

from __future__ import annotations

import ctypes
import sqlite3
from ctypes.util import find_library

_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods`` up to version 3: a number and 18 functions."""

    _fields_ = (("version", ctypes.c_int), ("functions", ctypes.c_void_p * 18))


class _File(ctypes.Structure):
    """``sqlite3_file``."""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs`` version 3."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("size_of_file", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 14),
    )


_SYNC_AT = 4
"""``xSync`` among the functions: after xClose, xRead, xWrite and xTruncate."""


class Syncs:
    """From when it is made, every sync of this process's SQLite."""

    def __init__(self) -> None:
        self.count = 0
        library = ctypes.CDLL(find_library("sqlite3") or "libsqlite3.so.0")
        library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        library.sqlite3_libversion.restype = ctypes.c_char_p
        if library.sqlite3_libversion().decode() != sqlite3.sqlite_version:
            raise RuntimeError("this Python brings an SQLite of its own, whose syncs cannot be counted")
        real = library.sqlite3_vfs_find(None).contents
        self._open_file = _OPEN(real.open)
        self._by_address: dict[int, _Methods] = {}
        self._kept: list[object] = []  # C holds on to these
        counting = _Vfs()
        ctypes.memmove(ctypes.byref(counting), ctypes.byref(real), ctypes.sizeof(_Vfs))
        callback = _OPEN(self._open)
        counting.name = b"counting"
        counting.open = ctypes.cast(callback, ctypes.c_void_p).value
        self._kept += [counting, callback]
        library.sqlite3_vfs_register(ctypes.byref(counting), 1)

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        # The name stays an address: SQLite keeps it, and more stands behind its end.
        result = self._open_file(vfs, name, file, flags, out)
        opened = ctypes.cast(file, ctypes.POINTER(_File)).contents
        if result == 0 and opened.methods:
            opened.methods = ctypes.pointer(self._counting(opened.methods.contents))
        return int(result)

    def _counting(self, methods: _Methods) -> _Methods:
        address = ctypes.addressof(methods)
        if address not in self._by_address:
            copy = _Methods()
            ctypes.memmove(ctypes.byref(copy), ctypes.byref(methods), ctypes.sizeof(_Methods))
            real = _SYNC(methods.functions[_SYNC_AT])

            def sync(file: int, flags: int) -> int:
                self.count += 1
                return int(real(file, flags))

            callback = _SYNC(sync)
            copy.functions[_SYNC_AT] = ctypes.cast(callback, ctypes.c_void_p).value
            self._kept.append(callback)
            self._by_address[address] = copy
        return self._by_address[address]
