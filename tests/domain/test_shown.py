"""Nothing that a programme's card says of a service is only said: the engine acts upon it, or it has no need to."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bot.domain.model import ProviderKind
from bot.domain.promises import _MEANINGS

TESTS = Path(__file__).resolve().parents[1]
RINGS = "services/test_lanes.py::test_the_words_of_the_card_and_of_doctor_follow_the_evidence"
ALONE = "services/test_shown.py::test_where_a_call_can_be_half_paid_each_award_goes_alone"
CUT = "services/test_shown.py::test_a_deduction_that_may_have_been_cut_is_claimed_only_by_its_own_balance"
LOGINS = (
    "services/test_other_names.py::test_a_login_that_seems_to_be_nobodys_is_somebody_else_only_where_a_probe_showed_it"
)
TAGS = "services/test_shown.py::test_a_list_proves_an_absence_only_where_it_shows_reasons_whole"

ACTED_UPON = {
    ProviderKind.DRIP_MEMBERS: {
        ("overdraft", "refused-whole"): RINGS,
        ("overdraft", "allowed"): RINGS,
        ("overdraft", "refused-row"): ALONE,
        ("overdraft-mixed", "refused-row"): ALONE,
        ("overdraft", "capped"): CUT,
        ("unknown-member", "skipped"): (
            "services/test_shown.py::test_a_member_who_is_passed_over_is_never_recorded_as_paid"
        ),
        ("new-balance", "before"): (
            "services/test_shown.py::test_a_balance_from_before_a_call_is_not_taken_for_the_one_after_it"
        ),
    },
    ProviderKind.DRIP_CREDENTIALS: {
        ("overdraft", "capped"): CUT,
        ("linked-login", "told"): LOGINS,
        ("linked-login", "not-told"): LOGINS,
        ("read-back", "not-seen"): (
            "services/test_shown.py::test_a_read_that_does_not_show_what_was_paid_decides_nothing"
        ),
    },
    ProviderKind.GAMEBALL: {
        ("overdraft", "capped"): "services/test_cut_deductions.py::test_what_was_really_taken_is_read_from_the_list",
        ("overdraft", "refused"): "services/test_cut_deductions.py::test_a_service_that_was_seen_to_refuse_is_believed",
        (
            "overdraft",
            "allowed",
        ): "ledger/test_undo.py::test_a_deduction_that_a_probed_service_may_have_cut_is_not_given_back",
        ("reason-tag", "whole"): TAGS,
        ("reason-tag", "cut"): TAGS,
        ("reason-tag", "absent"): TAGS,
        ("duplicate-transaction", "refused"): (
            "services/test_gameball_once.py::test_only_small_batches_of_a_proved_service_go_one_by_one"
        ),
        ("duplicate-transaction", "paid-twice"): (
            "services/test_shown.py::test_where_an_id_is_taken_twice_no_award_goes_by_an_id"
        ),
    },
}
"""The test that shows the engine's part, by the answer."""

TO_WHOM_IT_IS_ADDRESSED = (
    "the award goes to the id that somebody wrote, and is recorded as paid to that id; whose it is, only the preview's"
    " reader can tell"
)
BELOW_ZERO = (
    "the whole amount is taken, which is what is recorded; whether a balance may be negative is the realm's rule"
)
ROW_BY_ROW = "what becomes of each row is told by the answer itself or by its own balance, whatever a probe found"

HARMLESS = {
    ProviderKind.DRIP_MEMBERS: {
        ("overdraft", "refused"): "as without a probe: no ring, and a refused call pays nobody, as documented",
        ("unknown-member", "created"): TO_WHOM_IT_IS_ADDRESSED,
        ("same-id-twice", "once"): "no call names one member twice (ledger/_calls.py: claimable)",
    },
    ProviderKind.DRIP_CREDENTIALS: {
        ("unknown-credential", "refused-row"): ROW_BY_ROW,
        ("unknown-credential", "refused-whole"): ROW_BY_ROW,
        ("unknown-credential", "skipped"): ROW_BY_ROW,
        ("unknown-credential", "created"): TO_WHOM_IT_IS_ADDRESSED,
        ("overdraft", "allowed"): BELOW_ZERO,
    },
    ProviderKind.GAMEBALL: {
        ("status-contract", "none"): "each job is asked for by both contracts, and without an answer the list decides",
    },
}
"""Why the engine does the same whatever the answer, by the answer."""


@pytest.mark.parametrize("kind", ProviderKind)
def test_every_answer_on_a_card_is_acted_upon_or_harmless(kind: ProviderKind):
    assert not ACTED_UPON[kind].keys() & HARMLESS[kind].keys()
    assert ACTED_UPON[kind].keys() | HARMLESS[kind].keys() == _MEANINGS[kind].keys()


@pytest.mark.parametrize("name", sorted({name for shown in ACTED_UPON.values() for name in shown.values()}))
def test_the_test_that_shows_it_is_there(name: str):
    path, _, function = name.partition("::")
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    assert function in {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
