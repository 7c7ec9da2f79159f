"""Every documented shape of an error becomes one plain sentence; nothing else of the answer gets through."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import PauseKind
from bot.providers.wording import LONGEST, Wording, blame

DRIP = Wording("Drip", "", ("a-long-api-key",))
GAMEBALL = Wording("Gameball", "events", ("a-long-secret",))

SHAPES = [
    # Drip: OpenAPI 400, 403/404, 500; the long form of the errors guide; a code in place of a text; nested detail
    ({"error": "Member not found"}, "Member not found"),
    ({"error": "Forbidden", "message": "Insufficient permissions"}, "Insufficient permissions (Forbidden)"),
    ({"error": "Not Found", "message": "Realm not found"}, "Realm not found"),
    ({"error": "Internal Server Error", "message": None}, "Internal Server Error"),
    (
        {"error": "InsufficientBalance", "message": "Too low.", "details": {"currentBalance": 5}, "requestId": "r"},
        "Too low (InsufficientBalance)",
    ),
    ({"error": "INSUFFICIENT_BALANCE"}, "INSUFFICIENT_BALANCE"),
    ({"detail": {"message": "No such credential"}}, "No such credential"),
    ({"detail": "Nope"}, "Nope"),
    ({"error": {"code": "E17", "message": "Bad thing"}}, "Bad thing (E17)"),
    # Gameball: the envelope, a short one, the template's shape
    ({"code": 7000, "type": "X", "message": "customer does not exist"}, "customer does not exist (code 7000)"),
    ({"error": 400, "message": "Expiry cannot be negative."}, "Expiry cannot be negative"),
    # nothing to repeat
    ({}, None),
    ({"error": "", "message": "  "}, None),
    ({"message": "<br>"}, None),
    ([], None),
    (None, None),
    (17, None),
    ("a string", "a string"),
]


@pytest.mark.parametrize(("body", "words"), SHAPES, ids=lambda value: str(value)[:40])
def test_the_services_words_are_found_in_every_documented_shape(body: object, words: str | None) -> None:
    assert DRIP.words(json.dumps(body).encode()) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", None),
        (b"Bad Request", "Bad Request"),
        (b"<html><h1>502</h1></html>", None),
        (b"  <!doctype html>", None),
        (b"\xff\xfe\x00", None),
        (b"x" * 5000, None),
    ],
)
def test_a_body_that_is_no_json_gives_at_most_a_short_plain_text(body: bytes, words: str | None) -> None:
    assert DRIP.words(body) == words


def test_markup_control_characters_and_keys_never_get_through() -> None:
    assert DRIP.plain("a <b>bold</b>\n\x00text\u202e  about a-long-api-key.") == "a bold text about [hidden]"


def test_a_short_key_does_not_hide_ordinary_words() -> None:
    assert Wording("Drip", "", ("key",)).plain("Invalid API key") == "Invalid API key"


@given(st.text(max_size=3000))
def test_words_are_bounded_and_on_one_line(text: str) -> None:
    words = DRIP.plain(text)
    assert words is None or (0 < len(words) <= LONGEST and words.isprintable() and words == words.strip())


@given(st.binary(max_size=300))
def test_no_body_whatever_makes_the_reader_fail(body: bytes) -> None:
    words = DRIP.words(body)
    assert words is None or len(words) <= 2 * LONGEST + 3


def test_keys_are_not_shown_by_the_object_that_hides_them() -> None:
    assert "a-long-api-key" not in repr(DRIP)


def test_settings_of_a_second_account_are_named_with_its_suffix() -> None:
    assert GAMEBALL.variable("GAMEBALL_API_KEY") == "GAMEBALL_API_KEY__EVENTS"
    assert DRIP.variable("DRIP_API_KEY") == "DRIP_API_KEY"


NOBODY = "Drip refused it: nobody is known there under this id (Credential not found)."
TOO_LOW = "Drip refused it: the balance is too low for this deduction (INSUFFICIENT_BALANCE)."
REFUSALS = [
    (None, None, True, "Drip refused it without saying why."),
    ("Strange", None, True, "Drip refused it: Strange."),
    ("Credential not found", None, False, NOBODY),
    ("INSUFFICIENT_BALANCE", None, True, TOO_LOW),
    (
        "INSUFFICIENT_BALANCE",
        None,
        False,
        "Drip refused it: there are not enough points for it (INSUFFICIENT_BALANCE).",
    ),
    ("oops (code 7000)", 7000, False, "Drip refused it: there is no such customer (oops (code 7000))."),
    (None, 9008, True, "Drip refused it: the customer has too few points for this deduction."),
    (None, 9008, False, "Drip refused it: there are not enough points for it."),
    ("oops", 12345, True, "Drip refused it: oops."),
]


@pytest.mark.parametrize(("words", "code", "deducts", "sentence"), REFUSALS)
def test_a_refusal_is_one_sentence_that_fits_what_was_asked(
    words: str | None, code: int | None, deducts: bool, sentence: str
) -> None:
    assert DRIP.refusal(words, code, deducts=deducts) == sentence


BLAME = [
    ("Currency not found", PauseKind.CURRENCY),
    ("Invalid currencyId", PauseKind.CURRENCY),
    ("Realm point does not exist", PauseKind.CURRENCY),
    ("body/updates/0/realmPointId must match pattern", PauseKind.CURRENCY),
    ("This currency is archived", PauseKind.CURRENCY),
    ("Realm not found", PauseKind.SETTINGS),
    ("Project 0123 does not exist (Not Found)", PauseKind.SETTINGS),
    ("Invalid initiatorId", PauseKind.SETTINGS),
    ("Initiator member not found", PauseKind.SETTINGS),
    ("Route PATCH:/api/v1/realms not found", PauseKind.SETTINGS),
    ("Cannot PATCH /api/v1/x", PauseKind.SETTINGS),
    ("Member not found in realm", None),
    ("Realm member not found", None),
    ("Credential not found in this realm", None),
    ("Insufficient currency balance: not allowed", None),
    ("Insufficient balance", None),
    ("amount must be an integer", None),
    ("Currency conversion happened", None),
    ("Validation failed", None),
    (None, None),
]


@pytest.mark.parametrize(("words", "kind"), BLAME)
def test_settings_at_fault_are_told_from_rows_at_fault(words: str | None, kind: PauseKind | None) -> None:
    assert blame(words) is kind
