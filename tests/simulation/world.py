"""Everything outside Bursar: who has how many points, what was really carried out, and what comes late.

Every award of a run has an amount of its own, so that the amount alone tells which award a change was. That makes the
world the judge: it counts how often each amount was carried out, whatever it answered.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from tests.simulation.faults import JOB_FAULTS, READ_FAULTS, WRITE_FAULTS

REALM = "0123456789abcdef01234567"
CURRENCY = "c" * 24
PEOPLE = 9
GEMS = "d" * 24
"""A currency of the operator's own."""
OWN = tuple(f"{0xA0 + number:024x}" for number in range(4))
"""Accounts of the operator."""
TWINS = ("first", "last")
"""Credentials of the operator."""
STRANGER = 8
"""The number of the one whom neither service knows at first."""
OUTSIDE = (-30, 7, 200)
"""What others change. All of it together is less than any award, so that balances are exact evidence."""
BARRED = 7
"""The number of the one whom the services know and refuse; no read shows why."""
KEPT_RATE = 0.3
KEPT_SECONDS = 300.0
MANIFOLD = PEOPLE
"""The number of the one who has several names at Drip, one more than there are others."""
WALLETS = ("0x" + "1" * 40, "0x" + "2" * 40)
"""Wallets of that one, which pay into the same account as the Discord id does. A search finds only the first."""
LONE_WALLETS = ("0x" + "3" * 40, "0x" + "4" * 40)
"""Wallets that belong to no account."""


def discord_id(number: int) -> str:
    return str(500_000_000_000_000_001 + 104_729_000_003 * number)


def drip_id(number: int) -> str:
    return f"{0xD0 + number:024x}"


ACCOUNT = drip_id(MANIFOLD)
NAMES = frozenset({discord_id(MANIFOLD), *WALLETS})
"""All of them are one balance, the account's; the other people's Discord ids have balances of their own."""


