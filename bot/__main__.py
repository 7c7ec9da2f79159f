"""``python -m bot``."""

from __future__ import annotations

import sys


def main() -> int:
    """Ctrl+C before the command has begun: nothing was done, and the stack of an import tells nobody anything."""
    try:
        from bot.console import early

        early.watch(sys.argv[1:])
        from bot.console import entry

        return entry.main()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
