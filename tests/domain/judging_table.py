"""Expected verdicts on awards in doubt, written before the code: what was known, what was read, what follows."""

from __future__ import annotations

from typing import Any

# name: (amount, before, first reading, second reading, ours in between) -> verdict
ALONE = {
    "moved by the amount": ((10, 100, 110, 110, 0), "landed"),
    "did not move": ((10, 100, 100, 100, 0), "not-landed"),
    "a deduction moved by the amount": ((-10, 100, 90, 90, 0), "landed"),
    "a deduction did not move": ((-10, 100, 100, 100, 0), "not-landed"),
    "a balance of nothing is a balance": ((10, 0, 10, 10, 0), "landed"),
    "a debt is a balance": ((10, -5, -5, -5, 0), "not-landed"),
    "unknown before": ((10, None, 110, 110, 0), "cannot-tell"),
    "unreadable after": ((10, 100, None, None, 0), "cannot-tell"),
    "unreadable the second time": ((10, 100, 110, None, 0), "cannot-tell"),
    "unreadable the first time": ((10, 100, None, 110, 0), "cannot-tell"),
    "landing while it was read": ((10, 100, 100, 110, 0), "cannot-tell"),
    "moving away while it was read": ((10, 100, 110, 100, 0), "cannot-tell"),
    "applied twice by a gateway": ((10, 100, 120, 120, 0), "cannot-tell"),
    "moved by somebody else as well": ((10, 100, 117, 117, 0), "cannot-tell"),
    "moved by somebody else only": ((10, 100, 107, 107, 0), "cannot-tell"),
    "a deduction was capped": ((-10, 4, 0, 0, 0), "cannot-tell"),
    "moved the other way": ((10, 100, 90, 90, 0), "cannot-tell"),
    "an award of ours in between, and this one": ((10, 100, 135, 135, 25), "landed"),
    "only the award of ours in between": ((10, 100, 125, 125, 25), "not-landed"),
    "less than the award of ours in between": ((10, 100, 110, 110, 25), "cannot-tell"),
}

Y, N, ODD, BLIND = (10, 100, 110, 110, 0), (10, 100, 100, 100, 0), (10, 100, 103, 103, 0), (10, None, 100, 100, 0)

# name: (changes of the call, whether the service named a part as done) -> verdict for all of it
WHOLE: dict[str, tuple[list[Any], bool, str]] = {
    "all moved": ([Y, Y, Y], False, "landed"),
    "none moved": ([N, N, N], False, "not-landed"),
    "one quiet recipient decides": ([ODD, BLIND, Y], False, "landed"),
    "one quiet recipient decides the other way": ([ODD, BLIND, N], False, "not-landed"),
    "witnesses contradict each other": ([Y, Y, N], False, "cannot-tell"),
    "no witness": ([ODD, BLIND], False, "cannot-tell"),
    "nobody was asked": ([], False, "cannot-tell"),
    "the service named the rest as done": ([], True, "landed"),
    "the service named the rest as done, and so say balances": ([Y, BLIND], True, "landed"),
    "the service named the rest as done, balances deny it": ([N], True, "cannot-tell"),
}
