"""Result files taken in as history: once, with a name, never claimable, and the ledger still verifies."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.intake import Held
from bot.domain.model import Decision
from bot.domain.states import FINAL, AwardState
from bot.domain.testimony import FileTold, Told
from bot.errors import Refused
from bot.ledger import copying
from bot.ledger.drafts import NewDraft
from bot.ledger.ledger import Ledger
from bot.ledger.recording import StaleMatches
from bot.ledger.restorations import Why
from bot.ledger.testimonies import TakenIn
from bot.ledger.verifying import verify
from bot.services.undoing import stage_undo
from tests.ledger.making import (
    ADA,
    MEMBERS,
    SHELL,
    START,
    HandClock,
    awards,
    batch_of,
    build,
    claim,
    confirmation,
    draft,
    each_of,
    in_doubt,
    member,
    new_draft,
    next_call,
    record,
    row,
    rows,
    states,
)

S = AwardState


def told(line: int, who: int, state: AwardState, award_id: int | None, amount: int = 10, **more: object) -> Told:
    recipient = member(who)
    values: dict[str, object] = {
        "lines": (line,),
        "said": "",
        "keys": frozenset({recipient.key}),
        "amounts": frozenset({amount}),
        **more,
    }
    return Told(
        recipient=recipient,
        target=recipient.value,
        amount=amount,
        reason=None,
        state=state,
        award_id=award_id,
        **values,
    )  # type: ignore[arg-type] # test shorthand


def file(name: str = "batch-2-result.csv", salt: bytes = b"") -> NewDraft:
    content = name.encode() + salt
    digest = hashlib.sha256(content).hexdigest()
    return new_draft(
        SHELL,
        source="history",
        file_name=name,
        file_content=Held(content),
        file_sha256=digest,
        request={"duplicates": "sum"},
    )


async def take_in(ledger: Ledger, *said: Told, name: str = "batch-2-result.csv", salt: bytes = b"") -> TakenIn:
    done = await ledger.testimonies.take_in(file(name, salt), FileTold(said))
    assert (await verify(ledger.database)).bad is None
    return done


@pytest.fixture
async def restored(path: Path, clock: HandClock, tmp_path: Path) -> AsyncIterator[Ledger]:
    """Awards 1 to 4: paid, planned, in doubt, refused; restored from a copy and not signed off."""
    ledger = await Ledger.open(path, clock)
    batch = await batch_of(ledger, 4)
    claimed = await claim(ledger, batch, 3)
    kinds = (OutcomeKind.APPLIED, OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN)
    await ledger.claims.record_outcome(claimed, each_of(claimed, [Outcome(kind, "x") for kind in kinds]))
    claimed = await claim(ledger, batch, 100)
    both = [Outcome(OutcomeKind.NOT_SENT), Outcome(OutcomeKind.REJECTED, "no such account")]
    await ledger.claims.record_outcome(claimed, each_of(claimed, both))
    await ledger.close()
    copying.copy(path, tmp_path / "copy.db")
    copying.restore(tmp_path / "copy.db", path, clock.ms)
    ledger = await Ledger.open(path, clock)
    assert await states(ledger) == ["applied", "planned", "unknown", "rejected"]
    yield ledger
    await ledger.close()


async def test_known_awards_are_brought_up_to_date_with_file_and_name(restored: Ledger):
    done = await take_in(restored, told(2, 1, S.APPLIED, 1), told(3, 2, S.APPLIED, 2), told(4, 3, S.REJECTED, 3))
    assert done == TakenIn(None, 0, 0, updated=2, unchanged=1)
    assert await states(restored) == ["applied", "applied", "rejected", "rejected"]
    (batch,) = await restored.queries.batches(None)
    assert batch.state.value == "finished"
    found = await awards(restored)
    assert found[1].detail == "as batch-2-result.csv tells"
    events = await restored.queries.events(batch.id)
    assert [(one.actor_name, one.detail["file"]) for one in events if one.kind == "history-told"] == [
        (SHELL.name, "batch-2-result.csv")
    ]


async def test_unknown_awards_become_a_batch_that_counts_and_is_never_claimed(restored: Ledger, clock: HandClock):
    done = await take_in(
        restored,
        told(2, 11, S.APPLIED, 5, lines=(2, 6)),
        told(3, 12, S.UNKNOWN, 6),
        told(4, 13, S.PLANNED, 7),
        told(5, 14, S.REJECTED, 8, said="no such account"),
    )
    assert (done.batch_id, done.paid, done.in_doubt, done.not_sent) == (2, 1, 2, 1)
    assert await states(restored, 2) == ["applied", "unknown", "unknown"]
    statuses = await restored.queries.line_statuses(2)
    assert statuses[5].status == "not sent"
    assert statuses[5].detail == "rejected there: no such account"
    assert await restored.evidence.waiting() == []
    assert await restored.restorations.sign_off("Ada") is True
    assert await next_call(restored, 2, 100, build) is None
    doubts = await in_doubt(restored, 2)
    with pytest.raises(Refused, match="taken in from a result file, and nothing of it is ever sent"):
        await restored.steering.resolve(doubts, Decision.SEND_AGAIN, ADA, reason="x")
    draft_id = await restored.drafts.create(new_draft(source="undo", parent_id=2))
    with pytest.raises(Refused, match="taken in"):
        await restored.drafts.stage_undo(draft_id, 2)
    with pytest.raises(Refused, match="nothing of it is ever sent, so there is nothing to stop"):
        await restored.steering.stop(2, ADA)
    again = await draft(restored, [row(2, 11), row(3, 12), row(4, 14)])
    with pytest.raises(StaleMatches) as stale:
        await restored.recording.record_batch(again.id, confirmation(again))
    assert stale.value.matches.rows == 2
    await restored.steering.resolve(doubts, Decision.LANDED, ADA, reason="I looked")
    assert (await verify(restored.database)).bad is None


async def test_each_row_of_what_was_added_up_there_counts_as_paid_here(restored: Ledger):
    both = {"lines": (2, 3), "each": (10, 20), "amounts": frozenset({10, 20, 30})}
    await take_in(restored, told(2, 9, S.APPLIED, 7, amount=30, **both))
    (award,) = (await awards(restored))[4:]
    assert (award.amount, award.lines, award.amounts) == (30, (2, 3), (10, 20))
    ready = await draft(restored, [row(2, 9, 10), row(3, 9, 20), row(4, 9, 20), row(5, 9, 5)])
    matches = await restored.drafts.matches(ready.id)
    assert (matches.rows, matches.total) == (2, 30)


@pytest.mark.parametrize(
    ("state", "amount", "staged"), [(S.APPLIED, -10, 0), (S.UNKNOWN, -10, 0), (S.REJECTED, -10, 1), (S.APPLIED, -9, 1)]
)
async def test_what_a_lost_ledger_took_back_is_not_taken_back_a_second_time(
    state: AwardState, amount: int, staged: int, restored: Ledger
):
    """Its result file tells of a deduction, and not of which award it was the undo."""
    await take_in(
        restored, told(2, 1, S.APPLIED, 1), told(3, 2, S.REJECTED, 2), told(4, 3, S.REJECTED, 3), name="1.csv"
    )
    await take_in(restored, told(2, 1, state, 5, amount), told(3, 4, S.APPLIED, 6), name="2.csv")
    await restored.restorations.sign_off("Ada")
    draft_id = await restored.drafts.create(new_draft(source="undo", parent_id=1))
    found = await restored.drafts.stage_undo(draft_id, 1)
    assert (found.staged, found.before, found.told) == (staged, 0, 1 - staged)


async def test_whose_deduction_was_perhaps_given_back_by_a_lost_ledger_is_named_to_be_looked_at(
    path: Path, tmp_path: Path, clock: HandClock
):
    """A payment of as much as was deducted may have been an undo or not: nobody is paid twice, nobody passed over."""
    ledger = await Ledger.open(path, clock)
    batch_id = (await record(ledger, [row(line, line, -4) for line in range(2, 10)])).batch_id
    claimed = await claim(ledger, batch_id)
    await ledger.claims.record_outcome(claimed, each_of(claimed, [Outcome(OutcomeKind.APPLIED)] * 8))
    await ledger.claims.finish_if_done(batch_id)
    await ledger.close()
    copying.copy(path, tmp_path / "copy.db")
    copying.restore(tmp_path / "copy.db", path, clock.ms)
    ledger = await Ledger.open(path, clock)
    paid = [told(line, line, S.APPLIED, 10 + line, 4) for line in range(2, 9)]
    assert (await take_in(ledger, *paid)).batch_id == 2
    await ledger.restorations.sign_off("Ada")
    draft_id = await ledger.drafts.create(new_draft(source="undo", parent_id=batch_id))
    (notice,) = [
        one
        for one in await stage_undo(ledger, draft_id, await ledger.queries.batch(1, None))
        if one.kind == "undo-told"
    ]
    assert notice.message.startswith("left out, 7 awards: history (batch 2) has the opposite for the same person")
    first = ", ".join(f"{member(line).value} 4" for line in range(2, 5))
    assert notice.message.endswith(f"perhaps an undo; if not, use /award: {first} and 4 more")
    assert len(notice.message) <= 240, "what a card shows of it"
    await ledger.close()


async def test_the_same_file_again_and_a_later_one_add_only_what_is_new(restored: Ledger):
    first = (told(2, 11, S.APPLIED, 5), told(3, 12, S.UNKNOWN, 6), told(4, 2, S.APPLIED, 2))
    await take_in(restored, *first)
    assert await take_in(restored, *first) == TakenIn(unchanged=3)
    later = await take_in(
        restored,
        told(2, 11, S.APPLIED, 5),
        told(3, 12, S.APPLIED, 6),
        told(5, 13, S.APPLIED, 7),
        name="batch-2-result (1).csv",
    )
    assert (later.batch_id, later.paid, later.updated, later.unchanged) == (3, 1, 1, 1)
    assert await states(restored) == ["applied", "applied", "unknown", "rejected", "applied", "applied", "applied"]
    elsewhere = told(2, 12, S.APPLIED, 6, elsewhere=True, amount=3, amounts=frozenset({3}))
    assert await take_in(restored, elsewhere, name="batch-3-result.csv") == TakenIn(unchanged=1)


async def test_a_file_written_by_hand_is_taken_in_once_though_it_numbers_no_awards(restored: Ledger):
    by_hand = (told(2, 11, S.APPLIED, None), told(3, 12, S.UNKNOWN, None), told(4, 2, S.APPLIED, 2))
    assert await take_in(restored, *by_hand) == TakenIn(2, paid=1, in_doubt=1, updated=1)
    assert await take_in(restored, *by_hand) == TakenIn(unchanged=3)
    assert await states(restored) == ["applied", "applied", "unknown", "rejected", "applied", "unknown"]
    assert (await take_in(restored, told(2, 11, S.APPLIED, None), salt=b"corrected")).paid == 1, "another file"


async def test_a_file_that_was_taken_in_read_another_way_is_not_called_known(restored: Ledger):
    assert (await take_in(restored, told(2, 11, S.APPLIED, None, 10))).paid == 1
    with pytest.raises(Refused, match="row 2 was taken in before, as another recipient or amount"):
        await take_in(restored, told(2, 11, S.APPLIED, None, 25), told(3, 12, S.APPLIED, None, 10))
    assert (await states(restored)).count("applied") == 2


async def test_a_file_that_a_copy_has_as_history_is_not_taken_in_again_after_a_second_loss(
    restored: Ledger, path: Path, clock: HandClock, tmp_path: Path
):
    """The copy has gone on, and gave the lost ledger's numbers to other awards."""
    of_first = told(2, 11, S.APPLIED, 7, at=clock.ms)
    assert (await take_in(restored, of_first)).paid == 1
    await restored.restorations.sign_off("Ada")
    clock.at += 3600
    await record(restored, rows(3, first=20), destination=MEMBERS)
    await restored.close()
    copying.copy(path, tmp_path / "second.db")
    copying.restore(tmp_path / "second.db", path, clock.ms)
    ledger = await Ledger.open(path, clock)
    assert (await take_in(ledger, of_first)).paid == 0
    assert (await states(ledger)).count("applied") == 2
    await ledger.close()


