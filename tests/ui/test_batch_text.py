"""A batch in words: every state has its colour, its words, and a bar that is full only when everything is settled."""

from __future__ import annotations

import dataclasses

import discord
import pytest

from bot.console.preview import held_lane_lines
from bot.domain.lanes import LaneKind
from bot.domain.model import (
    Award,
    Counts,
    Pause,
    PauseKind,
    ProviderKind,
    Recipient,
    RecipientType,
    Taken,
)
from bot.domain.states import TAKEN_IN, AwardState, BatchState
from bot.ledger.lanes import HeldLane
from bot.ledger.queries import Attempt, Event, HeldBack
from bot.services.batches import BatchView
from bot.services.watching import Activity, Doing
from bot.ui import batch_cards, batch_text
from bot.ui.award_card import award_receipt
from bot.ui.cards import Tone
from bot.ui.settings_card import said
from tests.ui.views import (
    DESTINATION,
    NOW_MS,
    batch,
    view,
)


@pytest.mark.parametrize(
    ("state", "verdict", "detail", "said"),
    [
        ("closed", "unknown", "no answer came", "no answer came"),
        ("closed", "interrupted", None, "interrupted"),
        ("open", None, None, "on its way"),
        ("accepted", None, None, "a job is working on it"),
    ],
)
def test_a_call_is_told_by_what_is_known_of_its_end(
    state: str, verdict: str | None, detail: str | None, said: str
) -> None:
    attempt = Attempt(3, 41, state, NOW_MS, None, "t", (1, 2), verdict, None, None, detail, None)
    assert batch_text.attempt_line(attempt) == f"<t:{NOW_MS // 1000}:T> 2 awards · {said}"


def test_the_services_name_for_a_call_is_told_for_whoever_asks_its_support() -> None:
    attempt = Attempt(3, 41, "closed", NOW_MS, NOW_MS, "t", (1, 2), "unknown", 502, "req_7", "a gateway spoke", None)
    assert batch_text.attempt_line(attempt).endswith("2 awards · HTTP 502 · a gateway spoke · request req\\_7")


ORIGIN = ["1,203 awards by **mod** · Gold · <t:1785000000:f>", "Reason: Weekly quest", "File: week-31.csv"]


@pytest.mark.parametrize(
    ("of", "more"),
    [
        ({}, []),
        ({"source": "undo", "parent_id": 40}, ["Takes back batch 40"]),
        ({"source": "retry", "parent_id": 40}, ["Continues batch 40"]),
        (
            {"source": TAKEN_IN},
            ["Taken in from a result file: sent by a ledger that was lost, counted as paid, never sent from here"],
        ),
    ],
)
def test_where_a_batch_comes_from_is_told(of: dict[str, object], more: list[str]) -> None:
    assert batch_text.origin(batch(**of), "Gold") == [*ORIGIN, *more]


BY_KEY = Pause(PauseKind.KEY, "Drip does not accept the API key")


BY_MOD = Pause(PauseKind.PERSON, "paused by mod")


@pytest.mark.parametrize(
    ("shown", "by", "tone", "word"),
    [
        (view(Counts(planned=1203), Activity(Doing.WAITING_TO_START)), None, Tone.RUNNING, "Nothing sent yet"),
        (view(Counts(planned=603, applied=600), Activity(Doing.SENDING)), None, Tone.RUNNING, "Under way"),
        (view(Counts(planned=603, applied=600), Activity(Doing.AWAY)), None, Tone.ATTENTION, "Waiting for the service"),
        (view(Counts(planned=3), state=BatchState.PAUSED, pause=BY_KEY), None, Tone.ATTENTION, "somebody has to act"),
        (view(Counts(planned=3), state=BatchState.PAUSED, pause=BY_MOD), "mod", Tone.ATTENTION, "Paused by mod"),
        (view(Counts(cancelled=3), state=BatchState.STOPPED), "mod", Tone.STOPPED, "Stopped by mod"),
        (view(Counts(applied=3), state=BatchState.FINISHED), None, Tone.DONE, "Done"),
        (view(Counts(applied=3, rejected=2), state=BatchState.FINISHED), None, Tone.ATTENTION, "Finished · 2 refused"),
        (
            view(Counts(applied=3, written_off=1), state=BatchState.FINISHED),
            None,
            Tone.ATTENTION,
            "Finished · 1 written off",
        ),
        (
            view(Counts(applied=3, rejected=2, unknown=1), state=BatchState.FINISHED),
            None,
            Tone.ATTENTION,
            "Finished · 1 in doubt, 2 refused",
        ),
    ],
)
def test_every_state_has_a_colour_and_words(shown: BatchView, by: str | None, tone: Tone, word: str) -> None:
    told = batch_text.tone_and_word(shown, by=by)
    assert told[0] is tone
    assert word in told[1]


