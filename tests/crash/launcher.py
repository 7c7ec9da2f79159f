"""``python -m bot …`` that kills itself with SIGKILL at the n-th arrival at a named point: ``launcher NAME N …``.

No handler of the interpreter, no buffer and no lock gets a chance to tidy up: it is what the kernel does to a process
that runs out of memory.
"""

from __future__ import annotations

import os
import signal
import sys

from bot import checkpoints
from bot.console.entry import main

NOT_REACHED = 99
"""Exit status of a run that ended without arriving so often."""


def run(name: str, arrivals: int, arguments: list[str]) -> int:
    """The command; does not return when the point is reached."""
    assert name in checkpoints.NAMES
    left = arrivals

    def reached(at: str) -> None:
        nonlocal left
        left -= at == name
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.handler = reached
    main(arguments)
    return NOT_REACHED


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
