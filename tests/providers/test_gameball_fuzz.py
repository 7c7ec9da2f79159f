"""Gameball's answers in any shape whatever: nothing raises, nothing hangs, and nothing is proved that is not said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.domain.calls import Item, OutcomeKind
from bot.domain.judging import Doubted, Judgement
from bot.domain.model import Recipient, RecipientType, Unit
from bot.providers import gameball_once, gameball_transactions
from bot.providers.base import JobState
from bot.providers.gameball_reading import outcomes_of, read_accepted, read_balance, read_status
from bot.providers.http import Client
from bot.providers.line import Line
from bot.providers.pacing import Pacer
from bot.providers.wording import Wording
from tests.services.virtual import VirtualClock

pytestmark = pytest.mark.no_cover

WORDING = Wording("Gameball")
TOKEN, ID = "k3x9k3x9k3", "bursar-1-0011223344556677"
NAMES = (
    *("jobId", "gameballStatus", "message", "status", "response", "successful", "failed", "results", "errors"),
    *("customerId", "error", "success", "transactions", "hasMore", "gameballTransactionId", "transactionId", "code"),
    *("reason", "points", "amount", "direction", "availablePointsBalance", "avaliablePointsBalance"),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(("ada", "bob", ID, f"Quiz [bursar {TOKEN}]", f"[bursar {TOKEN}", "completed", "stopped", "+", "-")),
    st.text(max_size=12),
)
ANY = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=4)), inner)
    ),
    max_leaves=25,
)
BODIES = st.one_of(
    ANY.map(lambda value: json.dumps(value).encode()),
    st.tuples(ANY, st.integers(0, 40)).map(lambda pair: json.dumps(pair[0]).encode()[: pair[1]]),
    st.binary(max_size=60),
)
DEEP = b"[" * 100_000
HUGE = b'{"transactions":[' + b'{"reason":"x"},' * 20_000 + b"{}]}"


def item(number: int, customer: str, amount: int = 10, *, once: bool = False) -> Item:
    who = Recipient(RecipientType.CUSTOMER_ID, customer)
    return Item(number, who, customer, amount, "Quiz", ID if once else None)


ITEMS = (item(1, "ada"), item(2, "bob"))


class Answering(Client):
    """The real client whose socket answers every request with the next of these bodies, the last one for ever."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__("http://127.0.0.1:1", {}, timeout=5)
        self.bodies = list(bodies)
        self.asked = 0

    async def _run(self, method: str, path: str, gate: Any, flags: SimpleNamespace, answer: Any) -> None:
        self.asked += 1
        flags.headers_sent = True
        answer.status, answer.headers = 200, {}
        answer.body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]


def judged(*bodies: bytes, once: bool = False, amount: int = 10, **known: Any) -> Mapping[int, Any]:
    """What is made of such a list."""
    items = (item(1, "ada", amount, once=once),) if once else (item(1, "ada", amount), item(2, "bob", amount))
    return judged_of(items, [f"Quiz [bursar {TOKEN}]"] * len(items), *bodies, **known)


def judged_of(items: tuple[Item, ...], reasons: list[str], *bodies: bytes, **known: Any) -> Mapping[int, Any]:
    """The same of these awards, sent with these reasons."""

    async def look() -> Mapping[int, Any]:
        clock = VirtualClock()
        line = Line(Answering(*bodies), Pacer(clock, ((10_000, 1.0),)), clock)
        doubted = Doubted(1, 1, TOKEN, 0, items, **known)
        if items[0].transaction_id is not None:
            return (await gameball_transactions.judge_once(line, doubted, Unit.POINTS)).awards
        sent = {one.award_id: reason for one, reason in zip(items, reasons, strict=True)}
        return (await gameball_transactions.judge(line, doubted, sent, Unit.POINTS)).awards

    return asyncio.run(look())


@settings(deadline=None, max_examples=300)
@given(BODIES)
@example(DEEP)
@example(HUGE)
def test_whatever_a_call_is_answered(body: bytes) -> None:
    accepted = read_accepted(body, WORDING)
    assert accepted.job_id is None or 0 < len(accepted.job_id) <= 100
    outcome = gameball_once.read_answer(body, item(1, "ada", once=True), Unit.POINTS)
    assert outcome is None or ID.encode() in body
    for unit in Unit:
        read_balance(body, unit)


@settings(deadline=None, max_examples=400)
@given(BODIES)
@example(DEEP)
@example(HUGE)
def test_whatever_a_job_is_said_to_be(body: bytes) -> None:
    status = read_status(body, WORDING)
    if status is None:
        return
    outcomes = outcomes_of(status, ITEMS, WORDING)
    if status.state is not JobState.RUNNING:
        assert set(outcomes) == {1, 2}
    for one in ITEMS:
        told = outcomes.get(one.award_id)
        if told is not None and told.kind in (OutcomeKind.APPLIED, OutcomeKind.REJECTED):
            assert json.dumps(one.target).encode() in body


