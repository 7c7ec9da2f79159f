"""Starting the command line as it is started in earnest: a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import nursery
from tests.support.machine import kept
from tests.support.nursery import AnyProcess
from tests.support.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """A process that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as the one JSON object that it has to be."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the machine's own settings, and ``variables``."""
    return {**kept(), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **variables}


async def start(
    *arguments: str, directory: Path, variables: Mapping[str, str] | None = None, anew: bool = False
) -> AnyProcess:
    """``python -m bot …`` under way, without a terminal; ``anew``: from the start of the interpreter."""
    begin = nursery.start_anew if anew else nursery.start
    return await begin("bot", *arguments, cwd=directory, env=environment(variables or {}))


async def finished(process: AnyProcess) -> Done:
    """Its end, with everything it said."""
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def bursar(
    *arguments: str, directory: Path, variables: Mapping[str, str] | None = None, anew: bool = False
) -> Done:
    """``python -m bot …`` to its end."""
    done = await finished(await start(*arguments, directory=directory, variables=variables, anew=anew))
    assert "Traceback" not in done.err, done.err
    assert "Warning:" not in done.err.replace("Warning: ", ""), done.err
    return done


def tell(process: AnyProcess, number: signal.Signals) -> None:
    """Send a signal to a process that we started."""
    process.send_signal(number)


def write_csv(path: Path, *rows: str) -> Path:
    """A file with these lines."""
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def members(count: int, *, first: int = 0) -> list[str]:
    """Discord ids that look like real ones: of one year, and no multiple of what spreadsheets round to."""
    return [str(1_000_000_000_000_000_001 + 104_729_000_003 * number) for number in range(first, first + count)]


def payout(path: Path, count: int, *, amount: int = 10, first: int = 0) -> Path:
    """A file that pays so many members."""
    rows = (f"{member},{amount}" for member in members(count, first=first))
    return write_csv(path, "discord_id,amount", *rows)


async def line_that(process: AnyProcess, part: str) -> None:
    """Wait until standard error says something."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        while part not in (line := (await process.stderr.readline()).decode()):
            assert line, f"the process ended without saying {part!r}"
