"""Readers under fire: whatever a service answers, no exception and never a wrong APPLIED."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.calls import OutcomeKind
from bot.domain.model import Recipient, RecipientType, Unit
from bot.domain.probing import Leg, Purse
from bot.providers.base import JobState
from bot.providers.drip_reading import read_credentials, read_members
from bot.providers.drip_search import balance_in, index, read_search
from bot.providers.gameball_reading import outcomes_of, read_accepted, read_balance, read_status
from bot.providers.reading import UNREADABLE, as_hundredths, as_list, as_object, as_text, as_whole, parse
from bot.providers.waiting import asked_wait
from bot.providers.wording import Wording

from .support import CURRENCY, D1, D2, M1, M2, discord, item

DRIP, GAMEBALL = Wording("Drip"), Wording("Gameball")
ITEMS = [item(1, discord(D1)), item(2, discord(D2))]
MEMBERS = [item(1, discord(D1), target=M1), item(2, discord(D2), target=M2)]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=8)
    | st.sampled_from([D1, D2, M1, M2, CURRENCY, "discord-id", "completed", "running", "failed", "stopped", 10**400])
)
WORDS = """
success results errors updates type value source balance newBalance realmPointId currencyId dripId error message
jobId gameballStatus status response successful failed customerId data meta totalPages credentials access id
oauthProvider oauthAccountId publicIdentifier balances details retryAfter code requestId email
"""
NAMES = st.sampled_from(WORDS.split()) | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=30
)
BODIES = VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)


def cut(body: bytes, at: int) -> bytes:
    return body[: at % (len(body) + 1)]


@given(BODIES, st.integers(0, 10**6), st.booleans())
@example(b"[" * 100_000, 0, False)
@example(b'{"a":' * 100_000, 0, False)
@example(b"9" * 10_000, 0, False)
@example(b"1e999999999999999999999", 0, False)
@example(b'{"balance":1e999999999}', 0, False)
@example("{}".encode("utf-16"), 0, False)
def test_no_answer_makes_a_reader_fail(body: bytes, at: int, cutting: bool) -> None:
    if cutting:
        body = cut(body, at)
    for outcomes in (read_credentials(body, ITEMS, CURRENCY, DRIP)[0], read_members(body, MEMBERS, CURRENCY)[0]):
        assert set(outcomes) == {1, 2}
    page = read_search(body)
    if page is not None:
        for kind in (RecipientType.DISCORD_ID, RecipientType.EMAIL, RecipientType.WALLET, RecipientType.DRIP_ID):
            index(page.members, kind)
        for member in page.members:
            balance_in(member, CURRENCY)
    status = read_status(body, GAMEBALL)
    if status is not None:
        outcomes = outcomes_of(status, ITEMS, GAMEBALL)
        assert set(outcomes) == {1, 2} or status.state is JobState.RUNNING
    read_accepted(body, GAMEBALL)
    for unit in Unit:
        read_balance(body, unit)
    assert (asked_wait({}, body, 0.0) or 1) >= 1


CREDENTIAL_ENTRY = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["discord-id", "email", "custom", 5, None]),
        "value": st.sampled_from([D1, D2, "3", int(D1), None]),
    },
    optional={
        "balance": st.sampled_from([1, 2, 1.5, "3", None, True, 10**30]),
        "realmPointId": st.sampled_from([CURRENCY, CURRENCY.upper(), "b" * 24, None]),
        "error": st.sampled_from(["", "Credential not found", "Currency not found", None, 5]),
        "source": st.sampled_from(["discord", "x", None]),
        "success": st.booleans(),
    },
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "success": st.sampled_from([True, False, None, "true", 1]),
            "results": st.lists(CREDENTIAL_ENTRY, max_size=4) | st.none(),
            "errors": st.lists(CREDENTIAL_ENTRY, max_size=4) | st.none(),
        },
    )
)
def test_a_credential_is_applied_only_when_the_answer_says_nothing_else(answer: dict[str, Any]) -> None:
    outcomes, fault = read_credentials(json.dumps(answer).encode(), ITEMS, CURRENCY, DRIP)
    assert (fault is not None) is any(outcome.kind is OutcomeKind.NOT_SENT for outcome in outcomes.values())
    for one in ITEMS:
        done = [entry for entry in answer.get("results") or () if names(entry, one.recipient)]
        failed = [entry for entry in answer.get("errors") or () if names(entry, one.recipient)]
        kind = outcomes[one.award_id].kind
        if kind is OutcomeKind.APPLIED:
            assert done and not failed
            success = answer.get("success", True)
            assert success is True or (success is False and answer.get("errors")), "the lists tell item by item"
            assert all(not entry.get("error") and entry.get("success") is not False for entry in done)
            assert all((entry.get("realmPointId") or CURRENCY).lower() == CURRENCY for entry in done)
        if kind in (OutcomeKind.REJECTED, OutcomeKind.NOT_SENT):
            assert failed and not done
        if not done and not failed:
            assert kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(("listed", "source", "applied"), [(2, None, False), (1, None, False), (2, "game", True)])
def test_a_row_of_the_calls_own_is_not_taken_for_a_credential_of_the_same_value(
    listed: int, source: str | None, applied: bool
) -> None:
    """Answers do not repeat where a custom credential is from, and may forget one of the two."""
    legs = [Leg(Purse("custom:bursar:first", CURRENCY), 1)]
    paid = item(1, Recipient(RecipientType.CUSTOM, "first", "game"))
    named = {"type": "custom", "value": "first", "realmPointId": CURRENCY, "balance": 7}
    results = [
        {**named, **({"source": "bursar"} if source else {})},
        {**named, **({"source": source} if source else {})},
    ]
    body = json.dumps({"success": True, "results": results[:listed]}).encode()
    outcomes, _ = read_credentials(body, [paid], CURRENCY, DRIP, legs)
    assert (outcomes[1].kind is OutcomeKind.APPLIED) is applied


def names(entry: dict[str, Any], recipient: Recipient) -> bool:
    return entry["type"] == recipient.type.value and entry["value"] == recipient.value


MEMBER_ENTRY = st.fixed_dictionaries(
    {"dripId": st.sampled_from([M1, M2, "3" * 24, int(M1), None])},
    optional={
        "balance": st.sampled_from([1, 2, None, "x"]),
        "newBalance": st.sampled_from([3, None, 2.5]),
        "currencyId": st.sampled_from([CURRENCY, "b" * 24, None]),
        "error": st.sampled_from(["", "no"]),
    },
)


@given(st.sampled_from([True, False, None, "true", 1]), st.lists(MEMBER_ENTRY, max_size=4) | st.none() | st.just("x"))
def test_a_member_is_applied_only_when_the_answer_confirms_the_call_and_names_it(success: Any, updates: Any) -> None:
    answer = {"success": success, "updates": updates}
    outcomes, balances = read_members(json.dumps(answer).encode(), MEMBERS, CURRENCY)
    for one in MEMBERS:
        entries = [entry for entry in updates if entry["dripId"] == one.target] if isinstance(updates, list) else []
        assert outcomes[one.award_id].kind in (OutcomeKind.APPLIED, OutcomeKind.UNKNOWN)
        if outcomes[one.award_id].kind is OutcomeKind.APPLIED:
            assert success is True
            assert entries
            assert all((entry.get("currencyId") or CURRENCY) == CURRENCY for entry in entries)
            assert str(one.award_id) in balances


JOB_ENTRY = st.fixed_dictionaries(
    {"customerId": st.sampled_from([D1, D2, "3", None, int(D1)])},
    optional={
        "message": st.sampled_from(["done", "no such customer", None]),
        "error": st.sampled_from(["", "boom", None]),
        "success": st.booleans(),
        "status": st.sampled_from(["Success", "failed", "?"]),
    },
)
LISTS = st.lists(JOB_ENTRY, max_size=4)


@given(
    st.sampled_from(["queued", "Running", "in progress", "COMPLETED", "failed", "Stopped", "weird"]),
    LISTS, LISTS, LISTS, LISTS,
)  # fmt: skip
def test_a_jobs_award_is_applied_only_when_everything_that_names_it_agrees(
    status: str, successful: list[Any], failed: list[Any], results: list[Any], errors: list[Any]
) -> None:
    answer = {
        "status": status,
        "response": {"successful": successful, "failed": failed},
        "results": results,
        "errors": errors,
    }
    read = read_status(json.dumps(answer).encode(), GAMEBALL)
    assert read is not None
    for award, outcome in outcomes_of(read, ITEMS, GAMEBALL).items():
        own = next(one for one in ITEMS if one.award_id == award).target
        good = [entry for entry in successful + results if str(entry["customerId"]) == own]
        bad = [entry for entry in failed + errors if str(entry["customerId"]) == own]
        if outcome.kind is OutcomeKind.APPLIED:
            assert good and not bad
            assert not any(entry.get("error") or entry.get("success") is False for entry in good)
        if outcome.kind is OutcomeKind.REJECTED:
            assert read.state is not JobState.RUNNING
            assert bad or any(entry.get("error") or entry.get("status") == "failed" or entry.get("success") is False
                              for entry in good)  # fmt: skip


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**63, 2**53, 10**18], ids=lambda number: str(number)[:8])
def test_a_number_that_is_too_large_or_may_be_rounded_names_no_customer(number: int) -> None:
    for name in ("customerId", "playerUniqueId"):
        answer = {"status": "completed", "response": {"successful": [{name: number}]}}
        read = read_status(json.dumps(answer).encode(), GAMEBALL)
        assert read is not None and not read.done


@pytest.mark.parametrize(
    "body",
    [b"", b"nope", b"{", b'{"a":1,"a":2}', b"NaN", b"[Infinity]", b"\xff", b"[" * 200_000, b"1" * 5000, b"{}{}"],
)
def test_what_is_not_strictly_json_is_unreadable(body: bytes) -> None:
    assert parse(body) is UNREADABLE


# Objects as lists of pairs, so that they can name a member twice; colons also where they separate nothing.
FEW = st.sampled_from(["a", "b", ":", 'a":', "\\:"])
WRITTEN = st.recursive(
    st.integers(0, 9) | FEW,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(FEW, inner), min_size=1, max_size=3).map(tuple),
    max_leaves=12,
)


def written(value: Any) -> str:
    if isinstance(value, tuple):
        return "{" + ",".join(f"{json.dumps(name)}:{written(one)}" for name, one in value) + "}"
    return "[" + ",".join(map(written, value)) + "]" if isinstance(value, list) else json.dumps(value)


def says_two_things(value: Any) -> bool:
    inner = [one for _, one in value] if isinstance(value, tuple) else value if isinstance(value, list) else []
    names = [name for name, _ in value] if isinstance(value, tuple) else []
    return len(set(names)) < len(names) or any(map(says_two_things, inner))


@given(WRITTEN, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
@example(((("a"), 1), ("b", [(("a", 1), ("a", 1)), (("a", ":"),)])), "utf-8")
@example((("a", [[(("a", 1), ("a", 2))]]),), "utf-8")
def test_an_object_that_names_a_member_twice_is_unreadable_wherever_it_stands(value: Any, encoding: str) -> None:
    text = written(value)
    read = parse(text.encode(encoding))
    if says_two_things(value):
        assert read is UNREADABLE
    else:
        assert read == json.loads(text)


def test_values_of_the_wrong_type_read_as_nothing() -> None:
    assert as_object([1]) == {}
    assert list(as_list({"a": 1})) == []
    assert as_text(5) is None
    assert as_text(" ") is None


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        (5, 5), (-5, -5), (Decimal("5.0"), 5), (Decimal("5e2"), 500), (Decimal("5.5"), None), (True, None), ("5", None),
        (None, None), (2**63, None), (-(2**63), -(2**63)), (Decimal("1e30"), None), (Decimal("NaN"), None),
        (Decimal("Infinity"), None), (Decimal("1e-30"), None), (Decimal("0"), 0), (1.0, None),
    ],
)  # fmt: skip
def test_whole_numbers_are_read_exactly_or_not_at_all(value: object, whole: int | None) -> None:
    assert as_whole(value) == whole


@pytest.mark.parametrize(
    ("value", "hundredths"),
    [
        (12, 1200), (Decimal("12.5"), 1250), (Decimal("12.345"), None), (Decimal("-0.01"), -1), ("1", None),
        (True, None), (Decimal("1e40"), None), (Decimal("NaN"), None),
    ],
)  # fmt: skip
def test_money_is_read_exactly_or_not_at_all(value: object, hundredths: int | None) -> None:
    assert as_hundredths(value) == hundredths
