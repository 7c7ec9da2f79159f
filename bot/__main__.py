"""``python -m bot``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> int:
    """Ctrl+C before the command has begun: nothing was done, and the stack of an import tells nobody anything."""
    signal.signal(signal.SIGTERM, _end)
    try:
        from bot.console import entry

        return entry.main()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _end(number: int, _: FrameType | None) -> None:
    """SIGTERM where no command waits for what is under way: at once, as without this, but with the status that a shell
    would make of it. Whoever starts the program without one is promised the same."""
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