def _is_page(body: bytes) -> bool:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(page, dict) and isinstance(page.get("transactions"), list)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(BODIES, min_size=1, max_size=3), st.booleans())
@example([b'{"transactions": []}', b"null"], False)
@example([b"null", b'{"transactions": []}'], False)
@example([DEEP], False)
@example([HUGE], True)
def test_whatever_the_list_looks_like(bodies: list[bytes], once: bool) -> None:
    mark = ID if once else TOKEN
    for one in judged(*bodies, once=once).values():
        if one.judgement is Judgement.LANDED:
            assert any(mark.encode() in body for body in bodies)
        if one.judgement is Judgement.NOT_LANDED:
            # Only a list that was read says that; what is no page of it is asked for once more.
            assert any(map(_is_page, bodies))


# --- what the list may look like, and what follows ------------------------------------------------------------------

OURS = f"Quiz [bursar {TOKEN}]"
OTHERS = "Quiz [bursar othertoken]"
LANDED, NOT, CANNOT = Judgement.LANDED, Judgement.NOT_LANDED, Judgement.CANNOT_TELL
ROWS: list[tuple[str, list[dict[str, Any]], dict[str, Any], Judgement]] = [
    ("ours", [{"reason": OURS}], {}, LANDED),
    ("ours, the customer in capitals", [{"reason": OURS, "customerId": "ADA"}], {}, LANDED),
    ("another call's", [{"reason": OTHERS}], {}, NOT),
    ("nothing", [], {}, NOT),
    ("reasons are replaced, the points are ours", [{"reason": "Adjustment by batch"}], {}, CANNOT),
    ("reasons are replaced, the points are not ours", [{"reason": "Adjustment by batch", "points": 3}], {}, NOT),
    ("the same, but reasons were proved to arrive", [{"reason": "Order 7"}], {"reasons_whole": True}, NOT),
    ("the same, and one of ours arrived there", [{"reason": "Order 7"}, {"reason": OTHERS}], {}, NOT),
    ("no reason", [{"reason": None}], {}, CANNOT),
    ("cut", [{"reason": "Quiz [bur", "points": 3}], {}, CANNOT),
    ("cut, and longer ones are not", [{"reason": "Quiz [bur"}, {"reason": "x" * 40 + OTHERS}], {}, NOT),
    (
        "dropped, and shorter ones are not",
        [{"reason": None}, {"reason": f"[bursar {TOKEN}]", "customerId": "bob"}],
        {},
        CANNOT,
    ),
    (
        "cut with dots, and shorter ones are not",
        [{"reason": "Quiz…"}, {"reason": f"[bursar {TOKEN}]", "customerId": "bob"}],
        {},
        CANNOT,
    ),
    ("ours, of somebody else's", [{"reason": OURS, "customerId": "cleo"}], {}, CANNOT),
    (
        "ours, of somebody else's, and reasons arrive",
        [{"reason": OURS, "customerId": "cleo"}],
        {"reasons_whole": True},
        CANNOT,
    ),
    ("ours, of nobody's", [{"reason": OURS, "customerId": None}], {}, CANNOT),
    ("ours, of somebody else's, with other points", [{"reason": OURS, "customerId": "cleo", "points": 3}], {}, NOT),
    (
        "two of the other one's",
        [{"reason": OURS, "customerId": "bob"}, {"reason": OURS, "customerId": "bob"}],
        {},
        CANNOT,
    ),
    ("one that was settled", [{"reason": OURS, "customerId": "cleo"}], {"beside": ("Cleo",)}, NOT),
    ("cut, of somebody else's", [{"reason": "Quiz [bur", "customerId": "cleo"}], {}, CANNOT),
    ("cut with dots, of somebody else's", [{"reason": "Qui…", "customerId": "cleo"}], {}, CANNOT),
    ("dots of somebody else's", [{"reason": "…", "customerId": "cleo"}], {}, NOT),
    ("cut, of somebody else's, with other points", [{"reason": "Quiz", "customerId": "cleo", "points": 3}], {}, NOT),
    ("cut, of one that was settled", [{"reason": "Quiz", "customerId": "cleo"}], {"beside": ("Cleo",)}, NOT),
    ("the same, but reasons arrive", [{"reason": "Quiz", "customerId": "cleo"}], {"reasons_whole": True}, NOT),
    (
        "the same, and longer ones arrive",
        [{"reason": "Quiz", "customerId": "cleo"}, {"reason": "x" * 40 + OTHERS, "customerId": "dora"}],
        {},
        NOT,
    ),
    ("two of one that was settled", [{"reason": OURS, "customerId": "cleo"}] * 2, {"beside": ("Cleo",)}, CANNOT),
    ("a row of nobody's", [{"customerId": None, "reason": "Order"}], {}, CANNOT),
    ("a row of nobody's with other points", [{"customerId": None, "reason": "Order", "points": 2}], {}, NOT),
    ("the other direction", [{"reason": "Order", "direction": "-"}], {}, NOT),
    ("ours, and taken back", [{"reason": OURS}, {"reason": OURS, "direction": "-"}], {}, CANNOT),
    ("ours, cancelled", [{"reason": OURS, "status": "Cancelled"}], {}, CANNOT),
    ("ours, kept back", [{"reason": OURS, "status": "Blocked"}], {}, CANNOT),
    ("ours, on hold until it is active", [{"reason": OURS, "status": "Pending"}], {}, LANDED),
    ("ours, by which nothing was given", [{"reason": OURS, "points": 0}], {}, CANNOT),
    ("ours, by which points were taken", [{"reason": OURS, "points": -10, "direction": None}], {}, CANNOT),
    ("ours, by which less was given", [{"reason": OURS, "points": 9}], {}, LANDED),
    ("nothing, not even what landed", [], {"witnesses": ("bob",)}, CANNOT),
    ("what landed is there", [{"customerId": "bob", "reason": OURS}], {"witnesses": ("bob",)}, NOT),
    (
        "what landed was cancelled",
        [{"customerId": "bob", "reason": OURS, "status": "cancelled"}],
        {"witnesses": ("bob",)},
        CANNOT,
    ),
    (
        "what landed is kept back",
        [{"customerId": "bob", "reason": OURS, "status": "Blocked"}],
        {"witnesses": ("bob",)},
        CANNOT,
    ),
    (
        "what landed was taken back",
        [{"customerId": "bob", "reason": OURS}, {"customerId": "bob", "reason": OURS, "direction": "-"}],
        {"witnesses": ("bob",)},
        CANNOT,
    ),
    ("nothing yet, and the job runs", [], {"job_open": True}, CANNOT),
]


