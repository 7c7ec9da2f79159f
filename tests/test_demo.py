"""``demo`` as a process: it ends well, it notices when the books differ, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEMO = ("-m", "bot", "demo")
TAMPERED = ("-c", "import sys; from bot.demo import main; sys.exit(main(['--apply-twice']))")
PATIENCE = 300.0
"""Seconds after which a demo is held to hang."""


@dataclass
class Ran:
    """A demo that is over."""

    status: int
    out: str
    err: str
    folder: Path


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environ = {**os.environ, "TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    # Tests that a shell runs in the background ignore Ctrl-C, and what they start would do so, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environ, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)


def finish(process: subprocess.Popen[str], folder: Path) -> Ran:
    out, err = process.communicate(timeout=PATIENCE)
    return Ran(process.returncode, out, err, folder)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ran, Ran]]:
    """The demo as it is, and with one call carried out twice; side by side, since both mostly wait."""
    folders = [tmp_path_factory.mktemp(name) for name in ("demo", "tampered")]
    processes = [start(folder, *command) for folder, command in zip(folders, (DEMO, TAMPERED), strict=True)]
    try:
        demo, tampered = (
            finish(process, folder) for process, folder in zip(processes, folders, strict=True)
        )  # fmt: skip
        yield demo, tampered
    finally:
        for process in processes:
            process.kill()


def rows(out: str) -> dict[str, list[str]]:
    """The last table: programme to its cells."""
    table = out[out.rindex("programme ") :]
    lines = [line.split() for line in table.splitlines()[1:]]
    return {cells[0]: cells[1:] for cells in lines[: next(n for n, cells in enumerate(lines) if not cells)]}


def left_behind(ran: Ran) -> list[str]:
    """Folders, and the stand-ins if they still run."""
    found = [str(path) for path in ran.folder.iterdir()]
    pid = int(re.findall(r"process\s+of\s+their\s+own\s+\((\d+)\)", ran.out)[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return found
    return [*found, f"process {pid}"]


def test_the_demo_ends_with_books_that_agree(both: tuple[Ran, Ran]):
    demo, _ = both
    assert (demo.status, demo.err) == (0, "")
    table = rows(demo.out)
    assert set(table) == {"drip-credentials", "drip-members", "gameball"}
    for currency, applied, total, in_doubt, booked, booked_total, said in table.values():
        assert currency in ("Gold", "points")
        assert int(applied.replace(",", "")) > 900
        assert (applied, total) == (booked, booked_total)
        assert (in_doubt, said) == ("0", "same")
    assert "Books agree" in demo.out and "DIFFER" not in demo.out


def test_the_demo_shows_what_a_moderator_sees(both: tuple[Ran, Ran]):
    out = " ".join(both[0].out.split())
    for said in (
        "/settings show",
        "[Send 40 points to @",
        "new balance 140 points",
        "rows are bad and stop the send",
        "Batches that the two presses recorded: 1.",
        "already sent it",
        "Nothing sent yet",
        "in doubt",
        "[They landed: all ",
        "awards were already paid in the last 30 days",
        "UTF-16, separated by tabs",
        "Windows-1252, separated by commas",
        "[Send 3 refused rows again]",
        "1,000 rows in batch-4-result.csv",
    ):
        assert said in out, said
    assert "\x1b" not in out and "Traceback" not in out


def test_the_demo_fails_when_a_service_paid_what_the_ledger_does_not_know(both: tuple[Ran, Ran]):
    _, tampered = both
    assert tampered.status == 1
    assert "BOOKS DIFFER" in tampered.out and "Books agree" not in tampered.out
    assert "In the books, but not in the ledger: 1" in tampered.out
    table = rows(tampered.out)
    assert [cells[-1] for cells in table.values()] == ["same", "DIFFERENT", "same"]


def test_nothing_is_left_behind(both: tuple[Ran, Ran]):
    for ran in both:
        assert left_behind(ran) == []


@pytest.mark.parametrize(("signal_number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_stopped_cleans_up(tmp_path: Path, signal_number: int, status: int):
    process = start(tmp_path / "demo", *DEMO)
    assert process.stdout is not None
    out = ""
    for line in process.stdout:
        out += line
        if "One member" in line:
            break
    process.send_signal(signal_number)
    ran = finish(process, tmp_path / "demo")
    ran.out = out + ran.out
    assert ran.status == status
    assert left_behind(ran) == []
    assert "Traceback" not in ran.err


@pytest.mark.skipif(find_spec("markdown_it") is not None, reason="what the page needs is installed")
def test_without_the_page_installed_one_line_says_how_to_get_it():
    ran = subprocess.run(
        [sys.executable, *DEMO, "--browser"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ran.returncode == 1
    assert ran.stderr.strip() == (
        "The demo failed: the page with the real buttons is not installed. Run: make demo-browser."
    )
