"""A programme's card: what is known, what is not, and the worst where nothing is."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bot.domain.lanes import LaneKind
from bot.domain.model import ProviderKind, Unit
from bot.domain.promises import _MEANINGS, Known, promise
from bot.ui.batch_cards import PROMISE_SHOWN

NOVEMBER = round(datetime(2026, 11, 3, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000


def known(at: int = NOVEMBER, **values: str) -> dict[str, Known]:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    return {name: Known(name, value, {}, at) for name, value in named.items()}


@pytest.mark.parametrize("kind", ProviderKind)
def test_without_a_probe_the_worst_is_assumed(kind: ProviderKind):
    card = promise(kind, {})
    assert card.sentences[0].startswith("Not probed (doctor --probe), so Bursar assumes the worst: ")
    assert len(card.sentences) == 2
    assert card.conflicts == ()
    assert len(card.text) <= 310, "every card of a programme has it until somebody probes"
    assert "documented" not in card.text


INSIDE = re.compile(r"\b(token|rings?|witness(es)?|twins?|lanes?|purses?|disturbed)\b", re.IGNORECASE)
"""Words of Bursar's inside and of its operator's settings, which say nothing to a moderator."""


@pytest.mark.parametrize("disturbed", [False, True])
@pytest.mark.parametrize("lane", LaneKind)
def test_a_card_says_what_the_operators_places_do_and_not_what_they_are_called_inside(lane: LaneKind, disturbed: bool):
    kind = ProviderKind.DRIP_CREDENTIALS if lane is LaneKind.TWINS else ProviderKind.DRIP_MEMBERS
    text = promise(kind, {}, lane=lane, disturbed=disturbed).text
    assert "of the operator's" in text or "the operator's check accounts" in text
    assert INSIDE.search(text) is None


def test_members_that_are_atomic_say_so_with_the_day():
    card = promise(ProviderKind.DRIP_MEMBERS, known(overdraft="refused-whole", unknown_member="refused-whole"))
    assert card.text == (
        "A call that fails for one row fails for all (probed 3 Nov 2026). "
        "Lost answers are settled by balances; what those cannot show goes to a person."
    )


@pytest.mark.parametrize("more", [{}, {"unknown_member": "refused-otherwise"}])
def test_what_the_probe_left_open_is_named_and_taken_for_the_worst(more: dict[str, str]):
    card = promise(ProviderKind.DRIP_MEMBERS, known(overdraft="refused-whole", **more))
    assert "Not settled by the probe, so the worst is assumed: what an unknown member does." in card.sentences


def test_one_day_is_named_once_and_two_days_both():
    same = known(overdraft="allowed", unknown_credential="created")
    text = promise(ProviderKind.DRIP_CREDENTIALS, same).text
    assert text.count("(probed 3 Nov 2026)") == 1
    later = same | known(NOVEMBER + DAY, unknown_credential="created")
    text = promise(ProviderKind.DRIP_CREDENTIALS, later).text
    assert "zero (probed 3 Nov 2026). A mistyped id is paid" in text
    assert "owns (probed 4 Nov 2026)." in text


def test_credentials_that_cannot_be_read_back_promise_no_settling_by_balances():
    text = promise(ProviderKind.DRIP_CREDENTIALS, known(read_back="not-seen")).text
    assert "lost answers go to a person" in text
    assert "Lost answers are settled" not in text


@pytest.mark.parametrize(
    ("found", "setting", "conflict"),
    [
        ("money", Unit.POINTS, True),
        ("points", Unit.MONEY, True),
        ("points", Unit.POINTS, False),
        ("same", Unit.MONEY, False),
        ("money", None, False),
    ],
)
def test_a_unit_that_a_probe_contradicts_is_a_conflict(found: str, setting: Unit | None, conflict: bool):
    card = promise(ProviderKind.GAMEBALL, known(unit=found, overdraft="capped", reason_tag="whole"), setting)
    assert bool(card.conflicts) is conflict
    if conflict:
        assert f"found {found}" in card.text
        assert "GAMEBALL_AMOUNT_UNIT" in card.text


@pytest.mark.parametrize("tag", ["cut", "absent"])
def test_a_list_that_does_not_show_reasons_whole_is_no_promise_of_settling(tag: str):
    text = promise(ProviderKind.GAMEBALL, known(unit="points", overdraft="capped", reason_tag=tag)).text
    assert "to a person" in text
    assert "found again" not in text


@pytest.mark.parametrize("kind", ProviderKind)
def test_every_meaning_fits_on_a_card(kind: ProviderKind):
    for name, value in _MEANINGS[kind]:
        assert len(promise(kind, {name: Known(name, value, {}, NOVEMBER)}).text) < 500


@pytest.mark.parametrize("kind", ProviderKind)
@pytest.mark.parametrize("lane", [None, *LaneKind])
def test_everything_that_may_be_known_at_once_fits_on_a_batchs_card(kind: ProviderKind, lane: LaneKind | None):
    """The longest meaning of every question, each found on a day of its own."""
    longest: dict[str, str] = {}
    for (name, value), _ in sorted(_MEANINGS[kind].items(), key=lambda item: len(item[1])):
        if (name, value) != ("read-back", "not-seen"):  # leaves no doubts to speak of
            longest[name] = value
    found = {
        name: Known(name, value, {}, NOVEMBER + day * DAY) for day, (name, value) in enumerate(sorted(longest.items()))
    }
    assert len(promise(kind, found, lane=lane, once_up_to=1000).text) < PROMISE_SHOWN


def test_credentials_say_what_is_left_to_a_person_until_it_is_known_whose_logins_are_told():
    said = "that seem to be nobody's may go to a person: no probe has shown that Drip would tell whose they are"
    without = promise(ProviderKind.DRIP_CREDENTIALS, {}).text
    assert "goes to a person. So may wallets, e-mail addresses and Twitter ids that seem to be nobody's." in without
    probed = known(overdraft="allowed", unknown_credential="created")
    assert said in promise(ProviderKind.DRIP_CREDENTIALS, probed).text
    for answer in ("told", "not-told"):
        assert said not in promise(ProviderKind.DRIP_CREDENTIALS, {**probed, **known(linked_login=answer)}).text
    assert said not in promise(ProviderKind.DRIP_CREDENTIALS, known(read_back="not-seen")).text, "nothing is settled"
    assert said not in promise(ProviderKind.DRIP_MEMBERS, {}).text