async def test_a_second_lost_ledger_that_gave_a_number_to_another_amount_is_not_taken_for_the_first(restored: Ledger):
    """Both were lost, one after the other, and the same old copy was put back each time."""
    await take_in(restored, told(2, 11, S.APPLIED, 5))
    with pytest.raises(Refused, match="row 2: award 5 is of another amount here"):
        await take_in(restored, told(2, 11, S.APPLIED, 5, 25), name="batch-3-result.csv")


CONTRADICTIONS = [
    (told(2, 9, S.APPLIED, 1), "row 2: award 1 is somebody else's here"),
    (told(2, 1, S.APPLIED, 1, 11), "row 2: award 1 is of another amount here"),
    (told(2, 1, S.REJECTED, 1), "row 2: award 1 is applied here and rejected there"),
    (told(2, 4, S.APPLIED, 4), "row 2: award 4 is rejected here and applied there"),
]


@pytest.mark.parametrize(("said", "why"), CONTRADICTIONS)
async def test_a_file_that_contradicts_the_ledger_is_refused_whole(restored: Ledger, said: Told, why: str):
    before = await restored.receipts.head()
    with pytest.raises(Refused, match=why):
        await restored.testimonies.take_in(file(), FileTold([told(3, 50, S.APPLIED, 40), said]))
    assert await restored.receipts.head() == before


