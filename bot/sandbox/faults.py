"""Which call meets which fault: a script of rules, or a seeded random campaign."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.kinds import CAMPAIGN, KINDS, Fault, fault

_TYPES = {"path": str, "method": str, "nth": int | list, "probability": int | float, "count": int}
_MATCH = {"service", "path", "method", "nth", "every", "probability", "count"}


@dataclass(slots=True)
class Match:
    """Which calls a rule is for. Only calls that the service admits (known route, key, rate) are counted."""

    service: str | None = None
    path: str = ""
    """Any part of the path."""
    method: str | None = None
    nth: frozenset[int] = frozenset()
    """The how-manieth matching call, from 1."""
    every: int | None = None
    probability: float | None = None
    count: int | None = None
    """The rule is spent after so many faults."""

    def covers(self, service: str, method: str, path: str) -> bool:
        """Whether the rule is about this call at all."""
        return (
            (self.service is None or self.service == service)
            and (self.method is None or self.method == method)
            and self.path in path
        )


@dataclass(slots=True)
class Rule:
    """A match, the fault it brings, and how often it was considered and played."""

    match: Match
    fault: Fault
    seen: int = 0
    played: int = 0

    def fires(self, chance: random.Random) -> bool:
        """Count one matching call; whether it meets the fault."""
        self.seen += 1
        match = self.match
        if match.count is not None and self.played >= match.count:
            return False
        if match.nth and self.seen not in match.nth:
            return False
        if match.every is not None and self.seen % match.every:
            return False
        if match.probability is not None and chance.random() >= match.probability:
            return False
        self.played += 1
        return True


@dataclass(slots=True)
class Campaign:
    """A share of all matching calls meets a fault drawn from ``kinds``."""

    rate: float
    match: Match
    kinds: Sequence[tuple[str, Mapping[str, Any]]]
    played: int = 0
    seen: int = 0

    def draw(self, chance: random.Random, *, creates_job: bool) -> Fault | None:
        """Count one matching call; the fault it meets, if any. ``applied`` is drawn where it can be chosen."""
        self.seen += 1
        usable = [(kind, given) for kind, given in self.kinds if _usable(kind, creates_job=creates_job)]
        if chance.random() >= self.rate or not usable:
            return None
        kind, given = chance.choice(usable)
        if KINDS[kind].effect == "choose" and "applied" not in given:
            given = {**given, "applied": chance.random() < 0.5}
        self.played += 1
        return fault(kind, given)


def _usable(kind: str, *, creates_job: bool) -> bool:
    return KINDS[kind].effect != "none" and (creates_job or not KINDS[kind].gameball_job)


@dataclass(slots=True)
class Faults:
    """The faults in force for both services."""

    rules: list[Rule] = field(default_factory=list)
    campaign: Campaign | None = None
    _chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - repeatable on purpose
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def draw(self, service: str, method: str, path: str) -> Fault | None:
        """Count one admitted call; the fault that it meets. The first rule that fires wins, all of them count."""
        creates_job = method == "POST" and path.endswith("/batch/balance-adjustment")
        met: Fault | None = None
        for rule in self.rules:
            spec = rule.fault.spec
            if spec.effect == "none" or not rule.match.covers(service, method, path):
                continue
            if spec.gameball_job and not creates_job:
                continue
            if rule.fires(self._chance) and met is None:
                met = rule.fault
        if met is None and self.campaign is not None and self.campaign.match.covers(service, method, path):
            met = self.campaign.draw(self._chance, creates_job=creates_job)
        return met

    def draw_connection(self, service: str) -> Fault | None:
        """Count one accepted connection; the ``refuse-before`` that it meets."""
        met: Fault | None = None
        for rule in self.rules:
            if rule.fault.spec.effect == "none" and rule.match.covers(service, "", ""):
                met = rule.fault if rule.fires(self._chance) and met is None else met
        return met

    def refuses_connections(self, service: str) -> bool:
        """Whether a connection of this service may be refused, so that none should be kept alive."""
        return any(rule.fault.spec.effect == "none" and rule.match.covers(service, "", "") for rule in self.rules)

    def clear(self) -> None:
        """No faults."""
        self._put([], None)

    async def until_changed(self) -> None:
        """Return once others are in force."""
        await self._changed.wait()

    def _put(self, rules: list[Rule], campaign: Campaign | None) -> None:
        self.rules, self.campaign = rules, campaign
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def install(self, document: Any) -> None:
        """Replace the faults by ``{"script": [...], "campaign": {...}, "seed": n}`` or by a bare script.

        Raises ``ValueError`` with one sentence; then nothing has changed.
        """
        if isinstance(document, list):
            document = {"script": document}
        if not isinstance(document, dict):
            raise ValueError("faults are a list of rules, or an object with script and campaign")
        if "rate" in document:
            document = {"campaign": document}
        unknown = set(document) - {"script", "campaign", "seed"}
        if unknown:
            raise ValueError(f"faults take script, campaign and seed, not {', '.join(sorted(unknown))}")
        rules = [_rule(one) for one in document.get("script") or []]
        given = document.get("campaign")
        campaign = _campaign(given) if given else None
        seed = (given or {}).get("seed", document.get("seed", 0))
        self._put(rules, campaign)
        self._chance = random.Random(str(seed))  # noqa: S311 - repeatable on purpose

    def show(self) -> dict[str, Any]:
        """What is installed and how often it was met."""
        return {
            "script": [
                {"kind": one.fault.kind, "params": dict(one.fault.params), "seen": one.seen, "played": one.played}
                for one in self.rules
            ],
            "campaign": None
            if self.campaign is None
            else {"rate": self.campaign.rate, "seen": self.campaign.seen, "played": self.campaign.played},
        }


def _match(given: Any) -> Match:
    if not isinstance(given, dict):
        raise ValueError("match is an object")
    unknown = set(given) - _MATCH
    if unknown:
        raise ValueError(f"match takes {', '.join(sorted(_MATCH))}, not {', '.join(sorted(unknown))}")
    if given.get("service") not in (None, "drip", "gameball"):
        raise ValueError(f"service is drip or gameball, not {given['service']!r}")
    nth = given.get("nth", [])
    every = given.get("every")
    if every is not None and (not isinstance(every, int) or every < 1):
        raise ValueError(f"every is a whole number from 1, not {every!r}")
    for name, kind in _TYPES.items():
        if not isinstance(given.get(name), kind | None):
            raise ValueError(f"{name} of a match cannot be {given[name]!r}")
    numbers = [nth] if isinstance(nth, int) else nth
    if not all(isinstance(one, int) for one in numbers):
        raise ValueError(f"nth of a match cannot be {nth!r}")
    return Match(
        service=given.get("service"),
        path=given.get("path", ""),
        method=given.get("method"),
        nth=frozenset(numbers),
        every=every,
        probability=given.get("probability"),
        count=given.get("count"),
    )


def _rule(given: Any) -> Rule:
    """One rule. What it matches may stand in ``match`` or beside ``kind``, like the parameters of the kind."""
    if not isinstance(given, dict) or "kind" not in given:
        raise ValueError("a rule is an object with match, kind and the parameters of the kind")
    params = {name: value for name, value in given.items() if name not in ("match", "kind", *_MATCH)}
    beside = {name: value for name, value in given.items() if name in _MATCH}
    rule = Rule(_match({**given.get("match", {}), **beside}), fault(given["kind"], params))
    if rule.fault.spec.effect == "none" and (rule.match.path or rule.match.method):
        raise ValueError("refuse-before meets connections, before anything is sent: match it by service and nth only")
    return rule


def _campaign(given: Any) -> Campaign:
    if not isinstance(given, dict) or not isinstance(given.get("rate"), int | float):
        raise ValueError("a campaign is an object with rate, seed, kinds and match")
    unknown = set(given) - {"rate", "seed", "kinds", "match"}
    if unknown:
        raise ValueError(f"a campaign takes rate, seed, kinds and match, not {', '.join(sorted(unknown))}")
    kinds: list[tuple[str, Mapping[str, Any]]] = []
    for one in given.get("kinds") or CAMPAIGN:
        named = one if isinstance(one, dict) else {"kind": one}
        params = {name: value for name, value in named.items() if name != "kind"}
        checked = fault(named.get("kind"), params)
        if checked.spec.effect == "none":
            raise ValueError(f"{checked.kind} meets connections, not calls: put it into the script")
        kinds.append((checked.kind, params))
    return Campaign(float(given["rate"]), _match(given.get("match", {})), kinds)
