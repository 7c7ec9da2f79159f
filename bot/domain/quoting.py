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
    """``“a”, “b” and 3 more``."""
    shown = ", ".join(quoted(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