def listed(rows: list[dict[str, Any]]) -> bytes:
    full = [
        {"gameballTransactionId": str(7 + place), "customerId": "ada", "points": 10, "direction": "+", **row}
        for place, row in enumerate(rows)
    ]
    return json.dumps({"transactions": full, "hasMore": False}).encode()


@pytest.mark.parametrize(("name", "rows", "known", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_what_the_list_proves(
    name: str, rows: list[dict[str, Any]], known: dict[str, Any], expected: Judgement
) -> None:
    assert judged(listed(rows), **known)[1].judgement is expected


def test_the_empty_list_of_a_programme_that_is_switched_off_proves_nothing() -> None:
    off = {"transactions": [], "count": 0, "hasMore": False, "gameballStatus": "disabled", "message": "Program off"}
    assert judged(json.dumps(off).encode())[1].judgement is CANNOT
    assert judged(json.dumps(off | {"gameballStatus": "active"}).encode())[1].judgement is NOT


def test_whose_reported_awards_the_list_does_not_show_is_said() -> None:
    judged_so = judged(listed([]), witnesses=("cleo", "bob"))[1]
    assert "reported as done (bob and 1 more)" in judged_so.detail
    assert judged_so.evidence["unseen"] == ["bob", "cleo"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["Ada", "ada"], [LANDED, LANDED]),
        (["ada"], [NOT, LANDED]),
        (["ada", "ada"], [CANNOT, LANDED]),
        (["ADA"], [CANNOT, CANNOT]),
        (["ADA", "ada"], [CANNOT, LANDED]),
    ],
)
def test_customers_who_differ_in_capitals_only_may_be_one_to_the_service(
    rows: list[str], expected: list[Judgement]
) -> None:
    body = listed([{"reason": OURS, "customerId": name} for name in rows])
    found = judged_of((item(1, "Ada"), item(2, "ada")), [OURS, OURS], body)
    assert [found[1].judgement, found[2].judgement] == expected


def test_the_second_of_two_such_customers_is_looked_for_on_the_next_page() -> None:
    pages = [
        json.dumps({"transactions": [row], "hasMore": more}).encode()
        for row, more in (
            ({"gameballTransactionId": "1", "customerId": "ada", "points": 10, "reason": OURS}, True),
            ({"gameballTransactionId": "2", "customerId": "Ada", "points": 10, "reason": OURS}, False),
        )
    ]
    found = judged_of((item(1, "Ada"), item(2, "ada")), [OURS, OURS], *pages)
    assert {one.judgement for one in found.values()} == {LANDED}


