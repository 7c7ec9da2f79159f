"""The conversation on a terminal: who says what, and Discord's cards as text. Colour only where it is one."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TextIO

from bot.demo.shown import BUTTON, CONTAINER, FILE, MENUS, ROW, RULE, SECTION, TEXT, Part, Shown

WIDTH_MIN, WIDTH_MAX = 60, 96

_BOLD, _DIM, _RED, _GREEN, _BLUE, _CYAN = "1", "2", "31", "32", "34", "36"
_STYLES: Final = {1: "44;97", 2: "100;97", 3: "42;97", 4: "41;97"}
"""Discord's button styles as terminal colours: primary, secondary, success, danger."""

_MARKS: Final = re.compile(
    r"\\(?P<literal>[^A-Za-z0-9\s])"
    r"|<t:(?P<time>-?\d+)(?::(?P<style>[tTdDfFR]))?>"
    r"|<@&(?P<role>\d+)>|<@!?(?P<user>\d+)>|<#(?P<channel>\d+)>"
    r"|`(?P<code>[^`]+)`"
    r"|(?P<bold>\*\*)|(?P<italic>\*)"
)
Run = tuple[str, str]
"""A piece of text with its terminal style."""
Names = Callable[[str, int], str | None]
"""The name behind a mention: kind (``user``, ``role``, ``channel``) and id."""


