"""What programmes can promise, on the card of the settings and, where that has to be short, in full behind a button."""

from __future__ import annotations

import discord
import pytest

from bot.domain.lanes import LaneKind
from bot.domain.model import Actor, ProviderKind
from bot.domain.promises import _MEANINGS, Known, promise
from bot.ledger.halts import Halt
from bot.services.rules import Capability, ServerRules
from bot.ui.settings_card import (
    PROMISES_LABEL,
    ROLE_LISTS,
    UNUSABLE_ROOM,
    ProgrammeLine,
    There,
    roles_said,
    settings_card,
)
from bot.ui.settings_promises import PromisesButton, pages_of, promises_card
from bot.ui.staff import UNTIL_THEN
from tests.support.specification import refusable_card

DAY = 86_400_000


def longest(kind: ProviderKind) -> str:
    """As much as can be known of one programme, each answer found on a day of its own."""
    answers = {name: value for (name, value), _ in sorted(_MEANINGS[kind].items(), key=lambda one: len(one[1]))}
    known = {name: Known(name, value, {}, day * DAY) for day, (name, value) in enumerate(answers.items(), 20_000)}
    known.pop("read-back", None)  # leaves no doubts to speak of
    return promise(kind, known, lane=LaneKind.RING, once_up_to=1000).text


def lines(*texts: str, unusable: str | None = None) -> list[ProgrammeLine]:
    told = [
        ProgrammeLine(f"drip-{number}", f"Team {number}", "c0ffee", False, None, text)
        for number, text in enumerate(texts)
    ]
    return told if unusable is None else [*told, ProgrammeLine("gameball", "gameball", None, False, unusable)]


def text_of(view: discord.ui.LayoutView) -> str:
    assert refusable_card(view) == []
    return "\n".join(item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay))


def buttons(view: discord.ui.LayoutView) -> dict[str, discord.ui.Button]:
    return {str(item.label): item for item in view.walk_children() if isinstance(item, discord.ui.Button)}


def card_of(programmes: list[ProgrammeLine]) -> discord.ui.LayoutView:
    return settings_card("Lighthouse", ServerRules(), programmes, channel_problem=None, practice=True)


@pytest.mark.parametrize(
    ("programmes", "short"),
    [
        (lines("Short.", "Short."), False),
        (lines(*(longest(kind) for kind in ProviderKind)), True),
        (lines(*["x" * 499] * 4), True),
        (lines(*["x" * 10] * 40), True),
        (lines("Short.", unusable="y" * UNUSABLE_ROOM), False),
        (lines("Short.", unusable="y" * (UNUSABLE_ROOM + 1)), True),
        ([], False),
    ],
    ids=["two", "three with all that can be known", "four", "forty", "unusable", "unusable for a long reason", "none"],
)
def test_the_settings_lead_to_the_whole_wherever_they_have_to_be_short(
    programmes: list[ProgrammeLine], short: bool
) -> None:
    card = card_of(programmes)
    assert (PROMISES_LABEL in buttons(card)) is short
    if not short:
        text = text_of(card)
        assert all((one.promise or one.unusable or "") in text for one in programmes)


def test_the_settings_have_room_for_everything_at_once() -> None:
    """A setting was changed while not all is set up and everything is stopped, of programmes with much to tell."""
    rules = ServerRules(plain_cards=True)
    stopped = Halt(1, "1", 1, Actor("2", "Ada", "1"), "a wrong file")
    told = lines(*(longest(kind) for kind in ProviderKind))
    card = settings_card(
        "Lighthouse", rules, told, channel_problem=None, practice=True, done="Largest award: 100", halt=stopped
    )
    text = text_of(card)
    assert all(words in text for words in ("✓ Largest award: 100", "a wrong file", "No staff channel", "No role may"))
    assert PROMISES_LABEL in buttons(card)


def test_however_much_was_changed_every_menu_has_its_name() -> None:
    roles = [str(10**18 + number) for number in range(50)]
    rules = ServerRules(
        staff_channel_id="7", plain_cards=True, roles={one: frozenset(roles[:25]) for one in Capability}
    )
    done = f"Changed: **Who may award**: {roles_said(roles[:25])} → {roles_said(roles[25:])}"
    stopped = Halt(1, "1", 1, Actor("2", "*" * 32, "1"), "*" * 200)
    told = lines(*(longest(kind) for kind in ProviderKind))
    problem, nothing = f"{'x' * 200} {UNTIL_THEN}", There(frozenset(), frozenset())
    for there in (There(), nothing):
        card = settings_card(
            *("*" * 100, rules, told), channel_problem=problem, practice=True, done=done, halt=stopped, there=there
        )
        assert all(name in text_of(card) for name in ROLE_LISTS.values())


def test_every_promise_and_limitation_stands_whole_on_some_page() -> None:
    texts = [longest(kind) for kind in ProviderKind] * 4
    programmes = lines(*texts, unusable="The key is missing. " * 40)
    pages = len(pages_of(programmes))
    assert pages > 2
    seen = [text_of(promises_card(programmes, page, practice=True)) for page in range(pages)]
    together = "\n".join(seen).replace("\\", "")
    assert "…" not in together and "more than a card can hold" not in together
    for one in programmes:
        assert (one.promise or (one.unusable or "").strip()) in together
    assert text_of(promises_card(programmes, 99, practice=True)) == seen[-1], "there may be fewer by now"


def test_pages_are_turned_by_buttons_that_outlive_a_restart() -> None:
    programmes = lines(*["x" * 2000] * 3)
    first, last = (buttons(promises_card(programmes, page, practice=False)) for page in (0, 2))
    assert (first["Previous"].disabled, first["Next"].disabled) == (True, False)
    assert (last["Previous"].disabled, last["Next"].disabled) == (False, True)
    middle = buttons(promises_card(programmes, 1, practice=False))
    assert {label: one.custom_id for label, one in middle.items()} == {
        "Previous": "settings:promises:0:before",
        "2 of 3": "settings:promises:1:here",
        "Next": "settings:promises:2:after",
        "Back to the settings": "settings:back",
    }
    ids = [str(one.custom_id) for one in first.values() if str(one.custom_id).startswith("settings:promises")]
    assert len(set(ids)) == len(ids) == 3
    assert all(PromisesButton.__discord_ui_compiled_template__.fullmatch(one) for one in ids)
    assert list(buttons(promises_card(lines("Short."), 0, practice=False))) == ["Back to the settings"]
