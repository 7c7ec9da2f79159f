"""What the documents list is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.domain.kinds import NOTICE_KINDS, PROBLEM_KINDS, REFUSAL_KINDS
from bot.domain.planning import schedule
from bot.providers.drip import RATE_PLANS
from bot.providers.drip_search import SEARCH_VALUES
from bot.providers.gameball import WINDOWS
from bot.ui.text import duration
from bot.variables import BY_NAME

DOCS = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("Problems of a row", PROBLEM_KINDS),
        ("Warnings", NOTICE_KINDS),
        ("Why a whole file is refused", REFUSAL_KINDS),
    ],
)
def test_every_kind_is_listed_with_its_meaning(title: str, kinds: dict[str, str]) -> None:
    text = (DOCS / "docs/files.md").read_text(encoding="utf-8")
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    assert dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", section, re.M)) == dict(kinds)


def test_the_readme_names_every_variable_and_no_other() -> None:
    table = (DOCS / "README.md").read_text(encoding="utf-8").split("## Settings")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:DISCORD|DRIP|GAMEBALL|BURSAR)_[A-Z_]+)`", table))
    assert named == set(BY_NAME)


_RATES = [(24, 60.0), (300, 60.0), (500, 60.0), (360, 30.0)]


def _row(rows: int, *, looked_up: bool) -> list[str]:
    """What the preview says of so many rows, plan by plan."""
    lookups = -(-rows // SEARCH_VALUES) if looked_up else 0
    cells = []
    for window, seconds in _RATES[: 3 if looked_up else 4]:
        size = 1000 if window == 360 else 100
        plan = schedule(rows, size, lookups, per_window=window, window_seconds=seconds, per_month=None)
        cells.append(duration(plan.seconds))
    return [f"{rows:,}" + (", members looked up" if looked_up else ""), *cells, *([""] if looked_up else [])]


def test_the_readme_says_how_long_it_takes_as_the_preview_does() -> None:
    section = (DOCS / "README.md").read_text(encoding="utf-8").split("## How long it takes")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| 1")]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert shown == [_row(rows, looked_up=found) for found in (False, True) for rows in (1_000, 10_000, 100_000)]
    assert [(name, calls) for name, calls, _ in RATE_PLANS.values()] == [
        ("Free", 24),
        ("Pro", 300),
        ("Enterprise", 500),
    ]
    assert (360, 30.0) in WINDOWS


def _anchors(page: Path) -> set[str]:
    """What a heading is called in a link to it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_links_between_documents_lead_somewhere() -> None:
    for page in [DOCS / "README.md", *(DOCS / "docs").glob("*.md")]:
        links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
        for target, anchor in links:
            there = page.parent / target if target else page
            assert there.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in _anchors(there), f"{page.name}: {target}#{anchor}"


def test_what_the_code_names_of_the_services_page_is_on_it() -> None:
    page = (DOCS / "docs/services.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (.+)$", page, re.M))
    named = set()
    for package in ("bot", "cogs", "tests"):
        for path in (DOCS / package).rglob("*.py"):
            text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
            named |= set(re.findall(r"docs/services\.md, ([A-Z][A-Za-z' ]*)", text))
    assert named
    assert named <= headings


def test_what_the_maintainers_page_points_at_is_there() -> None:
    """Files as they are named from the root, or from ``bot/``; what stands behind a colon is defined in that file."""
    text = (DOCS / "docs/maintaining.md").read_text(encoding="utf-8")
    pointed = re.findall(r"`([\w/]+\.(?:py|txt))`(?:: ((?:`\w+`(?:, )?)+))?", text)
    assert len(pointed) > 40
    for name, defined in pointed:
        (source,) = [path for path in (DOCS / name, DOCS / "bot" / name) if path.exists()]
        for one in re.findall(r"\w+", defined):
            assert re.search(rf"(?:def|class) {one}\b|^{one}\b", source.read_text(encoding="utf-8"), re.M), one