def test_rows_wait_for_a_doubt_only_where_there_is_one() -> None:
    new = view(Counts(planned=3), calls_left=1)
    assert batch_text.doing(new) == "1 call to go"
    told = batch_text.doing(dataclasses.replace(new, held_back=HeldBack(2, (7,), 1, (40,))))
    assert told == (
        "No call is under way: 2 rows wait because their recipients have an award in doubt in batch 40."
        " Bursar settles that by itself where it can; `/batch resolve` shows it."
    )
    own = dataclasses.replace(new, held_back=HeldBack(1, (7,), 1, (new.batch.id,)))
    assert "1 row waits because its recipient has an award in doubt in this batch" in (batch_text.doing(own) or "")
    foreign = dataclasses.replace(new, held_back=HeldBack(1, (7,), 1))
    assert "an award in doubt, not of this server's batches" in (batch_text.doing(foreign) or "")


def test_doubts_that_are_read_back_by_themselves_say_when() -> None:
    waits = view(Counts(planned=1, unknown=2), Activity(Doing.SETTLING, until=NOW_MS / 1000), calls_left=1)
    told = f"What is in doubt is read back from <t:{NOW_MS // 1000}:T> on; nothing has to be done before."
    assert batch_text.doing(waits) == told


def test_a_call_that_is_sent_again_is_said_with_what_is_left() -> None:
    last = view(Counts(sending=3), Activity(Doing.SENDING_AGAIN))
    assert batch_text.doing(last) == batch_text.SENT_AGAIN
    more = view(Counts(planned=3, sending=3), Activity(Doing.SENDING_AGAIN), calls_left=1)
    assert batch_text.doing(more) == f"{batch_text.SENT_AGAIN}\n1 call to go"


def test_while_calls_wait_for_earlier_jobs_it_is_not_said_that_every_call_is_made() -> None:
    full = view(Counts(planned=3, sending=9), Activity(Doing.FOLLOWING), calls_left=1)
    told = "The service is still working on earlier jobs; the next call waits for them · 1 call to go"
    assert batch_text.doing(full) == told
    last = view(Counts(sending=9), Activity(Doing.FOLLOWING))
    assert batch_text.doing(last) == "Every call is made; the service is still working on a job."


@pytest.mark.parametrize(
    ("state", "doing", "told"),
    [
        (BatchState.FINISHED, Doing.SENDING_AGAIN, batch_text.SENT_AGAIN),
        (BatchState.STOPPED, Doing.SETTLING, f"What is in doubt is read back from <t:{NOW_MS // 1000}:T> on"),
        (BatchState.FINISHED, Doing.FOLLOWING, "the service is still working on a job"),
        (BatchState.FINISHED, Doing.AWAY, None),
        (BatchState.PAUSED, Doing.SETTLING, None),
    ],
)
def test_of_a_batch_that_is_over_what_goes_on_about_its_doubts_is_said(
    state: BatchState, doing: Doing, told: str | None
) -> None:
    said = batch_text.doing(view(Counts(unknown=3), Activity(doing, until=NOW_MS / 1000), state=state))
    assert said is None if told is None else told in (said or "")


