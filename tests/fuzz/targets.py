"""Every target by name: a function of bytes that raises when something does not hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.fuzz import answers, intake, options

TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {**intake.TARGETS, **answers.TARGETS, **options.TARGETS}

CORPUS: Final = Path(__file__).parent / "corpus"
"""Files by target: what services and people really send, to begin from, and what once went wrong (``found-…``)."""


def corpus_of(target: str) -> list[Path]:
    """The stored inputs of a target."""
    return sorted((CORPUS / target).iterdir())