async def test_only_a_ledger_that_waits_takes_files_in(ledger: Ledger):
    assert (await take_in(ledger, told(2, 1, S.APPLIED, 17))).paid == 1
    assert (await take_in(ledger, told(2, 2, S.APPLIED, 1), name="b.csv")).paid == 1, "ids of a lost ledger, not ours"
    await record(ledger, rows(1, first=5), destination=MEMBERS)
    with pytest.raises(Refused, match="not waiting for result files"):
        await take_in(ledger, told(2, 3, S.APPLIED, 3), name="c.csv")


@pytest.fixture
async def went_on(ledger: Ledger, clock: HandClock) -> Ledger:
    """An older copy that was put back by hand, paid awards 1 and 2, planned award 3, and was found out later."""
    batch = await batch_of(ledger, 3)
    claimed = await claim(ledger, batch)
    kinds = (OutcomeKind.APPLIED, OutcomeKind.APPLIED, OutcomeKind.NOT_SENT)
    await ledger.claims.record_outcome(claimed, each_of(claimed, [Outcome(kind) for kind in kinds]))
    clock.at += 3600
    await ledger.restorations.suspect(Why.OLDER)
    return ledger


PARTED = 1_000 * round(START)
"""When the ledger of ``went_on`` recorded and paid, to the second."""


