"""The arrows of the design, checked over every module: who may import whom, and which library lives where."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

OPEN_TO_ALL = ("bot.settings", "bot.errors", "bot.clock", "bot.checkpoints", "bot.log", "bot.spool")

WHOLE_BOT = ("bot.app", "bot.client", "bot.domain", "bot.ledger", "bot.providers", "bot.services", "bot.ui")

ARROWS: Mapping[str, tuple[str, ...]] = {
    # What stands on the left may import what stands on the right, itself, and what is open to all. The longest name
    # that fits a module is its rule.
    "bot.domain": (),
    "bot.errors": (),
    "bot.clock": (),
    "bot.checkpoints": (),
    "bot.log": (),
    "bot.standins": (),
    "bot.variables": (),
    "bot.customer_map": (),
    "bot.reader": ("bot.domain", "bot.variables"),
    "bot.settings": ("bot.domain", "bot.variables", "bot.customer_map", "bot.reader"),
    "bot.ledger": ("bot.domain",),
    "bot.providers": ("bot.domain",),
    "bot.services": ("bot.domain", "bot.ledger", "bot.providers"),
    "bot.ui": ("bot.domain", "bot.services"),
    "bot.sandbox": (),
    "cogs": ("bot.domain", "bot.services", "bot.ui"),
    # The client makes the cogs known by name.
    "bot.client": ("bot.services", "bot.ui"),
    # The composition root and the command line put everything together; they import no cog and nothing of Discord.
    "bot.app": ("bot.domain", "bot.ledger", "bot.providers", "bot.services"),
    "bot.console": (*WHOLE_BOT, "bot.standins"),
    "bot.__main__": ("bot.console",),
    # The demo plays operator, moderator and both services.
    "bot.demo": (*WHOLE_BOT, "bot.standins"),
    # Names without a rule of their own: the packages themselves, whose __init__ is empty.
    "bot": (),
}

CLOSED = ("bot", "bot.domain", "bot.sandbox")
"""They take nothing from elsewhere, not even what is open to all: the domain stays pure, and the stand-ins share no
code with what they are to judge."""

VALUES: Mapping[str, frozenset[str]] = {
    # What services hand on as they got it. Discord's side may name these types; it cannot operate anything with them.
    "bot.ledger.boards": frozenset({"Board"}),
    "bot.ledger.drafts": frozenset({"Draft", "DraftState"}),
    "bot.ledger.queries": frozenset({"Attempt", "Calls", "Event", "LineStatus"}),
    "bot.ledger.receipts": frozenset({"Place"}),
    "bot.ledger.recording": frozenset({"Recorded"}),
    "bot.providers.base": frozenset({"Currency", "Finding", "Health"}),
}
MAY_NAME_VALUES = ("bot.ui", "bot.client", "cogs")

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "discord": ("cogs", "bot.ui", "bot.client", "bot.demo"),
    "simcord": ("bot.demo",),
    "aiosqlite": ("bot.ledger",),
    "sqlite3": ("bot.ledger",),
    "aiohttp": ("bot.providers", "bot.sandbox"),
    "dotenv": ("bot.variables",),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("bot", "cogs"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(modules())


def imports(module: str, path: Path) -> Iterator[str]:
    """Everything that a module imports, anywhere in it; ``from a import b`` is ``a.b`` where the rules ask for it."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES or base in VALUES else base


def within(module: str, area: str) -> bool:
    return module == area or module.startswith(f"{area}.")


def area_of(module: str) -> str:
    return max((area for area in ARROWS if within(module, area)), key=len)


def breaches(module: str, imported: Iterator[str]) -> list[str]:
    """What a module imports against the rules."""
    area = area_of(module)
    found = []
    for name in imported:
        top = name.partition(".")[0]
        if top in ("bot", "cogs"):
            if not may_import(module, area, name):
                found.append(name)
        elif top in LIBRARIES:
            if not any(within(module, place) for place in LIBRARIES[top]):
                found.append(name)
        elif area == "bot.domain" and top not in sys.stdlib_module_names:
            found.append(name)
    return found


def may_import(module: str, area: str, name: str) -> bool:
    if area == "cogs":
        # No cog imports a sibling; a package of a cog is its own.
        own = ".".join(module.split(".")[:2])
        if within(name, "cogs"):
            return within(name, own) and own != "cogs"
    owner, _, value = name.rpartition(".")
    if area in MAY_NAME_VALUES and value in VALUES.get(owner, ()):
        return True
    allowed = (area, *ARROWS[area])
    if area not in CLOSED:
        allowed += OPEN_TO_ALL
    return any(within(name, place) for place in allowed)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_the_arrows_allow(module: str):
    assert breaches(module, imports(module, MODULES[module])) == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("bot.domain.intake", "aiohttp"),
        ("bot.domain.intake", "yarl"),
        ("bot.domain.intake", "bot.errors"),
        ("bot.domain.intake", "bot.ledger.ledger"),
        ("bot.ledger.claims", "bot.services.batches"),
        ("bot.ledger.claims", "bot.providers.base"),
        ("bot.providers.gameball", "aiosqlite"),
        ("bot.providers.gameball", "bot.ledger.ledger"),
        ("bot.services.submitting", "discord"),
        ("bot.services.submitting", "aiohttp"),
        ("bot.services.submitting", "sqlite3"),
        ("bot.services.submitting", "bot.ui.cards"),
        ("bot.services.handover.server", "bot.console.output"),
        ("bot.ui.cards", "bot.ledger.ledger"),
        ("bot.ui.cards", "bot.ledger.queries"),
        ("bot.ui.cards", "bot.ledger.queries.Queries"),
        ("bot.ui.cards", "bot.providers.gameball"),
        ("cogs.settings", "bot.providers.base.Provider"),
        ("bot.ui.cards", "bot.client"),
        ("bot.sandbox.books", "bot.domain.model"),
        ("bot.sandbox.books", "bot.errors"),
        ("cogs.rewards", "cogs.batches"),
        ("cogs.rewards", "bot.ledger.ledger"),
        ("cogs.rewards", "bot.app"),
        ("bot.client", "cogs.rewards"),
        ("bot.console.run", "discord"),
        ("bot.console.bulk", "bot.sandbox.books"),
        ("bot.app", "bot.ui.board"),
        ("bot.settings", "bot.services.rules"),
    ],
)
def test_the_rules_catch_an_import_across_the_arrows(module: str, imported: str):
    assert breaches(module, iter([imported])) == [imported]


def test_every_rule_is_about_something_that_exists():
    named = {*ARROWS, *OPEN_TO_ALL, *(name for names in ARROWS.values() for name in names)}
    named |= {*VALUES, *MAY_NAME_VALUES}
    assert sorted(name for name in named if name not in MODULES) == []


def test_relative_and_local_imports_are_seen(tmp_path: Path):
    source = "from . import ledger\nfrom ..errors import Refused\ndef late():\n    import discord.ui\n"
    path = tmp_path / "x.py"
    path.write_text(source)
    assert list(imports("bot.ledger.x", path)) == ["bot.ledger.ledger", "bot.errors", "discord.ui"]


def test_no_test_leans_on_another_ones_module():
    """Helpers that several need stand in a module of their own."""
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and re.match(r"(tests\.(\w+\.)*)?test_", node.module or ""):
                found.append(f"{path.relative_to(ROOT)}: {node.module}")
    assert found == []
