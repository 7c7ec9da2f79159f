"""The token ring against a small model of a service that executes late, loses answers, and refuses overdrafts whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.domain.lanes import ENDS, Lane, LaneKind, Passage
from bot.domain.probing import Purse
from bot.domain.ring import Ring, Step

pytestmark = pytest.mark.no_cover

LINGER = 100.0


def ring(places: int) -> Lane:
    """A ring at rest, with its token at the first place."""
    purses = tuple(Purse(f"{place:024x}", "e" * 24) for place in range(places))
    return Lane(1, LaneKind.RING, purses, (1, *[0] * (places - 1)), (0.0,) * places)


def rows(passage: Passage) -> tuple[int, int]:
    """The places that a call takes the token from, and gives it to."""
    giving, getting = (passage.lane.places.index(leg.purse) for leg in passage.legs)
    return giving, getting


@dataclass
class Service:
    """Balances of the ring's places, and what was executed how often."""

    balances: list[int]
    executed: dict[int, int] = field(default_factory=dict)
    late: list[tuple[float, int, int, int]] = field(default_factory=list)
    """Requests on their way that nobody waits for: (dies at, call, giving, getting)."""
    bad: set[int] = field(default_factory=set)
    """Calls with a row that is refused at the moment."""
    before: list[int] = field(default_factory=list)
    """The balances before the last execution, which a read that lags shows."""

    def execute(self, call: int, giving: int, getting: int) -> bool:
        if call in self.bad or self.balances[giving] < 1:
            return False
        self.before = list(self.balances)
        self.balances[giving] -= 1
        self.balances[getting] += 1
        self.executed[call] = self.executed.get(call, 0) + 1
        return True


class Ringing(RuleBasedStateMachine):
    """A client that follows the rules, and a service that is as unkind as it can be."""

    @initialize(places=st.integers(2, 4))
    def start(self, places: int) -> None:
        self.now = 1000.0
        self.lane = ring(places)
        self.service = Service([1] + [0] * (places - 1))
        self.passage: Passage | None = None
        self.step = Step.AGAIN
        self.call = 0
        self.spent = False
        self.ends: dict[int, Step] = {}

    def end(self, step: Step) -> None:
        assert self.passage is not None
        self.step = step
        if step in ENDS:
            self.ends[self.call] = step
            self.lane = self.passage.end(step)
            self.passage = None

    @precondition(lambda self: self.passage is None)
    @rule(bad=st.sampled_from([False, False, True]))
    def begin(self, bad: bool) -> None:
        self.now = max(self.now, self.lane.starts_at)
        self.passage, self.call, self.step = Passage(self.lane), self.call + 1, Step.AGAIN
        self.spent = False
        if bad:
            self.service.bad.add(self.call)

    @precondition(lambda self: self.passage is not None and self.step in (Step.AGAIN, Step.WAIT))
    @rule(what=st.sampled_from(["answered", "answered", "lost", "applied-lost", "late", "late"]))
    def send(self, what: str) -> None:
        assert self.passage is not None
        giving, getting = rows(self.passage)
        if what == "answered":
            if self.service.execute(self.call, giving, getting):
                self.end(self.passage.told([self.service.balances[giving], self.service.balances[getting]]))
            else:
                self.passage, self.step = self.passage.refuse(), Step.LOOK
                self.spent = self.call not in self.service.bad
            return
        if what == "applied-lost":
            self.service.execute(self.call, giving, getting)
        elif what == "late":
            self.service.late.append((self.now + LINGER, self.call, giving, getting))
        self.passage, self.step = self.passage.gave_up(self.now + LINGER), Step.AGAIN

    @precondition(lambda self: self.passage is not None and (self.passage.lost or self.step is Step.LOOK))
    @rule(fails=st.booleans(), lags=st.booleans())
    def look(self, fails: bool, lags: bool) -> None:
        assert self.passage is not None
        held: list[int | None] = [None] * len(self.service.balances) if fails else [*self.service.balances]
        # As long as a lost send can live; with more places it shows the point where it cannot be, which is an alarm.
        if lags and len(held) == 2 and self.service.before and self.passage.lost and self.now < self.passage.dead_at:
            held = [*self.service.before]
        self.end(self.passage.looked(held, began=self.now, spent=self.spent))

    @precondition(lambda self: self.service.late)
    @rule(data=st.data())
    def something_late_arrives(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.service.late) - 1))
        dies_at, call, giving, getting = self.service.late.pop(place)
        if self.now < dies_at:
            self.service.execute(call, giving, getting)

    @precondition(lambda self: self.passage is not None and self.passage.lost)
    @rule(seconds=st.sampled_from([1.0, LINGER / 3, LINGER]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.service.bad)
    @rule(data=st.data())
    def a_bad_row_becomes_payable(self, data: st.DataObject) -> None:
        self.service.bad.remove(data.draw(st.sampled_from(sorted(self.service.bad))))

    @invariant()
    def what_was_concluded_is_true_and_stays_true(self) -> None:
        if not hasattr(self, "service"):
            return
        assert self.step is not Step.DISTURBED
        assert max(self.service.executed.values(), default=0) <= 1, "an award was paid twice"
        for call, end in self.ends.items():
            assert self.service.executed.get(call, 0) == (1 if end is Step.APPLIED else 0), f"{end} is wrong"


TestRinging = Ringing.TestCase
TestRinging.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)