async def test_awards_that_were_settled_before_those_of_the_same_numbers_were_recorded_are_others(went_on: Ledger):
    """The same people, the same amounts, the same numbers: last week's payout of the ledger that was lost."""
    last_week = PARTED - 7 * 86_400_000
    said = [told(2 + n, 1 + n, S.APPLIED, 1 + n, at=last_week) for n in range(3)]
    done = await take_in(went_on, *said)
    assert done == TakenIn(2, paid=3, apart=3)
    assert await states(went_on) == ["applied", "applied", "planned", "applied", "applied", "applied"]
    assert await take_in(went_on, *said) == TakenIn(unchanged=3), "the same file again"


async def test_awards_that_were_settled_in_the_same_moment_are_the_same_and_so_is_their_batch(went_on: Ledger):
    said = [told(2, 1, S.APPLIED, 1, at=PARTED), told(4, 3, S.APPLIED, 3, at=PARTED + 60_000)]
    assert await take_in(went_on, *said) == TakenIn(updated=1, unchanged=1)
    assert await states(went_on) == ["applied", "applied", "applied"]


@pytest.mark.parametrize("at", [None, PARTED + 60_000])
async def test_where_nothing_tells_whether_they_are_the_same_a_person_is_asked(went_on: Ledger, at: int | None):
    said = [told(2, 1, S.APPLIED, 1, at=at), told(4, 3, S.APPLIED, 3, at=at)]
    before = await went_on.receipts.head()
    with pytest.raises(Refused, match="nothing tells whether awards of") as refused:
        await take_in(went_on, *said)
    assert "--numbers" in (refused.value.hint or "")
    assert await went_on.receipts.head() == before
    same = await went_on.testimonies.take_in(file(), FileTold(said), same_numbers=True)
    assert same == TakenIn(updated=1, unchanged=1)


async def test_an_export_says_when_each_batch_was_recorded_which_tells_for_certain(went_on: Ledger):
    (batch,) = await went_on.queries.batches(None)
    same = told(4, 3, S.APPLIED, 3, recorded_at=batch.recorded_at)
    other = told(2, 1, S.APPLIED, 1, recorded_at=batch.recorded_at + 1)
    assert await take_in(went_on, same, other) == TakenIn(2, paid=1, updated=1, apart=1)


