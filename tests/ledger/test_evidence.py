"""What the ledger knows of balances before a call, and when it knows that it does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.clock import milliseconds
from bot.domain.calls import Claim, Outcome, OutcomeKind
from bot.domain.judging import NO_ACCOUNT, Judged, Judgement, Judgements, Listed
from bot.domain.model import Decision, Recipient, RecipientType
from bot.domain.promises import TAKEN_ONCE
from bot.ledger.evidence import Late, Settled
from bot.ledger.ledger import Ledger
from tests.ledger.making import (
    ADA,
    CURRENCY,
    GAMEBALL,
    MEMBERS,
    REALM,
    START,
    HandClock,
    all_of,
    batch_of,
    build,
    claim,
    each_of,
    kinds,
    query,
    record,
    row,
    states,
)

M = ["a" * 24, "b" * 24]


def expected(path: Path, claimed: Claim) -> object:
    """What was recorded with the intent of a call, without since when it is known."""
    known = "SELECT json_remove(expectation, '$.since') FROM attempts WHERE id = ?"
    ((stored,),) = query(path, known, claimed.attempt_id)
    return None if stored is None else json.loads(str(stored))


def told(*balances: int | None) -> list[Outcome]:
    return [Outcome(OutcomeKind.APPLIED, balance=balance) for balance in balances]


async def paid(ledger: Ledger, *balances: int | None, **more: object) -> Claim:
    """A call for so many members that ends with these balances."""
    claimed = await claim(ledger, await batch_of(ledger, len(balances), **more))
    await ledger.claims.record_outcome(claimed, each_of(claimed, told(*balances)))
    return claimed


async def test_the_balance_that_an_answer_told_is_the_one_before_the_next_call(ledger: Ledger, path: Path) -> None:
    first = await paid(ledger, 110, None)
    assert expected(path, first) is None
    second = await claim(ledger, await batch_of(ledger, 2))
    assert expected(path, second) == {"before": [110, None]}
    await ledger.claims.record_outcome(second, each_of(second, told(120, 30)))
    assert expected(path, await claim(ledger, await batch_of(ledger, 2))) == {"before": [120, 30]}


async def test_an_intent_says_since_when_the_oldest_of_its_balances_is_known(
    ledger: Ledger, path: Path, clock: HandClock
) -> None:
    paid_at = milliseconds(clock.now())
    await paid(ledger, 110)
    clock.at += 5
    await ledger.evidence.remember_balances(REALM, CURRENCY, {row(3, 2).recipient.key: 30}, read_at=clock.now())
    claimed = await claim(ledger, await batch_of(ledger, 2))
    assert expected(path, claimed) == {"before": [110, 30]}
    since = "SELECT json_extract(expectation, '$.since') FROM attempts WHERE id = ?"
    assert query(path, since, claimed.attempt_id) == [(paid_at,)]


@pytest.mark.parametrize("kind", [OutcomeKind.REJECTED, OutcomeKind.NOT_SENT])
async def test_a_call_that_did_nothing_changes_no_balance(ledger: Ledger, path: Path, kind: OutcomeKind) -> None:
    await paid(ledger, 110)
    second = await claim(ledger, await batch_of(ledger, 1))
    await ledger.claims.record_outcome(second, all_of(second, kind, "no"))
    assert expected(path, await claim(ledger, await batch_of(ledger, 1))) == {"before": [110]}


async def test_after_a_doubt_that_a_person_settled_the_balance_is_not_known(ledger: Ledger, path: Path) -> None:
    await paid(ledger, 110)
    second = await claim(ledger, await batch_of(ledger, 1))
    await ledger.claims.record_outcome(second, all_of(second, OutcomeKind.UNKNOWN, "lost"))
    await ledger.steering.resolve([second.items[0].award_id], Decision.LANDED, ADA, reason="saw it")
    assert expected(path, await claim(ledger, await batch_of(ledger, 1))) is None


@pytest.mark.parametrize("by_person", [True, False])
async def test_what_was_read_while_an_award_could_still_land_is_not_the_balance_after_it(
    by_person: bool, ledger: Ledger, path: Path, clock: HandClock
) -> None:
    """A look-up for the next list tells it while the doubt is open, and the call is carried out after that."""
    to_one = [row(2, 1, target=M[0])]
    lost = await claim(ledger, (await record(ledger, to_one, destination=MEMBERS)).batch_id)
    await ledger.claims.record_outcome(lost, all_of(lost, OutcomeKind.UNKNOWN, "lost"))
    clock.at += 1
    await ledger.evidence.remember_balances(REALM, CURRENCY, {M[0]: 40}, read_at=clock.now())
    clock.at += 1
    if by_person:
        await ledger.steering.resolve([lost.items[0].award_id], Decision.LANDED, ADA, reason="saw it")
    else:
        assert (await judged_landed(ledger, lost)).applied == 1
    assert expected(path, await claim(ledger, (await record(ledger, to_one, destination=MEMBERS)).batch_id)) is None


async def test_after_a_crash_in_a_call_the_balance_is_not_known(ledger: Ledger, path: Path) -> None:
    await paid(ledger, 110)
    second = await claim(ledger, await batch_of(ledger, 1))
    await ledger.claims.mark_interrupted()
    ((balance,),) = query(path, "SELECT balance FROM balances")
    assert balance is None
    doubted = await ledger.evidence.doubt(second.attempt_id)
    assert doubted is not None
    assert doubted.before == {second.items[0].award_id: 110}


async def test_a_reading_that_began_before_an_answer_does_not_replace_it(
    ledger: Ledger, path: Path, clock: HandClock
) -> None:
    began = clock.now()
    clock.at += 5
    claimed = await paid(ledger, 110)
    key = claimed.items[0].recipient.key
    await ledger.evidence.remember_balances(REALM, CURRENCY, {key: 100}, read_at=began)
    assert expected(path, await claim(ledger, await batch_of(ledger, 1))) == {"before": [110]}
    clock.at += 5
    await ledger.evidence.remember_balances(REALM, CURRENCY, {key: 95}, read_at=clock.now())
    ((balance,),) = query(path, "SELECT balance FROM balances")
    assert balance == 95


async def test_another_currency_or_account_tells_nothing(ledger: Ledger, path: Path) -> None:
    await ledger.evidence.remember_balances(REALM, "d" * 24, {"discord-id:100000000000000001": 5}, read_at=1.0)
    await ledger.evidence.remember_balances("e" * 24, CURRENCY, {"discord-id:100000000000000001": 5}, read_at=1.0)
    assert expected(path, await claim(ledger, await batch_of(ledger, 1))) is None


async def test_a_members_balance_counts_for_an_hour(ledger: Ledger, path: Path, clock: HandClock) -> None:
    await ledger.evidence.remember_balances(REALM, CURRENCY, {M[0]: 7}, read_at=clock.now())
    rows = [row(2, 1, target=M[0]), row(3, 2, target=M[1])]
    first = await record(ledger, rows, destination=MEMBERS)
    claimed = await claim(ledger, first.batch_id)
    assert expected(path, claimed) == {"before": [7, None]}
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.NOT_SENT))
    clock.at += 3601
    upcoming = await ledger.evidence.upcoming(first.batch_id, 10)
    assert (len(upcoming.items), upcoming.known) == (2, frozenset())


async def test_paying_a_login_makes_the_balance_of_its_member_unknown_and_the_other_way_round(
    ledger: Ledger, path: Path, clock: HandClock
) -> None:
    key = row(2, 1).recipient.key
    await ledger.members.remember(REALM, {key: M[0]})
    await ledger.evidence.remember_balances(REALM, CURRENCY, {M[0]: 7, key: 9}, read_at=clock.now())
    clock.at += 1
    await paid(ledger, 17)
    assert dict(query(path, "SELECT holder, balance FROM balances")) == {M[0]: None, key: 17}  # type: ignore[arg-type] # pairs
    clock.at += 1
    by_member = await record(ledger, [row(2, 1, target=M[0])], destination=MEMBERS)
    claimed = await claim(ledger, by_member.batch_id)
    await ledger.claims.record_outcome(claimed, each_of(claimed, told(27)))
    assert dict(query(path, "SELECT holder, balance FROM balances")) == {M[0]: 27, key: None}  # type: ignore[arg-type] # pairs


async def test_a_gameball_call_remembers_where_the_list_ended_and_the_mark_never_goes_back(
    ledger: Ledger, path: Path
) -> None:
    assert await ledger.evidence.mark(GAMEBALL.account) is None
    await ledger.evidence.advance_mark(GAMEBALL.account, 500)
    await ledger.evidence.advance_mark(GAMEBALL.account, 400)
    claimed = await claim(ledger, await batch_of(ledger, 1, destination=GAMEBALL))
    assert expected(path, claimed) == {"mark": 500}
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError, match="never edited"):
        connection.execute("UPDATE attempts SET expectation = NULL")
    connection.close()


async def test_evidence_settles_each_award_once_and_keeps_its_numbers(ledger: Ledger, path: Path) -> None:
    await paid(ledger, 110, 210, 310)
    batch_id = await batch_of(ledger, 3)
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.UNKNOWN, "lost"))
    await ledger.claims.finish_if_done(batch_id)
    doubted = await ledger.evidence.doubt(claimed.attempt_id)
    assert doubted is not None
    one, two, three = (item.award_id for item in claimed.items)
    found = Judgements(
        {
            one: Judged(Judgement.LANDED, "it did", {"before": 110, "now": 120}, balance=120),
            two: Judged(Judgement.NOT_LANDED, "it did not", {"before": 210, "now": 210}, balance=210),
            three: Judged(Judgement.CANNOT_TELL, "odd", {"before": 310, "now": 313, "between": 0}),
        }
    )
    settled = await ledger.evidence.record(doubted, found, most_looks=6, read_at=START)
    assert settled == Settled(applied=1, not_landed=1, reopened=True)
    assert await states(ledger, batch_id) == ["applied", "planned", "unknown"]
    assert (await kinds(ledger, batch_id))[-3:] == ["evidence-applied", "evidence-not-landed", "batch-reopened"]
    assert await ledger.evidence.waiting() == []
    numbers = (await ledger.evidence.numbers(claimed.attempt_id))[three]
    assert (numbers.before, numbers.expected, numbers.now, numbers.said) == (310, 320, 313, "odd")
    assert await ledger.evidence.record(doubted, found, most_looks=6, read_at=START) == Settled()
    again = await claim(ledger, batch_id)
    assert [item.award_id for item in again.items] == [two]
    assert expected(path, again) == {"before": [210]}


# --- what was sent to others --------------------------------------------------------------------------------------


def wallet(number: int) -> Recipient:
    return Recipient(RecipientType.WALLET, f"0x{number:040x}")


async def judged_landed(ledger: Ledger, claimed: Claim, accounts: Mapping[str, str] | None = None) -> Settled:
    """What comes of evidence that says so of all of a call in doubt; ``accounts``: what is known of its recipients."""
    doubted = await ledger.evidence.doubt(claimed.attempt_id)
    assert doubted is not None
    landed = {item.award_id: Judged(Judgement.LANDED, "it did", {}) for item in doubted.items}
    found = Judgements(landed, accounts=accounts or {})
    return await ledger.evidence.record(doubted, found, most_looks=6, read_at=START)


async def lost_to(ledger: Ledger, who: int | Recipient, amount: int) -> Claim:
    """A call to somebody with a known balance that ends without an answer."""
    batch = await record(ledger, [row(2, who, amount)])
    claimed = await claim(ledger, batch.batch_id)
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.UNKNOWN, "lost"))
    return claimed


async def known(ledger: Ledger, clock: HandClock, who: int | Recipient) -> None:
    """What somebody has is read now."""
    key = row(2, who).recipient.key
    await ledger.evidence.remember_balances(REALM, CURRENCY, {key: 100}, read_at=clock.now())
    clock.at += 1


async def test_a_call_given_up_before_the_balance_was_told_may_have_been_carried_out_after(
    ledger: Ledger, clock: HandClock
) -> None:
    given_up = await lost_to(ledger, wallet(1), 7)
    clock.at += 1
    await known(ledger, clock, 1)
    doubted = await lost_to(ledger, 1, 7)
    # Somebody has decided meanwhile that it landed.
    await ledger.steering.resolve([given_up.items[0].award_id], Decision.LANDED, ADA, reason="saw it")
    assert (await judged_landed(ledger, doubted)).applied == 0


async def test_what_had_its_end_before_the_balance_was_told_is_part_of_it(ledger: Ledger, clock: HandClock) -> None:
    settled = await lost_to(ledger, wallet(1), 7)
    clock.at += 1
    assert (await judged_landed(ledger, settled)).applied == 1
    paid_before = await claim(ledger, (await record(ledger, [row(2, wallet(2), 7)])).batch_id)
    await ledger.claims.record_outcome(paid_before, each_of(paid_before, told(107)))
    clock.at += 1
    await known(ledger, clock, 1)
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7))).applied == 1


@pytest.mark.parametrize("decision", Decision)
@pytest.mark.parametrize(("earlier", "amount", "applied"), [(1, 7, 0), (wallet(1), 7, 0), (2, 7, 1), (1, 6, 1)])
async def test_that_somebody_decided_about_a_call_is_not_its_end(
    decision: Decision, earlier: int | Recipient, amount: int, applied: int, ledger: Ledger, clock: HandClock
) -> None:
    """It may have been carried out after the balance was told, to the same recipient or to one who may be the same."""
    given_up = await lost_to(ledger, earlier, amount)
    clock.at += 1
    await ledger.steering.resolve([given_up.items[0].award_id], decision, ADA, reason="did not wait")
    clock.at += 1
    await known(ledger, clock, 1)
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7))).applied == applied


async def test_a_member_is_known_by_every_name_of_calls_that_somebody_decided_about(
    ledger: Ledger, clock: HandClock
) -> None:
    async def lost(who: int | Recipient) -> Claim:
        batch = await record(ledger, [row(2, who, 7, target=M[0])], destination=MEMBERS)
        claimed = await claim(ledger, batch.batch_id)
        await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.UNKNOWN, "lost"))
        return claimed

    given_up = await lost(1)
    await ledger.steering.resolve([given_up.items[0].award_id], Decision.LANDED, ADA, reason="did not wait")
    clock.at += 1
    await ledger.evidence.remember_balances(REALM, CURRENCY, {M[0]: 100}, read_at=clock.now())
    clock.at += 1
    assert (await judged_landed(ledger, await lost(wallet(1)))).applied == 0


async def test_a_balance_that_an_answer_told_is_as_old_as_its_call(ledger: Ledger, clock: HandClock) -> None:
    """Both calls are under way: the service may have worked on the one that ends first after the other one."""
    telling = await claim(ledger, (await record(ledger, [row(2, 1, 5)])).batch_id)
    clock.at += 1
    beside = await claim(ledger, (await record(ledger, [row(2, wallet(1), 7)])).batch_id)
    clock.at += 1
    await ledger.claims.record_outcome(beside, each_of(beside, told(107)))
    clock.at += 1
    await ledger.claims.record_outcome(telling, each_of(telling, told(105)))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7))).applied == 0


@pytest.mark.parametrize(("amount", "applied"), [(10, 0), (20, 0), (7, 1)])
async def test_one_who_was_sent_the_same_again_and_again_is_asked_about_once(
    ledger: Ledger, clock: HandClock, amount: int, applied: int
) -> None:
    await known(ledger, clock, 1)
    for _ in range(3):
        for who in (1, 2):
            member = await record(ledger, [row(2, wallet(who), 10, target=M[who - 1])], destination=MEMBERS)
            claimed = await claim(ledger, member.batch_id)
            await ledger.claims.record_outcome(claimed, each_of(claimed, told(50)))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, amount))).applied == applied


async def test_two_members_are_not_both_the_same_person(ledger: Ledger, clock: HandClock) -> None:
    await known(ledger, clock, 1)
    rows = [row(2 + who, wallet(who), 3 + who, target=M[who]) for who in (0, 1)]
    claimed = await claim(ledger, (await record(ledger, rows, destination=MEMBERS)).batch_id)
    await ledger.claims.record_outcome(claimed, each_of(claimed, told(50, 50)))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7))).applied == 1


@pytest.mark.parametrize(("amount", "applied"), [(7, 0), (-7, 1)])
async def test_more_amounts_than_can_be_tried_count_by_their_totals(
    ledger: Ledger, clock: HandClock, amount: int, applied: int
) -> None:
    await known(ledger, clock, 1)
    rows = [row(2 + number, wallet(number), 10 + 10 * number) for number in range(1200)]
    claimed = await claim(ledger, (await record(ledger, rows)).batch_id, len(rows))
    await ledger.claims.record_outcome(claimed, all_of(claimed, OutcomeKind.APPLIED))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, amount))).applied == applied


# --- who is told to belong to which account -------------------------------------------------------------------------

ONE, X, Y = row(2, 1).recipient.key, "e" * 24, "f" * 24
W1, W2 = wallet(1).key, wallet(2).key


@pytest.mark.parametrize(
    ("accounts", "applied"),
    [
        ({}, 0),
        ({ONE: X, W1: Y}, 1),
        ({ONE: X, W1: NO_ACCOUNT}, 1),
        ({ONE: NO_ACCOUNT, W1: X}, 1),
        ({ONE: NO_ACCOUNT, W1: NO_ACCOUNT}, 1),
        ({ONE: X, W1: X}, 0),
        ({ONE: X}, 0),
        ({ONE: NO_ACCOUNT}, 0),
        ({W1: Y}, 0),
        ({W1: NO_ACCOUNT}, 0),
    ],
)
async def test_what_another_account_got_moves_no_balance(
    ledger: Ledger, clock: HandClock, accounts: dict[str, str], applied: int
) -> None:
    await known(ledger, clock, 1)
    other = await claim(ledger, (await record(ledger, [row(2, wallet(1), 7)])).batch_id)
    await ledger.claims.record_outcome(other, each_of(other, told(107)))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7), accounts)).applied == applied


@pytest.mark.parametrize(("account", "applied"), [(M[0], 0), (M[1], 1), (NO_ACCOUNT, 1)])
async def test_a_member_is_an_account(ledger: Ledger, clock: HandClock, account: str, applied: int) -> None:
    await known(ledger, clock, 1)
    paid_rows = [row(2, wallet(2), 7, target=M[0].upper())]
    member = await claim(ledger, (await record(ledger, paid_rows, destination=MEMBERS)).batch_id)
    await ledger.claims.record_outcome(member, each_of(member, told(50)))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7), {ONE: account})).applied == applied


@pytest.mark.parametrize(
    ("accounts", "applied"), [({W1: X, W2: X}, 0), ({W1: X, W2: Y}, 2), ({W1: NO_ACCOUNT, W2: X}, 2), ({W1: X}, 0)]
)
async def test_neither_does_what_it_got_in_the_same_call(
    ledger: Ledger, accounts: dict[str, str], applied: int
) -> None:
    both = await claim(ledger, (await record(ledger, [row(2, wallet(1), 7), row(3, wallet(2), 7)])).batch_id)
    await ledger.claims.record_outcome(both, all_of(both, OutcomeKind.UNKNOWN, "lost"))
    assert (await judged_landed(ledger, both, accounts)).applied == applied


@pytest.mark.parametrize(("accounts", "applied"), [({ONE: X, W2: Y}, 1), ({ONE: X, W2: X}, 0), ({W1: X, W2: Y}, 0)])
async def test_some_of_several_that_add_up_are_enough_to_be_told_apart(
    ledger: Ledger, clock: HandClock, accounts: dict[str, str], applied: int
) -> None:
    await known(ledger, clock, 1)
    for who, amount in ((wallet(1), 3), (wallet(2), 4)):
        other = await claim(ledger, (await record(ledger, [row(2, who, amount)])).batch_id)
        await ledger.claims.record_outcome(other, each_of(other, told(50)))
    assert (await judged_landed(ledger, await lost_to(ledger, 1, 7), accounts)).applied == applied


@pytest.mark.parametrize("amount", [7, 6])
async def test_accounts_are_asked_for_where_they_decide(ledger: Ledger, clock: HandClock, amount: int) -> None:
    await known(ledger, clock, 1)
    for who, sent in ((wallet(1), amount), (3, amount), (wallet(1), 50)):
        other = await claim(ledger, (await record(ledger, [row(2, who, sent)])).batch_id)
        await ledger.claims.record_outcome(other, each_of(other, told(107)))
    doubted = await ledger.evidence.doubt((await lost_to(ledger, 1, 7)).attempt_id)
    assert doubted is not None
    landed = {doubted.items[0].award_id: Judged(Judgement.LANDED, "it did", {})}
    asked = await ledger.evidence.to_tell_apart(doubted, Judgements(landed))
    assert {one.key for one in asked} == ({ONE, W1} if amount == 7 else set())
    assert not await ledger.evidence.to_tell_apart(doubted, Judgements(landed, accounts={ONE: X, W1: Y}))


@pytest.mark.parametrize(("after", "known"), [(119.0, 110), (120.0, 90)])
async def test_a_read_tells_nothing_new_until_it_must_show_what_was_sent(
    ledger: Ledger, path: Path, clock: HandClock, after: float, known: int
) -> None:
    await paid(ledger, 110)
    clock.at += after
    readings = {row(2, 1).recipient.key: 90}
    await ledger.evidence.remember_balances(REALM, CURRENCY, readings, read_at=clock.now(), settle_after=120.0)
    assert expected(path, await claim(ledger, await batch_of(ledger, 1))) == {"before": [known]}


async def test_a_listed_call_is_late_if_none_of_its_awards_is_held_to_have_been_sent_by_it(ledger: Ledger) -> None:
    lost = await claim(ledger, await batch_of(ledger, 2, destination=GAMEBALL))
    tokens = {lost.token: Listed(), "abcdefghjk": Listed()}
    assert await ledger.evidence.late(tokens) == []  # under way
    await ledger.claims.record_outcome(lost, all_of(lost, OutcomeKind.UNKNOWN, "lost"))
    assert await ledger.evidence.late(tokens) == []
    doubted = await ledger.evidence.doubt(lost.attempt_id)
    assert doubted is not None
    gone = {item.award_id: Judged(Judgement.NOT_LANDED, "not there", {}) for item in lost.items}
    await ledger.evidence.record(doubted, Judgements(gone), most_looks=6, read_at=START)
    late = [Late(lost.attempt_id, lost.batch_id, 2)]
    assert await ledger.evidence.late(tokens) == late
    again = await claim(ledger, lost.batch_id)
    await ledger.claims.record_outcome(again, all_of(again, OutcomeKind.APPLIED))
    assert await ledger.evidence.late(tokens | {again.token: Listed()}) == late


async def test_of_a_call_that_landed_in_part_the_rest_is_late_where_the_list_names_its_customers(
    ledger: Ledger,
) -> None:
    lost = await claim(ledger, await batch_of(ledger, 4, destination=GAMEBALL))
    await ledger.claims.record_outcome(lost, all_of(lost, OutcomeKind.UNKNOWN, "lost"))
    doubted = await ledger.evidence.doubt(lost.attempt_id)
    assert doubted is not None
    landed, *gone = lost.items
    found = {item.award_id: Judged(Judgement.NOT_LANDED, "not there", {}) for item in gone}
    found[landed.award_id] = Judged(Judgement.LANDED, "there", {})
    await ledger.evidence.record(doubted, Judgements(found), most_looks=6, read_at=START)
    again = await claim(ledger, lost.batch_id)
    await ledger.claims.record_outcome(again, all_of(again, OutcomeKind.APPLIED))

    async def late(*customers: str) -> list[Late]:
        listed = {lost.token: Listed(None, frozenset(customers))}
        return list(await ledger.evidence.late({**listed, again.token: Listed(None, frozenset(customers))}))

    assert await late(landed.target) == []
    assert await late(landed.target, "somebody else") == []
    for customers in (gone[0].target,), (landed.target, gone[0].target.upper()):
        assert await late(*customers) == [Late(lost.attempt_id, lost.batch_id, 1)]
    assert await late(*(item.target for item in gone)) == [Late(lost.attempt_id, lost.batch_id, 3)]


async def test_a_doubt_does_not_move_past_what_has_to_be_told(ledger: Ledger) -> None:
    """Whoever compares the list later begins behind what this look has seen of it."""
    await ledger.evidence.advance_mark(GAMEBALL.account, 100)
    recorded = [await record(ledger, [row(2, who)], destination=GAMEBALL) for who in (1, 2)]
    late, lost = [await claim(ledger, one.batch_id) for one in recorded]
    await ledger.claims.record_outcome(late, all_of(late, OutcomeKind.NOT_SENT, "not there"))
    await ledger.claims.record_outcome(lost, all_of(lost, OutcomeKind.UNKNOWN, "lost"))
    doubted = await ledger.evidence.doubt(lost.attempt_id)
    assert doubted is not None
    unclear = {item.award_id: Judged(Judgement.CANNOT_TELL, "?", {}, again=True) for item in lost.items}
    for tokens, mark in (
        ({late.token: Listed(), lost.token: Listed()}, 100),
        ({"abcdefghjk": Listed(milliseconds(START))}, 100),
        ({lost.token: Listed()}, 200),
    ):
        found = Judgements(unclear, mark=200, tokens=tokens)
        await ledger.evidence.record(doubted, found, most_looks=6, read_at=START)
        known = await ledger.evidence.mark(GAMEBALL.account)
        assert known is not None and known.transaction_id == mark


async def test_the_only_award_of_a_call_is_late_although_it_went_on_under_its_id(ledger: Ledger) -> None:
    await ledger.capabilities.store(GAMEBALL.account, GAMEBALL.kind, TAKEN_ONCE.name, TAKEN_ONCE.value, {"by": "test"})
    lost = await claim(ledger, await batch_of(ledger, 1, destination=GAMEBALL))
    await ledger.claims.record_outcome(lost, all_of(lost, OutcomeKind.UNKNOWN, "lost"))
    doubted = await ledger.evidence.doubt(lost.attempt_id)
    assert doubted is not None
    gone = {item.award_id: Judged(Judgement.NOT_LANDED, "not there", {}) for item in lost.items}
    await ledger.evidence.record(doubted, Judgements(gone), most_looks=6, read_at=START, once_up_to=5)
    once = await claim(ledger, lost.batch_id)
    assert once.items[0].transaction_id is not None
    await ledger.claims.record_outcome(once, all_of(once, OutcomeKind.UNKNOWN, "lost, too"))
    again = await ledger.claims.claim_again(once.attempt_id, build)
    assert again is not None
    await ledger.claims.record_outcome(again, all_of(again, OutcomeKind.APPLIED))
    assert await ledger.evidence.late({one.token: Listed() for one in (lost, once, again)}) == [
        Late(lost.attempt_id, lost.batch_id, 1)
    ]