def test_a_kept_lane_is_said_with_whose_it_is_unless_every_row_waits_for_its_own_doubt() -> None:
    waits = view(Counts(planned=3), calls_left=1)
    kept = HeldLane(LaneKind.WITNESS, 9, waits.batch.actor.server_id, is_paused=False, is_left=False)
    told = batch_text.doing(dataclasses.replace(waits, held_lane=kept, held_back=HeldBack(2, (7,), 1))) or ""
    assert "check accounts are kept by a call of batch 9 that is in doubt" in told
    assert "nothing has to be done" in told
    every = batch_text.doing(dataclasses.replace(waits, held_lane=kept, held_back=HeldBack(3, (7,), 1))) or ""
    assert "3 rows wait because" in every
    own = dataclasses.replace(kept, batch_id=waits.batch.id)
    assert "a call of this batch" in (batch_text.doing(dataclasses.replace(waits, held_lane=own)) or "")
    other = dataclasses.replace(kept, server_id="400000000000000001")
    assert "batch 9 (of another server)" in (batch_text.doing(dataclasses.replace(waits, held_lane=other)) or "")
    theirs = batch_text.doing(dataclasses.replace(waits, held_lane=dataclasses.replace(other, is_paused=True))) or ""
    assert theirs.endswith("ask the operator to put right why and resume it.")  # nobody here can


def test_the_shell_names_twins_as_the_pair_that_they_are() -> None:
    standing = {"batch": "1", "held_lane": {"kind": "twins", "batch": "9", "paused": False, "left": False}}
    assert list(held_lane_lines(standing)) == [
        "No call can be made: the pair of twins is kept by a call of batch 9 that is in doubt."
    ]


def test_the_bar_is_full_only_when_everything_is_final() -> None:
    assert batch_text.bar(Counts(applied=9_999, planned=1)).startswith("▰" * 15 + "▱ **99 %** · 9,999 of 10,000")
    assert batch_text.bar(Counts(applied=9_999, sending=1)).startswith("▰" * 15 + "▱ **99 %**")
    assert batch_text.bar(Counts(applied=9_999, unknown=1)).startswith("▰" * 15 + "▱ **99 %**")
    assert batch_text.bar(Counts(unknown=3)) == "▱" * 16 + " **0 %** · 0 of 3 awards"
    assert batch_text.bar(Counts(applied=1, rejected=1, written_off=1)).startswith("▰" * 16 + " **100 %**")
    stopped = batch_text.bar(Counts(applied=1, rejected=1, written_off=1, cancelled=1))
    assert stopped == "▰" * 12 + "▱" * 4 + " **75 %** · 3 of 4 awards"
    assert batch_text.bar(Counts(cancelled=20)) == "▱" * 16 + " **0 %** · 0 of 20 awards"
    assert batch_text.bar(Counts(planned=1)) == "▱" * 16 + " **0 %** · 0 of 1 award"


def test_counts_leave_out_what_is_nothing() -> None:
    shown = view(Counts(applied=612, rejected=8, planned=3))
    assert batch_text.by_state(shown) == "612 paid · 8 refused · 3 not sent yet"


def test_a_batch_that_takes_points_is_not_said_to_have_paid_them() -> None:
    counts = Counts(applied=2, rejected=1)
    taken = {AwardState.APPLIED: Taken(2, 100), AwardState.REJECTED: Taken(1, 50)}
    shown = dataclasses.replace(view(counts, total=-150), sums={AwardState.APPLIED: -100}, taken=taken)
    assert batch_text.by_state(shown) == "2 taken · 1 refused"
    assert batch_text.sums(shown) == "**100 of 150 points** taken"


@pytest.mark.parametrize(
    ("took", "told"),
    [
        (5000, "**At most 5,000 of 5,000 points** taken · where there was less, only that"),
        (0, "**0 of 5,000 points** taken"),
    ],
)
def test_no_more_is_claimed_of_a_deduction_that_may_have_been_cut_than_is_known(took: int, told: str) -> None:
    state = AwardState.APPLIED if took else AwardState.REJECTED
    counts = Counts(applied=1) if took else Counts(rejected=1)
    gameball = dataclasses.replace(DESTINATION, kind=ProviderKind.GAMEBALL)
    cut = view(counts, total=-5000, destination=gameball)
    shown = dataclasses.replace(cut, sums={state: -5000}, taken={state: Taken(1, 5000)})
    assert batch_text.sums(shown) == told


