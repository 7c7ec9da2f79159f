"""The mark of a restore that was cut off: with it beside a ledger, nobody knows which of the two ledgers that is."""

from __future__ import annotations

from pathlib import Path

from bot.errors import LedgerError


def marker_path(ledger: Path) -> Path:
    """Where it lies."""
    return ledger.with_name(ledger.name + ".restoring")


def refuse_half_restored(ledger: Path) -> None:
    """Raises ``LedgerError`` while the mark is there."""
    if marker_path(ledger).exists():
        raise LedgerError(
            f"a restore of {ledger} was cut off before its end", hint="Run the same `bursar restore FILE` again."
        )