def test_a_short_page_is_not_the_end_of_a_list_that_does_not_tell_whether_there_is_more() -> None:
    pages = [
        {"transactions": [{"gameballTransactionId": "1", "customerId": "cleo", "points": 5}]},
        {"transactions": [{"gameballTransactionId": "2", "customerId": "ada", "points": 10, "reason": OURS}]},
        {"transactions": []},
    ]
    assert judged(*(json.dumps(one).encode() for one in pages))[1].judgement is LANDED
    assert judged(*(json.dumps(one).encode() for one in (pages[0], pages[2])))[1].judgement is NOT


def test_a_limit_on_a_reasons_length_may_count_bytes_or_characters() -> None:
    """What is as long in one of them as a reason that arrived whole may be cut by the other."""
    cyrillic, latin = (f"{word * 90} [bursar {TOKEN}]" for word in ("ы", "y"))
    for sent, arrived in ((cyrillic, latin + "y"), ("y" * 60 + latin, cyrillic)):
        rows = [{"reason": sent[:60]}, {"reason": arrived.replace(TOKEN, "other00000"), "customerId": "cleo"}]
        assert judged_of((item(1, "ada"),), [sent], listed(rows))[1].judgement is CANNOT
        rows[1]["reason"] = (sent + arrived).replace(TOKEN, "other00000")
        assert judged_of((item(1, "ada"),), [sent], listed(rows))[1].judgement is NOT


def test_a_limit_on_a_reasons_length_may_count_the_units_of_utf_16() -> None:
    sent, arrived = f"{'🎉' * 50} [bursar {TOKEN}]", f"{'€' * 80} [bursar {TOKEN}]"
    rows = [{"reason": "🎉…"}, {"reason": arrived.replace(TOKEN, "other00000"), "customerId": "cleo"}]
    assert judged_of((item(1, "ada"),), [sent], listed(rows))[1].judgement is CANNOT
    rows[1]["reason"] = (sent + arrived).replace(TOKEN, "other00000")
    assert judged_of((item(1, "ada"),), [sent], listed(rows))[1].judgement is NOT


def test_where_the_list_is_too_long_a_row_that_was_seen_of_somebody_else_still_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gameball_transactions, "PAGES_TO_JUDGE", 1)
    row = {"gameballTransactionId": "1", "customerId": "cleo", "points": 10, "reason": OURS}
    first = json.dumps({"transactions": [row], "hasMore": True}).encode()
    assert judged(first, listed([]))[1].judgement is CANNOT


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (listed([{"customerId": "cleo", "reason": OURS}]), CANNOT),  # ada's, whom the list calls cleo by now
        (listed([{"customerId": "cleo"}]), NOT),
        (listed([]).replace(b"false", b"true"), CANNOT),
    ],
    ids=["ours under another name", "nothing of ours", "no end"],
)
def test_what_no_customer_has_of_a_long_list_is_looked_for_in_the_rest_of_it(
    monkeypatch: pytest.MonkeyPatch, rest: bytes, expected: Judgement
) -> None:
    monkeypatch.setattr(gameball_transactions, "PAGES_TO_JUDGE", 1)
    first = json.dumps(
        {"transactions": [{"gameballTransactionId": "1", "customerId": "dora"}], "hasMore": True}
    ).encode()
    assert judged(first, listed([]), listed([]), rest)[1].judgement is expected


ONCE: list[tuple[str, list[dict[str, Any]], Judgement]] = [
    ("ours", [{"transactionId": ID}], LANDED),
    ("ours, of somebody else's", [{"transactionId": ID, "customerId": "cleo"}], LANDED),
    ("another one's", [{"transactionId": "order-7", "reason": OURS}], NOT),
    ("without an id", [{"transactionId": None}], CANNOT),
    ("without an id, other points", [{"transactionId": None, "points": 3}], NOT),
    ("nothing", [], NOT),
]


@pytest.mark.parametrize(("name", "rows", "expected"), ONCE, ids=[row[0] for row in ONCE])
def test_what_the_list_proves_of_a_transaction_id(name: str, rows: list[dict[str, Any]], expected: Judgement) -> None:
    assert judged(listed(rows), once=True)[1].judgement is expected


def test_a_capped_deduction_without_its_reason_may_still_be_ours() -> None:
    rows = [{"reason": "Adjustment", "points": 4, "direction": "-"}]
    assert judged(listed(rows), amount=-10)[1].judgement is CANNOT