def test_what_is_given_is_told_apart_from_what_is_taken() -> None:
    taken = {AwardState.REJECTED: Taken(1, 3000), AwardState.APPLIED: Taken(1, 10)}
    sums = {AwardState.APPLIED: 10, AwardState.REJECTED: -3000}
    shown = dataclasses.replace(view(Counts(applied=2, rejected=1), total=-2990), sums=sums, taken=taken)
    assert batch_text.by_state(shown) == "1 paid · 1 taken · 1 refused"
    assert batch_text.sums(shown) == "**20 of 20 points** paid, **10 of 3,010 points** taken"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (view(Counts(planned=3), state=BatchState.OPEN), True),
        (view(Counts(planned=3), state=BatchState.PAUSED, pause=BY_MOD), True),
        (view(Counts(planned=2, rejected=1)), True),
        (view(Counts(planned=2, sending=1)), False),
        (view(Counts(planned=2, unknown=1)), False),
        (view(Counts(planned=2, applied=1)), False),
        (view(Counts(cancelled=3), state=BatchState.STOPPED), False),
    ],
)
def test_nothing_sent_means_that_no_award_has_left(shown: BatchView, expected: bool) -> None:
    assert batch_text.nothing_sent(shown) is expected


def test_a_stopped_batch_is_over_only_when_its_last_call_is_recorded() -> None:
    assert not batch_text.is_over(view(Counts(sending=100, cancelled=3), state=BatchState.STOPPED))
    assert batch_text.is_over(view(Counts(applied=100, cancelled=3), state=BatchState.STOPPED))
    assert not batch_text.is_over(view(Counts(planned=3), state=BatchState.PAUSED, pause=BY_MOD))


def test_one_decision_about_many_rows_is_one_line_of_the_history() -> None:
    detail = {"decision": "landed", "reason": "seen", "attempt": 7}
    decided = [Event(n, NOW_MS, "award-resolved", 41, n, "mod", detail) for n in range(1, 101)]
    recorded = Event(0, NOW_MS - 5000, "batch-recorded", 41, None, "mod", {})
    lines = batch_text.event_lines([recorded, *decided])
    assert len(lines) == 2
    assert lines[1].endswith("doubt settled by mod: landed · seen (100 rows)")


def test_a_call_that_was_sent_again_is_in_the_history_in_plain_words() -> None:
    (line,) = batch_text.event_lines([Event(1, NOW_MS, "call-again", 41, None, None, {})])
    assert line.endswith(" an answer was lost: the same call sent again")


def test_that_the_staff_was_alerted_is_in_the_history_without_numbers_of_discords() -> None:
    (line,) = batch_text.event_lines([Event(1, NOW_MS, "staff-alerted", 41, None, None, {"message": "1456074443980"})])
    assert line.endswith(" staff alerted")


def test_what_people_typed_is_shown_as_plain_text() -> None:
    typed = "**@everyone** [x](https://example.org)\nNext"
    nasty = batch(label=typed, reason=typed, file_name=typed)
    for text in (batch_text.title(nasty), *batch_text.origin(nasty, typed)):
        assert "\n" not in text
        assert "@everyone" not in text
        assert "**@" not in text


def test_choices_fit_discord_and_tell_the_state() -> None:
    label = batch_cards.choice_label(batch(label="x" * 90), Counts(planned=1, applied=1200, unknown=2))
    assert label.startswith("Batch 41 · 1,203 awards · running, 2 in doubt · xxx")


