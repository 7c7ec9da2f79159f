"""How a look at the ledger ends that finds a bad record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that is not as it must be."""

    record: str
    """``award 17``, ``entry 5 of the history``, …"""
    problem: str


class Wrong(Exception):  # ends the examination where it stands
    """Carries the first bad record."""

    def __init__(self, record: str, problem: str) -> None:
        super().__init__(f"{record}: {problem}")
        self.bad = Bad(record, problem)
