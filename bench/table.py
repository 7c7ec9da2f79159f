"""One table: what was measured, its floor in the same run, and the aim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

WIDTHS = (46, 12, 14, 13, 24)


@dataclass(frozen=True)
class Line:
    """One thing that was measured."""

    name: str
    floor: str
    ours: str
    ratio: str
    aim: str


def head(title: str) -> None:
    print(f"\n{title}\n{'-' * len(title)}")
    show(Line("", "floor", "Bursar", "ratio", "aim"))


def show(line: Line) -> None:
    cells = (line.name, line.floor, line.ours, line.ratio, line.aim)
    first, *others = zip(cells, WIDTHS, strict=True)
    print(f"{first[0]:{first[1]}}{''.join(f'{cell:>{width}}' for cell, width in others)}", flush=True)


def paired(name: str, floor: Sequence[float], ours: Sequence[float], aim: str, *, form: str = ".2f") -> Line:
    """Medians, and the median of the ratios pair by pair."""
    ratios = [our / low for our, low in zip(ours, floor, strict=True) if low]
    ratio = f"{median(ratios):.2f}" if ratios else ""
    return Line(name, f"{median(floor):{form}}", f"{median(ours):{form}}", ratio, aim)


def alone(name: str, ours: float, aim: str, *, form: str = ".2f", floor: str = "", ratio: str = "") -> Line:
    """Something without a floor, or with one that is a number by itself."""
    return Line(name, floor, f"{ours:{form}}", ratio, aim)