def award(number: int, state: AwardState, detail: str | None) -> Award:
    recipient = Recipient(RecipientType.DISCORD_ID, str(10**17 + number))
    return Award(
        id=number,
        batch_id=41,
        line=number,
        lines=(number,),
        recipient=recipient,
        target=None,
        amount=50,
        reason=None,
        state=state,
        attempts=1,
        attempt_id=None,
        detail=detail,
        balance=None,
        changed_at=NOW_MS,
        continues=None,
    )


def test_a_cause_that_several_awards_share_is_told_once():
    awards = [
        award(1, AwardState.UNKNOWN, "no answer."),
        award(2, AwardState.UNKNOWN, "no answer."),
        award(3, AwardState.REJECTED, "unknown member."),
        award(4, AwardState.APPLIED, "whatever"),
    ]
    assert batch_text.award_lines(awards, batch(awards=4)) == [
        f"- <@{10**17 + 1}> · 50 points · in doubt",
        f"- <@{10**17 + 2}> · 50 points · in doubt",
        f"- <@{10**17 + 3}> (`{10**17 + 3}`) · 50 points · refused: unknown member.",
        f"- <@{10**17 + 4}> · 50 points · paid",
        "In doubt: no answer.",
    ]


def test_what_a_pause_says_is_not_said_again_of_every_award_that_waits():
    paused = batch(awards=1, state=BatchState.PAUSED, pause=BY_KEY)
    assert batch_text.award_lines([award(1, AwardState.PLANNED, "Nothing was sent: the key")], paused) == [
        f"- <@{10**17 + 1}> · 50 points · not sent yet"
    ]


def texts(made: discord.ui.LayoutView) -> str:
    return "\n".join(item.content for item in made.walk_children() if isinstance(item, discord.ui.TextDisplay))


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        (0, "Nothing is left to send; what became of calls that were made is not known yet."),
        (1, "1 award stays planned. It was not sent, and it is not lost."),
        (2, "2 awards stay planned. None of them was sent, and none is lost."),
    ],
)
def test_an_alert_says_of_no_award_that_it_was_not_sent_unless_it_was_not(planned: int, told: str) -> None:
    alert = batch_cards.alert_card(batch(), "the key", "put it right", planned, code="7Q2K9-M4TZA", practice=False)
    assert told in texts(alert)


def test_a_stop_that_cancels_nothing_does_not_say_that_it_cancels() -> None:
    some = batch_cards.stop_card(view(Counts(planned=2, applied=1)), practice=False)
    assert "2 awards not sent yet: cancelled for good." in texts(some)
    assert "Stop it, cancel 2 awards" in [getattr(item, "label", None) for item in some.walk_children()]
    none = batch_cards.stop_card(view(Counts(sending=2, applied=1)), practice=False)
    assert "Nothing else is left to send, so nothing is cancelled now." in texts(none)
    assert "Stop it" in [getattr(item, "label", None) for item in none.walk_children()]


@pytest.mark.parametrize(
    ("award_state", "state", "became"),
    [
        (AwardState.WRITTEN_OFF, BatchState.FINISHED, "written off"),
        (AwardState.PLANNED, BatchState.PAUSED, "not sent yet"),
        (AwardState.PLANNED, BatchState.OPEN, "under way"),
        (AwardState.SENDING, BatchState.PAUSED, "under way"),
        (AwardState.UNKNOWN, BatchState.FINISHED, "in doubt"),
    ],
)
def test_the_receipt_of_one_award_is_headed_by_what_became_of_it(
    award_state: AwardState, state: BatchState, became: str
) -> None:
    shown = view(Counts(planned=1), state=state, pause=BY_KEY if state is BatchState.PAUSED else None, awards=1)
    receipt = award_receipt(
        shown, [award(1, award_state, None)], {}, programme="drip-members", practice=False, may_stop=False
    )
    assert texts(receipt).startswith(f"### 50 points for <@{10**17 + 1}>: {became}\n")


@pytest.mark.parametrize(("seconds", "told"), [(0, "none"), (1, "1 second"), (1.5, "1.5 seconds"), (10, "10 seconds")])
def test_a_wait_is_told_in_seconds(seconds: float, told: str) -> None:
    assert said("start_delay_seconds", seconds) == told
