"""``python -m tests.fuzz.engine TARGET -max_total_time=60 FOLDER…``: one target in the coverage-guided engine.

The engine is libFuzzer, through atheris; its options are libFuzzer's. Only this module needs atheris.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["bot"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Does not return: libFuzzer ends the process."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
