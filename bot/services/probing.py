"""``doctor --probe``: asks a service with calls of one point what its documentation leaves open, and takes them back.

Every call is recorded before it leaves and after it came back. What a call did is judged by balances before and after;
what it did is taken back by another call, and what cannot be taken back is said. Whatever does not fit ends the
probing of that programme: nothing is sent on top of a doubt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from bot.clock import Clock
from bot.domain.model import Programme
from bot.domain.probing import Fate, Leg, Moves, Purse, Question, Reply, Trial
from bot.domain.trials import SEEN, skipped
from bot.ledger.ledger import Ledger
from bot.providers.probing import Prober

_TRIES: Final = 3
"""Calls that are proved not to have been acted on are made again so often."""
_PAUSE: Final = 2.0
LOOKS: Final = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each look at what a call did, until it fits the answer."""
BACK: Final = ":back"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question with what came of it."""

    name: str
    asks: str
    value: str | None
    """``None``: still open."""
    why: str | None = None
    """Why it is open."""


@dataclass(slots=True)
class Report:
    """What probing one programme brought."""

    programme: str
    answers: list[Answer] = field(default_factory=list)
    calls: int = 0
    remains: list[str] = field(default_factory=list)
    """What was not taken back, or may still change; one sentence each."""
    trouble: str | None = None
    """Why probing ended before its last question."""

    @property
    def well(self) -> bool:
        """Nothing is left behind, and nothing was in the way."""
        return not self.remains and self.trouble is None


class _Halt(Exception):
    """Nothing more is sent for this programme."""


class Recorded:
    """Test calls of one programme: each is recorded before it leaves and after it came back."""

    def __init__(self, ledger: Ledger, clock: Clock, programme: Programme, report: Report) -> None:
        self._ledger = ledger
        self._clock = clock
        self._programme = programme
        self._report = report

    async def make(self, name: str, legs: Sequence[Leg], call: Callable[[], Awaitable[Reply]]) -> Reply:
        """One call, again only while it is proved that nobody acted on it."""
        account, kind = self._programme.destination.account, self._programme.kind
        for tries in range(_TRIES):
            if tries:
                await self._clock.sleep(_PAUSE)
            number = await self._ledger.probes.begin(account, kind, name, legs)
            reply = await call()
            await self._ledger.probes.end(number, reply.fate, reply.as_json())
            self._report.calls += 1
            if reply.fate is not Fate.NOT_SENT or reply.status in (401, 403):
                break
        return reply


class Probing:
    """One programme's questions, one after the other."""

    def __init__(
        self, ledger: Ledger, clock: Clock, programme: Programme, prober: Prober, new_key: Callable[[], str]
    ) -> None:
        """``new_key``: a text that was never used before, for each call."""
        self._ledger = ledger
        self._clock = clock
        self._programme = programme
        self._prober = prober
        self._new_key = new_key
        self._report = Report(programme.name)
        self._recorded = Recorded(ledger, clock, programme, self._report)

    async def run(self, questions: Sequence[Question], stopping: Callable[[], bool] = lambda: False) -> Report:
        """Ask them all, unless ``stopping`` before one. Answers are stored as they come; one that is open now is
        forgotten."""
        await self._loose_ends()
        known: dict[str, str] = {}
        try:
            for question in questions:
                if stopping():
                    raise _Halt("stopped by a signal; every call so far was answered and taken back.")
                await self._ask(question, known)
        except _Halt as halt:
            self._report.trouble = str(halt)
        return self._report

    async def _loose_ends(self) -> None:
        """Calls of an earlier probe that nobody saw the end of are told once, and closed."""
        account = self._programme.destination.account
        for loose in await self._ledger.probes.loose_ends(account, self._programme.kind):
            moved = _said(_sum(loose.legs))
            if loose.name.endswith(BACK) and loose.answered:
                what = f"An earlier probe could not take back what it changed: {moved} is still to be done."
            elif loose.answered:
                what = f"An earlier test call for {loose.name} was perhaps not taken back; it may have changed {moved}."
            else:
                await self._ledger.probes.end(loose.id, Fate.UNCLEAR, {"words": "Bursar ended before the answer"})
                what = f"An earlier test call for {loose.name} has no recorded end; it may have changed {moved}."
            self._report.remains.append(what)

    # --- one question ----------------------------------------------------------------------------------------------

    async def _ask(self, question: Question, known: dict[str, str]) -> None:
        account, kind = self._programme.destination.account, self._programme.kind
        await self._ledger.capabilities.forget(account, kind, question.name)
        why = skipped(question, known)
        if why is not None:
            self._report.answers.append(Answer(question.name, question.asks, None, why))
            return
        befores = await self._read(question)
        if befores is None:
            who = " or ".join(f"{purse.holder} ({purse.currency})" for purse in question.watch)
            raise _Halt(
                f"the balance of {who} could not be read. `bursar doctor` tells whether the key may; an account that "
                "never held anything needs a first point."
            )
        trial = question.make(befores, known)
        if isinstance(trial, str):
            self._report.answers.append(Answer(question.name, question.asks, None, trial))
            return
        replies = await self._calls(question.name, trial)
        value, moves = await self._judged(question, trial, befores, replies)
        if value is None or moves is None:
            self._strange(question, replies, moves)
        known[question.name] = value
        self._report.answers.append(Answer(question.name, question.asks, value))
        await self._take_back(question, trial, befores, trial.expected if value in trial.unseen else moves)
        # Only now: a call without an answer is one that may not have been taken back (ledger.probes.loose_ends).
        await self._store(question, trial, value, moves, replies, known)

    def _strange(self, question: Question, replies: Sequence[Reply], moves: Moves | None) -> NoReturn:
        said = "; ".join(answered(reply) for reply in replies)
        why = f"what was seen fits nothing known ({said})"
        self._report.answers.append(Answer(question.name, question.asks, None, why))
        if moves is None or any(moves.values()):
            seen = "balances that can no longer be read" if moves is None else _said(moves)
            self._report.remains.append(f"The test call for {question.name} changed {seen}; it was not taken back.")
        raise _Halt(f"{question.asks}: {why}.")

    async def _store(
        self,
        question: Question,
        trial: Trial,
        value: str,
        moves: Moves,
        replies: Sequence[Reply],
        known: dict[str, str],
    ) -> None:
        account, kind = self._programme.destination.account, self._programme.kind
        evidence: dict[str, object] = {
            "calls": [[_row(leg) for leg in legs] for legs in trial.calls],
            "moved": [_row(Leg(purse, moved)) for purse, moved in moves.items()],
            "answers": [{"fate": reply.fate.value, **reply.as_json()} for reply in replies],
        }
        await self._ledger.capabilities.store(account, kind, question.name, value, evidence)
        for name, also in {name: also for reply in replies for name, also in reply.also.items()}.items():
            if name not in known:
                known[name] = also
                self._report.answers.append(Answer(name, SEEN.get(name, ""), also))
                await self._ledger.capabilities.store(account, kind, name, also, {"seen_in": question.name})

    # --- calls -----------------------------------------------------------------------------------------------------

    async def _calls(self, name: str, trial: Trial) -> list[Reply]:
        replies: list[Reply] = []
        for legs in trial.calls:
            reply = await self._call(name, legs, trial.key)
            if reply.fate is Fate.UNCLEAR:
                moved = _said(_sum(legs))
                self._report.remains.append(
                    f"It is not known what became of the test call for {name}: it may have changed {moved}, or may "
                    "still do so. Look at these balances in a few minutes."
                )
                raise _Halt(f"the answer to a test call is unclear ({answered(reply)}).")
            if reply.fate is Fate.NOT_SENT:
                if replies:
                    moved = _said(_sum(trial.calls[0]))
                    self._report.remains.append(
                        f"The first test call for {name} changed {moved}; it was not taken back."
                    )
                raise _Halt(f"a test call could not be made ({answered(reply)}).")
            replies.append(reply)
        return replies

    async def _call(self, name: str, legs: Sequence[Leg], key: str | None) -> Reply:
        return await self._recorded.make(name, legs, lambda: self._prober.call(legs, key or self._new_key()))

    async def _take_back(self, question: Question, trial: Trial, befores: Mapping[Purse, int], moves: Moves) -> None:
        """Set every purse of the trial back to what it held, in one call."""
        legs = [Leg(purse, -moves[purse]) for purse in trial.expected if moves.get(purse)]
        if not legs:
            return
        legs.sort(key=lambda leg: -leg.amount)
        reply = await self._call(question.name + BACK, legs, None)
        if reply.fate is Fate.DONE and not reply.refused:
            if moves is trial.expected or await self._is_back(question, befores, legs):
                return
            what = "its balances do not show that it was taken back"
        else:
            what = f"taking it back did not work ({answered(reply)})"
        left = _said({leg.purse: -leg.amount for leg in legs})
        self._report.remains.append(f"The test call for {question.name} changed {left}, and {what}.")
        raise _Halt(f"what {question.name} left behind could not be taken back.")

    # --- balances --------------------------------------------------------------------------------------------------

    async def _read(self, question: Question) -> dict[Purse, int] | None:
        """What every watched purse holds; ``None`` when one cannot be read. New ones hold nothing."""
        found = await self._prober.balances(question.watch)
        held = {purse: 0 if purse in question.new and amount is None else amount for purse, amount in found.items()}
        known = {purse: amount for purse, amount in held.items() if amount is not None}
        return known if len(known) == len(question.watch) else None

    async def _judged(
        self, question: Question, trial: Trial, befores: Mapping[Purse, int], replies: Sequence[Reply]
    ) -> tuple[str | None, Moves | None]:
        """The answer's word and the moves that show it, looked at again while they do not fit. No moves: no balance
        could be read any more."""
        value: str | None = None
        moves: Moves | None = None
        for pause in LOOKS:
            if pause:
                await self._clock.sleep(pause)
            afters = await self._read(question)
            if afters is not None:
                moves = {purse: afters[purse] - befores[purse] for purse in afters}
                value = trial.read(moves, replies)
            if value is not None and value not in trial.unseen:
                break
        return value, moves

    async def _is_back(self, question: Question, befores: Mapping[Purse, int], legs: Sequence[Leg]) -> bool:
        for pause in LOOKS:
            if pause:
                await self._clock.sleep(pause)
            now = await self._read(question)
            if now is not None and all(now[leg.purse] == befores[leg.purse] for leg in legs):
                return True
        return False


def _row(leg: Leg) -> list[object]:
    return [leg.purse.holder, leg.purse.currency, leg.amount]


def _sum(legs: Sequence[Leg]) -> Moves:
    moved: dict[Purse, int] = {}
    for leg in legs:
        moved[leg.purse] = moved.get(leg.purse, 0) + leg.amount
    return moved


def _said(moves: Moves) -> str:
    """``+1 for 64… (currency …)`` of every purse that moved."""
    told = [f"{purse.holder} ({purse.currency}) by {moved:+,}" for purse, moved in moves.items() if moved]
    return " and ".join(told) or "nothing"


def answered(reply: Reply) -> str:
    """What a service answered to a test call, in short."""
    said = " ".join(str(part) for part in (reply.status, reply.words) if part is not None)
    return said or reply.fate.value