async def test_an_export_of_another_ledger_is_told_apart_in_a_restored_copy_too(restored: Ledger):
    assert await take_in(restored, told(2, 1, S.APPLIED, 1, recorded_at=7)) == TakenIn(2, paid=1, apart=1)


async def test_a_person_may_say_that_they_are_others(went_on: Ledger):
    said = FileTold([told(2, 1, S.APPLIED, 1), told(4, 3, S.APPLIED, 3)])
    assert await went_on.testimonies.take_in(file(), said, same_numbers=False) == TakenIn(2, paid=2, apart=2)
    assert (await states(went_on))[2] == "planned"
    assert (await verify(went_on.database)).bad is None


async def test_a_restored_copy_shares_what_it_had_and_nothing_that_it_recorded_since(
    restored: Ledger, clock: HandClock
):
    assert await take_in(restored, told(3, 2, S.APPLIED, 2)) == TakenIn(updated=1)
    await restored.restorations.sign_off("Ada")
    clock.at += 3600
    await record(restored, rows(1, first=9), destination=MEMBERS)
    await restored.restorations.suspect(Why.STRANGER)
    assert await take_in(restored, told(2, 1, S.APPLIED, 1), name="b.csv") == TakenIn(unchanged=1)
    done = await take_in(restored, told(2, 9, S.APPLIED, 5, at=PARTED), name="c.csv")
    assert (done.paid, done.apart) == (1, 1)


STORY = st.lists(st.tuples(st.sampled_from("PARUC"), st.sampled_from(list(AwardState))), min_size=1, max_size=12)


@pytest.mark.no_cover
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=STORY, fresh=st.lists(st.sampled_from(list(AwardState)), max_size=6))
async def test_whatever_a_file_says_nothing_becomes_claimable_and_the_proof_holds(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, AwardState]], fresh: list[AwardState]
):
    """Awards that stand in any way here, told to stand in any way there, and awards that are not here at all."""
    path, clock = tmp_path_factory.mktemp("story") / "bursar.db", HandClock()
    ledger = await Ledger.open(path, clock)
    batch = await batch_of(ledger, len(story))
    await bring_about(ledger, batch, [letter for letter, _ in story])
    await ledger.close()
    copying.copy(path, path.with_name("copy.db"))
    copying.restore(path.with_name("copy.db"), path, clock.ms)
    ledger = await Ledger.open(path, clock)
    before = await states(ledger)
    said = [told(number + 1, number, state, number) for number, (_, state) in enumerate(story, start=1)]
    said += [told(100 + n, 100 + n, state, 100 + n) for n, state in enumerate(fresh)]
    try:
        await ledger.testimonies.take_in(file(), FileTold(said))
    except Refused:
        assert await states(ledger) == before
    else:
        after = await states(ledger)
        for was, (_, state), is_now in zip(before, story, after, strict=False):
            assert is_now == was if was in FINAL else is_now == (state if state in FINAL else "unknown")
        assert "planned" not in after
        kept = {S.APPLIED: "applied", S.WRITTEN_OFF: "written-off"}
        assert after[len(story) :] == [
            kept.get(state, "unknown") for state in fresh if state in kept or state not in FINAL
        ]
        assert await ledger.restorations.sign_off("Ada")
        for one in await ledger.queries.batches(None):
            assert await next_call(ledger, one.id, 100, build) is None
    assert (await verify(ledger.database)).bad is None
    await ledger.close()


async def bring_about(ledger: Ledger, batch: int, letters: list[str]) -> None:
    """Let every award of a batch stand as its letter says; a stop comes last, so C is planned where P is wanted."""
    kinds = {"A": OutcomeKind.APPLIED, "R": OutcomeKind.REJECTED, "U": OutcomeKind.UNKNOWN}
    claimed = await claim(ledger, batch)
    outcomes = [Outcome(kinds.get(letter, OutcomeKind.NOT_SENT), "so") for letter in letters]
    await ledger.claims.record_outcome(claimed, each_of(claimed, outcomes))
    if "P" not in letters and "C" in letters:
        await ledger.steering.stop(batch, ADA)
