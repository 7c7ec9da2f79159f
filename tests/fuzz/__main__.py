"""``python -m tests.fuzz``: every target in turn for so many seconds, one line each; findings go into the corpus.

A finding is an input for which a target raises, or takes longer than ten seconds, or more than 1 GiB. It is stored as
``corpus/TARGET/found-…`` and is from then on part of every test run. What the engine learns on its way is kept in
``.fuzz`` for the next time and belongs to no commit.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS

LEARNT = Path(".fuzz")
_STATUS = re.compile(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", re.M)
_MOST_SECONDS, _MOST_MIB, _LONGEST = 10, 1024, 4096


@dataclass(frozen=True)
class Run:
    """What the engine did with one target."""

    executions: int
    edges: int
    """Of the program's branches that were seen taken."""
    inputs: int
    """That are worth keeping, because each goes where the others do not."""
    found: tuple[Path, ...]
    said: str


def fuzz(target: str, seconds: int) -> Run:
    """One target for so long."""
    learnt = LEARNT / target
    learnt.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        options = [
            f"-max_total_time={seconds}",
            f"-timeout={_MOST_SECONDS}",
            f"-rss_limit_mb={_MOST_MIB}",
            f"-max_len={_LONGEST}",
            f"-artifact_prefix={folder}/",
        ]
        engine = [sys.executable, "-m", "tests.fuzz.engine", target, *options, str(learnt), str(CORPUS / target)]
        done = subprocess.run(engine, capture_output=True, text=True, errors="replace", check=False)
        found = tuple(_stored(target, path) for path in sorted(Path(folder).iterdir()))
    lines = _STATUS.findall(done.stderr)
    executions, edges, _, inputs = map(int, lines[-1]) if lines else (0, 0, 0, 0)
    if not found and (done.returncode or not lines):
        raise SystemExit(f"the engine did not run:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return Run(executions, edges, inputs, found, done.stdout[-3000:] + done.stderr[-1500:])


def _stored(target: str, path: Path) -> Path:
    content = path.read_bytes()
    kept = CORPUS / target / f"found-{hashlib.sha256(content).hexdigest()[:12]}"
    kept.write_bytes(content)
    return kept


def main() -> int:
    """The command; 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    print(f"{'target':14}{'executions':>12}{'a second':>10}{'edges':>8}{'inputs':>8}  found")
    findings = 0
    for target in chosen.targets or TARGETS:
        run = fuzz(target, chosen.seconds)
        findings += len(run.found)
        names = ", ".join(str(path) for path in run.found) or "nothing"
        speed = run.executions // chosen.seconds
        print(f"{target:14}{run.executions:12,}{speed:10,}{run.edges:8,}{run.inputs:8,}  {names}", flush=True)
        if run.found:
            print(run.said)
    return min(findings, 1)


if __name__ == "__main__":
    sys.exit(main())