# --- what each rule is for ------------------------------------------------------------------------------------------


def test_without_the_wait_for_the_getting_place_a_late_request_pays_twice():
    service, first = Service([1, 0]), Passage(ring(2)).gave_up(LINGER)  # on its way, and sent again
    assert service.execute(1, *rows(first))
    lane = first.end(first.told([0, 1]))
    assert lane.starts_at == LINGER
    assert service.execute(2, *rows(Passage(lane)))  # what the rule forbids: the token comes back
    assert service.execute(1, *rows(first))
    assert service.executed[1] == 2


def test_a_third_place_gives_the_late_request_time_to_die():
    lane = Passage(ring(3)).gave_up(LINGER).end(Step.APPLIED)
    assert (lane.ring.token, lane.starts_at) == (1, 0.0)
    assert Passage(lane).end(Step.APPLIED).starts_at == LINGER


def test_a_first_refusal_is_one_and_leaves_the_token():
    passage = Passage(ring(2)).refuse()
    assert passage.looked([1, 0], 5) is Step.REFUSED
    assert passage.end(Step.REFUSED) == ring(2)


def test_a_refusal_after_a_lost_send_is_read_by_where_the_token_is():
    passage = Passage(ring(2)).gave_up(LINGER).refuse()
    assert passage.looked([0, 1], 5, spent=True) is Step.APPLIED
    assert passage.looked([0, 1], 5) is Step.WAIT  # a read that lags may show where it was before the last call
    assert passage.looked([0, 1], LINGER) is Step.APPLIED
    assert passage.looked([1, 0], 5) is Step.WAIT
    assert passage.looked([1, 0], LINGER) is Step.REFUSED
    assert passage.looked([None, 0], 5) is Step.LOOK


def test_a_lost_send_that_left_no_trace_in_its_life_is_gone():
    passage = Passage(ring(2)).gave_up(LINGER)
    assert passage.looked([1, 0], 5) is Step.AGAIN
    assert passage.looked([1, 0], LINGER) is Step.GONE
    assert passage.end(Step.GONE).ring.token == 0


@pytest.mark.parametrize("held", [(0, 0), (1, 1), (0, 2), (2, 0), (-1, 1)])
def test_any_other_balances_stop_the_ring(held: tuple[int, int]):
    passage = Passage(ring(2)).gave_up(LINGER)
    assert passage.told(held) is Step.DISTURBED
    assert passage.looked(held, began=5) is Step.DISTURBED


def test_the_rows_of_a_call_pass_the_token_on():
    assert Ring(2, (0.0, 0.0, 0.0)).rows == ((2, -1), (0, 1))
