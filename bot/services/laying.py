"""``doctor --evidence``: sets up the lanes that the settings name, and says of each how it stands.

A ring without its point gets one, by a test call that is recorded before it leaves; nothing else is ever changed at the
service. What the places hold then is what this ledger goes by: the operator vouches that nobody else uses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock
from bot.domain.lanes import Course, LaneKind, compare
from bot.domain.model import Programme
from bot.domain.probing import Fate, Leg
from bot.ledger.ledger import Ledger
from bot.ledger.probes import SEED
from bot.providers.base import Finding, Health, Provider
from bot.providers.probing import Prober
from bot.services.proving import Configured, courses_of

_TRIES: Final = 3
_PAUSE: Final = 2.0
_SET_UP: Final = "Run `bursar doctor --evidence` while the bot is stopped."
_AFTER: Final = "Find out who else uses its places, then run `bursar doctor --evidence` while the bot is stopped."


@dataclass(frozen=True, slots=True)
class Laying:
    """One programme's lanes."""

    ledger: Ledger
    provider: Provider
    prober: Prober
    clock: Clock
    linger: float

    async def set_up(self) -> Sequence[Finding]:
        """Set up every lane of the settings that is not in use, and tell how all of them stand."""
        findings = []
        for one in await courses_of(self.ledger, self.provider.programme):
            findings.append(await self._set_up(one))
        return findings

    async def _set_up(self, one: Configured) -> Finding:
        topic = named(self.provider.programme, one.course)
        if one.standing is not None and one.standing.in_doubt:
            action = "Settle its awards by `bursar resume` or /batch resolve, then set it up again."
            return Finding(topic, Health.FAILED, "a call on it is under way or in doubt", action)
        seen = await self.provider.places(one.course.places)
        was = None if one.standing is None else one.standing.trouble or compare(one.standing.lane, (), seen)
        if _needs_seed(one.course, seen):
            refused = await self._seed(one.course, seen)
            if refused is not None:
                return Finding(
                    topic, Health.FAILED, f"it could not be given a first point ({refused})", _give(one.course)
                )
            seen = await self.provider.places(one.course.places)
        wrong = _wrong(one.course, seen)
        if wrong is not None:
            return Finding(topic, Health.FAILED, *wrong)
        held = [0 if amount is None else amount for amount in seen]
        account = self.provider.programme.destination.account
        await self.ledger.lanes.set_up(account, one.course, held, self.clock.now() + self.linger)
        if one.objection is not None:
            return Finding(
                topic, Health.WARNING, f"set up, and not in force: {one.objection}", "Probe, then look again."
            )
        wait = f" The first call on it waits {self.linger:.0f} s." if one.course.kind is LaneKind.RING else ""
        before = "" if was is None else f" It was disturbed before: {was}. Be sure that you know why."
        return Finding(topic, Health.OK, f"set up and in force.{wait}{before}")

    async def _seed(self, course: Course, seen: Sequence[int | None]) -> str | None:
        """One point for the first place of a ring, or for each other place that never held any; why not, if so."""
        places = course.places[:1] if course.kind is LaneKind.RING else course.places
        legs = [Leg(place, 1) for place, held in zip(places, seen, strict=False) if not held]
        programme = self.provider.programme
        for tries in range(_TRIES):
            if tries:
                await self.clock.sleep(_PAUSE)
            number = await self.ledger.probes.begin(programme.destination.account, programme.kind, SEED, legs)
            reply = await self.prober.call(legs, SEED)
            await self.ledger.probes.end(number, reply.fate, reply.as_json())
            if reply.fate is Fate.DONE and not reply.refused:
                return None
            if reply.fate is not Fate.NOT_SENT or reply.status in (401, 403):
                break
        return " ".join(str(part) for part in (reply.status, reply.words) if part is not None) or reply.fate.value


async def standings(ledger: Ledger, provider: Provider) -> Sequence[Finding]:
    """How every lane of the settings stands, by reads only."""
    return [await _standing(provider, one) for one in await courses_of(ledger, provider.programme)]


async def _standing(provider: Provider, one: Configured) -> Finding:
    topic = named(provider.programme, one.course)
    standing = one.standing
    if standing is None:
        return Finding(topic, Health.WARNING, "not in force: it was never set up in this ledger", _SET_UP)
    if standing.trouble is not None:
        return Finding(topic, Health.FAILED, f"disturbed: {standing.trouble}", _AFTER)
    seen = await provider.places(one.course.places)
    strays = compare(standing.lane, standing.lane.legs if standing.attempt_id is not None else (), seen)
    if strays is not None:
        return Finding(topic, Health.FAILED, f"disturbed: {strays}", _AFTER)
    if one.objection is not None:
        return Finding(topic, Health.WARNING, f"not in force: {one.objection}", "Probe, then look again.")
    if None in seen:
        return Finding(topic, Health.WARNING, "in force; its places cannot be read now", "Look again later.")
    busy = ", a call is on it" if standing.attempt_id is not None else ""
    return Finding(topic, Health.OK, f"in force, and where this ledger expects it{busy}")


def named(programme: Programme, course: Course) -> str:
    """Which lane a finding is about."""
    first = course.places[0].holder
    return f"{programme.name} {course.kind.spoken} {first[:8] if len(first) == 24 else first}"


def _needs_seed(course: Course, seen: Sequence[int | None]) -> bool:
    if course.kind is LaneKind.RING:
        return all(held == 0 for held in seen)
    return not all(seen)


def _wrong(course: Course, seen: Sequence[int | None]) -> tuple[str, str] | None:
    if None in seen:
        unread = next(place.holder for place, held in zip(course.places, seen, strict=True) if held is None)
        return f"what {unread} holds cannot be read", _give(course)
    if course.kind is LaneKind.RING and sorted(held for held in seen if held is not None) != [0] * (len(seen) - 1) + [
        1
    ]:
        listed = ", ".join(map(str, seen))
        return f"its places hold {listed}; a ring has one point in all", "Leave one point at one of them, at Drip."
    return None


def _give(course: Course) -> str:
    if course.kind is LaneKind.TWINS:
        return "Create both credentials at Drip, then set them up again."
    return "Make sure that the accounts are members of the realm and the currencies its own, then set it up again."
