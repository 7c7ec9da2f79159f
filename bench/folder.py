"""The folder of one run: files made once, a ledger of its own for each process that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.world import StandIn, write_file


@dataclass
class Folder:
    """Temporary, on the disk on which the machine keeps its temporary files."""

    path: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def file(self, rows: int) -> Path:
        path = self.path / f"rows-{rows}.csv"
        if not path.exists():
            write_file(path, rows)
        return path

    def job(self, world: StandIn, rows: int, per_call: int) -> dict[str, str]:
        """With a ledger that is not there yet."""
        database = self.path / f"{next(self._numbers)}.db"
        return {
            **world.settings,
            "file": str(self.file(rows)),
            "database": str(database),
            "per_call": str(per_call),
        }

    def clear(self, job: dict[str, str]) -> None:
        """Take its ledger away."""
        for path in self.path.glob(f"{Path(job['database']).name}*"):
            path.unlink()


@contextmanager
def folder() -> Iterator[Folder]:
    with TemporaryDirectory() as path:
        yield Folder(Path(path))
