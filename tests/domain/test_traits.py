"""Every kind of write path says what it is like, and where that comes from."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from bot.domain import traits
from bot.domain.model import ACCEPTED_TYPES, ProviderKind
from bot.domain.traits import Traits

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ProviderKind)
def test_types_that_can_be_targets_are_types_that_are_taken(kind: ProviderKind):
    assert set(kind.traits.written_as_paid) <= {one.value for one in ACCEPTED_TYPES[kind]}
    assert kind.traits.names_people or not kind.traits.written_as_paid


def test_each_trait_names_its_source():
    source = Path(traits.__file__).read_text(encoding="utf-8")
    headings = set(re.findall(r"^### (.+)$", (ROOT / "docs/services.md").read_text(encoding="utf-8"), re.MULTILINE))
    said = dict(re.findall(r'^    (\w+): [^\n]+\n    """(.+?)"""', source, re.MULTILINE | re.DOTALL))
    assert list(said) == [one.name for one in fields(Traits)]
    for meaning in said.values():
        named = re.search(r"\[([^\]]+)\]", meaning)
        assert named is not None and set(re.split(r",\s+", named[1])) <= headings


def test_services_and_ledger_ask_for_a_trait_and_not_for_a_kind():
    of_a_kind = re.compile("ProviderKind\\.[A-Z]|" + "|".join(f"['\"]{kind.value}['\"]" for kind in ProviderKind))
    naming = {
        path.relative_to(ROOT / "bot").as_posix()
        for package in ("services", "ledger")
        for path in (ROOT / "bot" / package).rglob("*.py")
        if of_a_kind.search(path.read_text(encoding="utf-8"))
    }
    # Whom to probe, and what a probe has found out about Drip.
    assert naming == {"services/subjects.py", "services/foresight.py", "ledger/capabilities.py"}
