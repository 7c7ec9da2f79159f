"""The token ring against a small model of a service that executes late, loses answers, and refuses overdrafts whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.domain.ring import Flight, Ring, Step

LINGER = 100.0


@dataclass
class Service:
    """Balances of the ring's places, and what was executed how often."""

    balances: list[int]
    executed: dict[int, int] = field(default_factory=dict)
    late: list[tuple[float, int, int, int]] = field(default_factory=list)
    """Requests on their way that nobody waits for: (dies at, call, giving, getting)."""
    bad: set[int] = field(default_factory=set)
    """Calls with a row that is refused at the moment."""

    def execute(self, call: int, giving: int, getting: int) -> bool:
        if call in self.bad or self.balances[giving] < 1:
            return False
        self.balances[giving] -= 1
        self.balances[getting] += 1
        self.executed[call] = self.executed.get(call, 0) + 1
        return True


class Ringing(RuleBasedStateMachine):
    """A client that follows the rules, and a service that is as unkind as it can be."""

    @initialize(places=st.integers(2, 4))
    def start(self, places: int) -> None:
        self.now = 1000.0
        self.ring = Ring.of(places)
        self.service = Service([1] + [0] * (places - 1))
        self.flight: Flight | None = None
        self.step = Step.AGAIN
        self.call = 0
        self.ends: dict[int, Step] = {}

    def end(self, step: Step) -> None:
        assert self.flight is not None
        self.step = step
        if step in (Step.APPLIED, Step.REFUSED, Step.GONE):
            self.ends[self.call] = step
            self.ring = self.flight.end(step)
            self.flight = None

    @precondition(lambda self: self.flight is None)
    @rule(bad=st.sampled_from([False, False, True]))
    def begin(self, bad: bool) -> None:
        self.now = max(self.now, self.ring.starts_at)
        self.flight, self.call, self.step = self.ring.begin(self.now), self.call + 1, Step.AGAIN
        if bad:
            self.service.bad.add(self.call)

    @precondition(lambda self: self.flight is not None and self.step in (Step.AGAIN, Step.WAIT))
    @rule(what=st.sampled_from(["answered", "answered", "lost", "applied-lost", "late", "late"]))
    def send(self, what: str) -> None:
        assert self.flight is not None
        (giving, _), (getting, _) = self.ring.rows
        if what == "answered":
            if self.service.execute(self.call, giving, getting):
                self.end(self.flight.done(self.service.balances[giving], self.service.balances[getting]))
            else:
                self.flight, step = self.flight.refuse()
                self.end(step)
            return
        if what == "applied-lost":
            self.service.execute(self.call, giving, getting)
        elif what == "late":
            self.service.late.append((self.now + LINGER, self.call, giving, getting))
        self.flight, self.step = self.flight.gave_up(self.now + LINGER), Step.AGAIN

    @precondition(lambda self: self.flight is not None and (self.flight.lost or self.step is Step.LOOK))
    @rule(fails=st.booleans())
    def look(self, fails: bool) -> None:
        assert self.flight is not None
        (giving, _), (getting, _) = self.ring.rows
        held = [None, None] if fails else [self.service.balances[giving], self.service.balances[getting]]
        self.end(self.flight.looked(*held, began=self.now))

    @precondition(lambda self: self.service.late)
    @rule(data=st.data())
    def something_late_arrives(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.service.late) - 1))
        dies_at, call, giving, getting = self.service.late.pop(place)
        if self.now < dies_at:
            self.service.execute(call, giving, getting)

    @precondition(lambda self: self.flight is not None and self.flight.lost)
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
    service, ring = Service([1, 0]), Ring.of(2)
    first = ring.begin(0).gave_up(LINGER)  # on its way, and sent again
    assert service.execute(1, 0, 1)
    ring = first.end(first.done(0, 1))
    assert ring.starts_at == LINGER
    with pytest.raises(ValueError, match="may still be alive"):
        ring.begin(LINGER - 1)
    assert service.execute(2, 1, 0)  # what the rule forbids: the token comes back
    assert service.execute(1, 0, 1)
    assert service.executed[1] == 2


def test_a_third_place_gives_the_late_request_time_to_die():
    ring = Ring.of(3)
    ring = ring.begin(0).gave_up(LINGER).end(Step.APPLIED)
    assert ring.begin(1).ring.token == 1
    assert ring.begin(1).end(Step.APPLIED).starts_at == LINGER


def test_a_first_refusal_is_one_and_leaves_the_token():
    flight, step = Ring.of(2).begin(0).refuse()
    assert step is Step.REFUSED
    assert flight.end(step) == Ring.of(2)


def test_a_refusal_after_a_lost_send_is_read_by_where_the_token_is():
    flight, step = Ring.of(2).begin(0).gave_up(LINGER).refuse()
    assert step is Step.LOOK
    assert flight.looked(0, 1, 5) is Step.APPLIED
    assert flight.looked(1, 0, 5) is Step.WAIT
    assert flight.looked(1, 0, LINGER) is Step.REFUSED
    assert flight.looked(None, 0, 5) is Step.LOOK


def test_a_lost_send_that_left_no_trace_in_its_life_is_gone():
    flight = Ring.of(2).begin(0).gave_up(LINGER)
    assert flight.looked(1, 0, 5) is Step.AGAIN
    assert flight.looked(1, 0, LINGER) is Step.GONE
    assert flight.end(Step.GONE).token == 0


@pytest.mark.parametrize("held", [(0, 0), (1, 1), (0, 2), (2, 0), (-1, 1)])
def test_any_other_balances_stop_the_ring(held: tuple[int, int]):
    flight = Ring.of(2).begin(0)
    assert flight.done(*held) is Step.DISTURBED
    assert flight.looked(*held, began=5) is Step.DISTURBED


def test_a_success_without_balances_is_looked_at():
    assert Ring.of(2).begin(0).done(None, 1) is Step.LOOK


def test_the_rows_of_a_call_pass_the_token_on():
    assert Ring.of(3, token=2).rows == ((2, -1), (0, 1))


@pytest.mark.parametrize(("places", "token"), [(1, 0), (2, 2), (2, -1)])
def test_a_ring_has_two_places_and_a_token_at_one_of_them(places: int, token: int):
    with pytest.raises(ValueError, match="at least two places"):
        Ring.of(places, token)


def test_a_call_does_not_end_undecided():
    with pytest.raises(ValueError, match="does not end a call"):
        Ring.of(2).begin(0).end(Step.LOOK)
