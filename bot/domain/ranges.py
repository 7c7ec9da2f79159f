"""Numbers without a gap between them, told by the first and the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def ranges(ids: Iterable[int]) -> list[list[int]]:
    """Ids or lines as pairs of the first and the last of those without a gap between them, in the order given."""
    found: list[list[int]] = []
    for one in ids:
        if found and one == found[-1][1] + 1:
            found[-1][1] = one
        else:
            found.append([one, one])
    return found


def in_ranges(pairs: Sequence[Sequence[int]]) -> Iterator[int]:
    """What ``ranges`` was made of."""
    for first, last in pairs:
        yield from range(first, last + 1)