class Screen:
    """Writes the demo's lines to one stream."""

    def __init__(self, out: TextIO, names: Names | None = None) -> None:
        self._out = out
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        columns = shutil.get_terminal_size((WIDTH_MAX, 24)).columns if out.isatty() else WIDTH_MAX
        self.width = max(WIDTH_MIN, min(WIDTH_MAX, columns - 1))
        self._names = names or (lambda _kind, _id: None)

    def knows(self, names: Names) -> None:
        """From now on mentions are shown by these names."""
        self._names = names

    # --- lines --------------------------------------------------------------------------------------------------

    def line(self, text: str = "", style: str = "") -> None:
        """One line as it stands."""
        self._out.write(self._styled(text, style) + "\n")
        self._out.flush()

    def scene(self, title: str) -> None:
        """A heading."""
        self.line()
        self.line(f"━━ {title} {'━' * max(0, self.width - _cells(title) - 4)}", _BOLD)

    def says(self, text: str, style: str = "") -> None:
        """A sentence, indented, wrapped with its beginning sticking out."""
        for part in _wrapped([(text, style)], self.width - 2, "  "):
            self._put("  ", part)

    def verdict(self, text: str, *, good: bool) -> None:
        """The last word."""
        self.says(f"{'✓' if good else '✗'} {text}", f"{_BOLD};{_GREEN if good else _RED}")

    def tells(self, text: str) -> None:
        """The narrator."""
        for part in _wrapped([(text, _DIM)], self.width):
            self._put("", part)

    def does(self, who: str, what: str) -> None:
        """Somebody types or presses something."""
        self.line()
        first, rest = f"{who} › ", " " * (_cells(who) + 3)
        for number, part in enumerate(_wrapped([(what, _BOLD)], self.width - _cells(first))):
            self._put(self._styled(first if number == 0 else rest, _CYAN), part)

    def place(self, place: str, text: str) -> None:
        """What a channel says, in few words: markdown on one line, wrapped below its beginning."""
        first = f"  {place}  "
        for number, part in enumerate(self.markdown(text, self.width - _cells(first))):
            self._put(self._styled(first, _CYAN) if number == 0 else " " * _cells(first), part)

    def raw(self, lines: Sequence[str], more: str = "") -> None:
        """Lines of a file, cut at the edge."""
        for text in lines:
            flat = text.replace("\t", "  ").rstrip()
            self.line("    " + (flat if _cells(flat) <= self.width - 4 else flat[: self.width - 5] + "…"), _DIM)
        if more:
            self.line(f"    {more}", _DIM)

    def table(self, rows: Sequence[Sequence[str]], *, left: int = 2) -> None:
        """Columns side by side; the first ``left`` are text, the others numbers. The first two rows are the head."""
        widths = [max(_cells(row[column]) for row in rows) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = [
                _padded(cell, width, right=column >= left)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  " + "  ".join(cells).rstrip(), _BOLD if number < 2 else "")

    # --- cards --------------------------------------------------------------------------------------------------

    def card(self, card: Shown, place: str, *, lines: int | None = None, controls: bool = True) -> None:
        """A message: a bar in its colour, its texts, its buttons. ``lines``: only so many of its texts.

        ``controls``: with them, all buttons and menus; else none.
        """
        container = next((root for root in card.roots if root["type"] == CONTAINER), {})
        accent = container.get("accent_color")
        bar = self._styled("│ ", _accent(accent)) if accent is not None else "│ "
        self.line(f"  ┌ Bursar · {place}", _DIM)
        for runs in self._card_lines(card, lines, controls):
            self._put("  " + bar, runs)
        self.line("  └", _DIM)

    def _card_lines(self, card: Shown, most: int | None, controls: bool) -> Iterator[list[Run]]:
        parts = [part for root in card.roots for part in (root["components"] if root["type"] == CONTAINER else [root])]
        shown = [(part["type"] == ROW, runs) for part in parts for runs in self._component(part)]
        texts = [runs for is_row, runs in shown if not is_row]
        if most is None or len(texts) <= most:
            yield from (runs for _, runs in shown)
            return
        yield from texts[:most]
        yield [("…", _DIM)]
        yield from (runs for is_row, runs in shown if is_row and controls)

    def _component(self, part: Part) -> Iterator[list[Run]]:
        kind, width = part["type"], self.width - 4
        if kind == TEXT:
            for line in part["content"].split("\n"):
                yield from self.markdown(line, width)
        elif kind == RULE:
            yield [("─" * 40, _DIM)]
        elif kind == FILE:
            name = part.get("name") or part["file"]["url"].rsplit("/", 1)[-1]
            yield [(f"▤ {name}", _CYAN)]
        elif kind == SECTION:
            for inner in (*part["components"], part["accessory"]):
                yield from self._component(inner)
        elif kind == ROW:
            yield from _wrapped_row([self._control(one) for one in part["components"]], width)

    def _control(self, part: Part) -> Run:
        """A button as ``[Send 988 awards]``, a menu as ``[what is chosen ▾]``."""
        if part["type"] == BUTTON:
            label = f"[{part['label']}]"
            return (label, _DIM) if part.get("disabled") else (label, _STYLES.get(part["style"], _BOLD))
        return (f"[{self._chosen(part)} ▾]", _BLUE) if part["type"] in MENUS else ("", "")

    def _chosen(self, part: Part) -> str:
        chosen = [one["label"] for one in part.get("options", ()) if one.get("default")]
        for one in part.get("default_values", ()):
            name = self._names(one["type"], int(one["id"])) or one["id"]
            chosen.append({"user": "@", "role": "@", "channel": "#"}[one["type"]] + name)
        return ", ".join(chosen) or part.get("placeholder") or "choose"

    def markdown(self, line: str, width: int) -> list[list[Run]]:
        """One line of Discord's markdown as wrapped lines of styled text."""
        base, indent = "", ""
        if line.startswith("-# "):
            line, base = line[3:], _DIM
        elif line.startswith("### "):
            line, base = line[4:], _BOLD
        elif line.startswith("- "):
            line, indent = "• " + line[2:], "  "
        return _wrapped(self._runs(line, base), width, indent)

    def _runs(self, line: str, base: str) -> list[Run]:
        runs: list[Run] = []
        bold, at = False, 0
        for match in _MARKS.finditer(line):
            style = ";".join(one for one in (base, _BOLD if bold else "") if one)
            runs.append((line[at : match.start()], style))
            at = match.end()
            if match["bold"]:
                bold = not bold
            elif not match["italic"]:
                runs.append(self._mark(match, style))
        runs.append((line[at:], base))
        return [run for run in runs if run[0]]

    def _mark(self, match: re.Match[str], style: str) -> Run:
        if match["literal"]:
            return match["literal"], style
        if match["time"]:
            return moment(int(match["time"]), match["style"] or "f"), style
        if match["code"]:
            return f"`{match['code']}`", style
        for kind, sign in (("user", "@"), ("role", "@"), ("channel", "#")):
            if match[kind]:
                return sign + (self._names(kind, int(match[kind])) or match[kind]), _BLUE
        raise AssertionError("the pattern has no other group")

    # --- writing ------------------------------------------------------------------------------------------------

    def _put(self, before: str, runs: Sequence[Run]) -> None:
        ending = [
            (text.rstrip() if number == len(runs) else text, style) for number, (text, style) in enumerate(runs, 1)
        ]
        self._out.write(before + "".join(self._styled(text, style) for text, style in ending) + "\n")
        self._out.flush()

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour and style and text else text


def moment(unix: int, style: str, now: float | None = None) -> str:
    """A Discord time stamp in the reader's own time zone; ``R`` counts from ``now``."""
    at = datetime.fromtimestamp(unix, UTC).astimezone()
    if style == "R":
        return _relative(unix - (datetime.now(UTC).timestamp() if now is None else now))
    return at.strftime({"t": "%H:%M", "T": "%H:%M:%S", "d": "%Y-%m-%d", "D": "%d %B %Y"}.get(style, "%d %B %Y %H:%M"))


def _relative(seconds: float) -> str:
    amount = abs(round(seconds))
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if amount >= size:
            number = round(amount / size)
            many = f"{number} {word}{'' if number == 1 else 's'}"
            return f"in {many}" if seconds > 0 else f"{many} ago"
    return "just now"


def _accent(colour: int) -> str:
    return f"38;2;{colour >> 16 & 255};{colour >> 8 & 255};{colour & 255}"


def _cells(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(
        0
        if unicodedata.combining(one) or one in "\u200d\ufe0f"
        else 2
        if unicodedata.east_asian_width(one) in "WF"
        else 1
        for one in text
    )


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _cells(text))
    return space + text if right else text + space


def _wrapped(runs: Sequence[Run], width: int, indent: str = "") -> list[list[Run]]:
    """Runs broken into lines between words; further lines begin with ``indent``."""
    lines: list[list[Run]] = [[]]
    used = 0
    for text, style in runs:
        for word in re.findall(r"\s+|\S+", text):
            size = _cells(word)
            if used + size > width and used > _cells(indent):
                if word.isspace():
                    continue
                lines.append([(indent, "")] if indent else [])
                used = _cells(indent)
            if word.isspace() and used == (_cells(indent) if len(lines) > 1 else 0) and len(lines) > 1:
                continue
            line = lines[-1]
            if line and line[-1][1] == style:
                line[-1] = (line[-1][0] + word, style)
            else:
                line.append((word, style))
            used += size
    return lines


def _wrapped_row(controls: Sequence[Run], width: int) -> Iterator[list[Run]]:
    """Buttons beside each other as far as they fit."""
    line: list[Run] = []
    used = 0
    for text, style in controls:
        if line and used + 2 + _cells(text) > width:
            yield line
            line, used = [], 0
        if line:
            line.append(("  ", ""))
            used += 2
        line.append((text, style))
        used += _cells(text)
    if line:
        yield line