@dataclass(slots=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """A batch job of the Gameball kind."""

    number: int
    items: list[tuple[str, int, str]]
    """Customer, amount, reason."""
    fault: str | None
    begun: bool = False
    over: bool = False
    stopped: bool = False
    successful: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class World:
    """The truth. It outlives every process of a run."""

    def __init__(self, chance: random.Random, fault_rate: float) -> None:
        self.chance = chance
        self.fault_rate = fault_rate
        self.now: Callable[[], float] = lambda: 0.0
        self.carried_out: dict[int, list[str]] = {}
        """By amount: to whom, once for every time."""
        self.balances: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        """By the hash of its body, how often a write arrived whole."""
        self.faults: Counter[str] = Counter()
        self.jobs: dict[int, Job] = {}
        self.transactions: list[dict[str, object]] = []
        """Gameball's list, which shows what others did too."""
        self.taken: set[str] = set()
        """Transaction ids that Gameball has."""
        self.id_first = True
        """Whether an id that is taken is refused before anything else is looked at."""
        self.longest_delay = 200.0
        """Seconds after which a call that arrived is carried out at the latest. Evidence rests on its being shorter
        than ``BURSAR_SETTLE_AFTER``."""
        self.tells_linked = False
        """Whether Drip tells the account of a wallet that no search finds, which a probe has shown then."""
        self.stops_jobs = False
        """Whether the program will ask a job that never ends to stop, which carries a part of it out."""
        self.gateway: random.Random | None = None
        """Chance of something on the way that answers a read with what it has kept of an earlier one."""
        self.kept: dict[str, tuple[Reply, float]] = {}
        """That, by what was asked, and until when it does."""
        self.out = {STRANGER}
        """Who is not there: not a member, no credential, no customer."""
        self._later: list[tuple[float, int, Callable[[], object], frozenset[int]]] = []
        self._count = 0
        self._moment: float | None = None
        """When that happens which is being caught up with."""
        for number in range(PEOPLE):
            for holder in (discord_id(number), drip_id(number), f"customer {discord_id(number)}"):
                self.balances[holder] = chance.choice((0, 40, 100_000))
        for holder in (ACCOUNT, *LONE_WALLETS):
            self.balances[holder] = 100_000
        self.places: Counter[tuple[str, str]] = Counter()
        """What the operator's accounts and credentials hold, by currency."""
        for _ in range(chance.randint(0, 4)):
            self.after(chance.uniform(0, 200), self._outside_change)

    # --- time ---------------------------------------------------------------------------------------------------

    def after(self, seconds: float, effect: Callable[[], object], amounts: frozenset[int] = frozenset()) -> None:
        """Something happens later; ``amounts`` that it will carry out."""
        self._count += 1
        moment = self.now() if self._moment is None else self._moment
        heapq.heappush(self._later, (moment + seconds, self._count, effect, amounts))

    def catch_up(self) -> None:
        """What was due has happened."""
        while self._later and self._later[0][0] <= self.now():
            self._moment, _, effect, _ = heapq.heappop(self._later)
            effect()
        self._moment = None

    def under_way(self, amount: int) -> bool:
        """Whether it may still be carried out."""
        self.catch_up()
        return any(amount in amounts for _, _, _, amounts in self._later) or self._waits_in_a_job(amount)

    def _waits_in_a_job(self, amount: int) -> bool:
        """Whether it is in a job that runs on and on until it is stopped."""
        endless = (job for job in self.jobs.values() if job.fault == "job-never" and not job.over)
        return self.stops_jobs and any(amount == given for job in endless for _, given, _ in job.items)

    def landed(self, amount: int) -> int:
        """How often it was carried out."""
        self.catch_up()
        return len(self.carried_out.get(amount, ()))

    def _outside_change(self) -> None:
        """Somebody else uses the account: spends, pays, joins, leaves."""
        number = self.chance.randrange(PEOPLE)
        for holder in (discord_id(number), drip_id(number)):
            self.balances[holder] += self.chance.choice(OUTSIDE)
        self.list_transaction(discord_id(number), self.chance.choice(OUTSIDE), "Order")
        if self.chance.random() < 0.3:
            self.out ^= {number}

    # --- what happens to a call -----------------------------------------------------------------------------------

    def fault(self, method: str, path: str) -> str | None:
        """What a call meets; ``None``: nothing unusual."""
        if self.chance.random() >= self.fault_rate:
            return None
        kinds: tuple[str, ...] = READ_FAULTS
        if method != "GET":
            kinds = (*WRITE_FAULTS, *JOB_FAULTS) if path.endswith("balance-adjustment") else WRITE_FAULTS
        met = self.chance.choice(kinds)
        self.faults[met] += 1
        return met

    def kept_answer(self, path: str) -> Reply | None:
        """What is on the way gives instead of the service's answer, if it does."""
        reply, until = self.kept.get(path, (None, 0.0))
        if self.gateway is None or reply is None or self.now() >= until:
            return None
        self.faults["kept"] += 1
        return replace(reply, headers={**reply.headers, "age": "7"})

    def keep(self, path: str, reply: Reply) -> None:
        """An answer of the service passes it."""
        if self.gateway is not None and self.gateway.random() < KEPT_RATE:
            self.kept[path] = reply, self.now() + KEPT_SECONDS

    def arrived(self, body: bytes) -> None:
        """A write was received whole."""
        self.calls[sha256(body).hexdigest()] += 1

    def carry_out(self, holder: str, amount: int) -> int:
        """Change a balance; the new one."""
        self.carried_out.setdefault(amount, []).append(holder)
        self.balances[ACCOUNT if holder in NAMES else holder] += amount
        return self.balance(holder)

    def balance(self, holder: str) -> int:
        """What somebody has."""
        return self.balances[ACCOUNT if holder in NAMES else holder]

    def list_transaction(self, customer: str, amount: int, reason: str, taken_as: str | None = None) -> None:
        """Gameball changes a customer's balance and lists it."""
        self.balances[f"customer {customer}"] += amount
        row = {
            "gameballTransactionId": 7_000 + len(self.transactions),
            "transactionId": taken_as,
            "customerId": customer,
            "points": abs(amount),
            "direction": "+" if amount > 0 else "-",
            "reason": reason,
            "pointsBalanceAfter": self.balances[f"customer {customer}"],
        }
        self.transactions.append(row)

    def objection(self, number: int, holder: str, amount: int) -> str | None:
        """Why a change is refused, in the service's words."""
        if number == BARRED:
            return "This account is under review"
        return None if self.can_pay(holder, amount) else "INSUFFICIENT_BALANCE"

    def can_pay(self, holder: str, amount: int) -> bool:
        """Whether the balance allows it."""
        return amount > 0 or self.balance(holder) + amount >= 0

    def knows(self, number: int) -> bool:
        """Whether this person is a member, a customer, has a credential."""
        return 0 <= number <= MANIFOLD and number not in self.out
