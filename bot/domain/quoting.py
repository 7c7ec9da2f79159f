"""Words from a file inside a sentence for a person."""

from __future__ import annotations


def quoted(text: str, limit: int = 30) -> str:
    """``text`` in quotation marks on one line, cut to ``limit`` characters.

    What is not printed, such as control characters and marks that turn the direction of writing, is shown as a space: a
    cell cannot rearrange the sentence it stands in.
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * limit]).strip()
    if len(plain) > limit:
        plain = plain[: limit - 1].rstrip() + "…"
    return f"“{plain}”"


def listed(names: list[str] | tuple[str, ...], limit: int = 6) -> str:
    """``“a”, “b” and “c”``, or ``“a”, “b” and 3 more``."""
    shown = [quoted(name) for name in names[:limit]]
    last = f"{len(names) - limit} more" if len(names) > limit else shown.pop()
    return f"{', '.join(shown)} and {last}" if shown else last
