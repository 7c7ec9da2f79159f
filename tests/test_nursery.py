"""A process that is born in a nursery finds what one finds that the interpreter starts, and ends as it does."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support import nursery
from tests.support.machine import kept
from tests.support.nursery import AnyProcess

FOUND = """
import json, os, signal, sys, threading, warnings
found = {
    "argv": sys.argv, "path": sys.path, "environ": dict(os.environ), "cwd": os.getcwd(), "name": __name__,
    "leads a session": os.getsid(0) == os.getpid(), "threads": threading.active_count(), "read": sys.stdin.read(),
    "open": sum(1 for one in range(3, 256) if os.path.exists(f"/dev/fd/{one}")),
    "warnings": [str(one) for one in warnings.filters if not one[2].__module__.startswith("aiohttp")],
    "signals": [str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD)],
    "streams": [(one.encoding, one.errors, one.line_buffering) for one in (sys.stdout, sys.stderr)],
}
print(json.dumps(found))
print("said", file=sys.stderr)
exec(sys.argv[1])
"""


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "sys.exit(3)",
        "sys.exit('words')",
        "1 / 0",
        "raise KeyboardInterrupt",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.close(1)",
        "import atexit; atexit.register(print, 'late')",
        "threading.Thread(target=lambda: print('from a thread')).start()",
    ],
)
@pytest.mark.parametrize("further", [{}, {"PYTHONWARNINGS": "default"}])
async def test_it_is_like_any_other_process(end: str, further: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "found.py").write_text(FOUND)
    env = {**kept(), "PYTHONPATH": str(nursery.ROOT), **further}
    born, started = [await _seen(start, end, tmp_path, env) for start in (nursery.start, nursery.start_anew)]
    assert born == started


async def _seen(start: Callable[..., Awaitable[AnyProcess]], end: str, directory: Path, env: dict[str, str]) -> object:
    process = await start("found", end, "ä", cwd=directory, env=env)
    out, err = await process.communicate()
    first, *rest = out.decode().splitlines() or ["{}"]
    found = json.loads(first)
    if start is nursery.start and found:
        found["open"] -= 1  # what tells the nursery of its end
    return process.returncode, found, rest, err.splitlines()[-1]


async def test_it_can_be_killed_and_is_not_killed_twice(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("import time; print('there', flush=True); time.sleep(60)")
    process = await nursery.start("waits", cwd=tmp_path, env=kept())
    assert await process.stdout.readline() == b"there\n"
    assert process.returncode is None
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    with pytest.raises(ProcessLookupError):
        process.kill()
