"""One run: from a seed to what is wrong with it (nothing, one hopes)."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bot import checkpoints
from bot.app import App
from bot.domain.states import BatchState
from bot.errors import BursarError, LedgerError
from tests.simulation.judging import judge
from tests.simulation.loop import Circling, Crash, Stalled, VirtualLoop
from tests.simulation.people import MODERATORS, Errand, People, Resolve, Retry, Steer, Submit, SubmitFile, Told, resolve
from tests.simulation.process import Cut, Listening, Process, install, settings_of
from tests.simulation.storage import QuickStorage, Storage
from tests.simulation.world import GEMS, LONE_WALLETS, MANIFOLD, OWN, PEOPLE, TWINS, WALLETS, World, discord_id

PROGRAMMES = ("drip-credentials", "drip-members", "gameball")
FAULT_RATE = 0.3
AROUND_A_CALL = (
    *checkpoints.NAMES,
    "before the first byte",
    "the headers are sent",
    "the service has acted",
    "before the answer is read",
)
"""Steps at which every second crash happens: there it can do most harm."""
REMOUNTED = 16
"""Every so many runs the ledger is rebuilt from its bytes after each life, and verified in the end; the others keep
their connection."""
LAST_ROUNDS = 12
LONG_ENOUGH = 700.0
"""Seconds after which nothing that was sent can still arrive, and every delay of the program is over."""


def dice(name: str, seed: object) -> Random:
    """Chance that a seed determines."""
    return Random(f"{name} {seed}")  # noqa: S311 # repeatable on purpose


@dataclass(slots=True)
class Result:
    """How a run went."""

    seed: int
    findings: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    lives: int = 0
    steps: list[int] = field(default_factory=list)
    """Of each life."""
    cuts: list[str] = field(default_factory=list)
    """Where processes were cut off."""
    together: list[int] = field(default_factory=list)
    """Of each life, the most calls of one account that were under way at the same time."""
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Virtual ones."""


class Run:
    """Everything that one seed determines."""

    def __init__(
        self, seed: int, *, cuts: Sequence[Cut] | None = None, storage: Storage | None = None, rate: float | None = None
    ) -> None:
        """``cuts``: where each life is cut off, instead of what the seed says."""
        chance = dice("plan", seed)
        self.result = Result(seed)
        self.told = Told()
        self.world = World(dice("world", seed), FAULT_RATE if rate is None else rate)
        self.verified = seed % REMOUNTED == 0
        self.storage = storage or (Storage() if seed % REMOUNTED == 0 else QuickStorage())
        self.lanes = lanes = _lanes(dice("lanes", seed))
        one_by_one = dice("one by one", seed)
        self.settings = settings_of(chance.choice((2, 3, 4)), lanes, one_by_one.choice((0, 0, 3, 6)))
        gateway = dice("gateway", seed)
        self.world.gateway = gateway if gateway.random() < 0.25 else None
        self.world.id_first = one_by_one.random() < 0.5
        crashes = chance.choice((0, 1, 1, 2, 3))
        self.cuts = [_some_cut(chance) for _ in range(crashes)] if cuts is None else list(cuts)
        self.settles = chance.random() < 0.5
        self.disk_trouble = chance.random() < 0.1
        self.chance = chance
        errands = _errands(chance, self.told, self.world)
        wallets = _some_wallets(dice("some wallets", seed))
        by_wallet = _to_one_with_wallets(dice("wallets", seed), wallets, self.told, self.world)
        self.programmes = {one.programme for one in (*errands, *by_wallet) if isinstance(one, Submit)} - {""}
        self.has_names = bool(by_wallet)
        self.world.tells_linked = bool(by_wallet) and dice("linked", seed).random() < 0.5
        self.people = People([*errands, *by_wallet])
        self.set_ahead_at = _some_moment(dice("clock", seed))
        self.ahead, self.set_back_in, self.set_back_at = _some_days_ahead(dice("ahead", seed), len(self.cuts))
        self.now = 0.0
        self.settling = self.world.stops_jobs = chance.random() < 0.5 or bool(lanes)
        if self.settling:
            self.world.longest_delay = 100.0

    def go(self) -> Result:
        """Live until the books can be compared."""
        listening = Listening()
        log = logging.getLogger("bot")
        before = log.level, log.propagate
        log.setLevel(logging.ERROR)
        log.propagate = False
        log.addHandler(listening)
        try:
            for cut in self.cuts:
                self._live(listening, cut, last=False)
            self._live(listening, None, last=True)
        finally:
            log.removeHandler(listening)
            log.setLevel(before[0])
            log.propagate = before[1]
            checkpoints.handler = None
        self.world.now = lambda: self.now
        self.world.catch_up()
        wrong, self.result.states = judge(self.storage.mount(), self.world, self.told, verified=self.verified)
        self.storage.close()
        self.result.findings += [*self.told.findings, *wrong]
        self.result.faults = self.world.faults
        self.result.seconds = self.now
        return self.result

    def _live(self, listening: Listening, cut: Cut | None, *, last: bool) -> None:
        loop = VirtualLoop(self.now)
        process = Process(loop, self.storage, self.world, self.chance, cut)
        if self.result.lives <= self.set_back_in:
            process.clock.set_ahead(self.ahead)
            if self.result.lives == self.set_back_in:
                loop.call_later(self.set_back_at, process.clock.set_ahead, -self.ahead)
        install(process, listening)
        try:
            loop.run_until_complete(self._last_life(process) if last else self._life(process))
        except Crash:
            self.result.cuts.append(process.cut_at or "")
        except LedgerError:
            pass  # the disk was full for longer than anybody waits
        except (Stalled, Circling) as error:
            self.result.findings.append(f"stuck: {type(error).__name__} in life {self.result.lives}")
        except BaseExceptionGroup as several:
            if any(not isinstance(one, LedgerError) for one in several.exceptions):
                self.result.findings.append(f"raised: {several.exceptions!r}")
        except Exception as error:
            self.result.findings.append(f"raised: {error!r}")
        finally:
            process.end()
            self.now = loop.time() + self.chance.choice((0.0, 1.0, 30.0))
            self._turn_off(loop)
            self.result.findings += process.findings
            self.result.lives += 1
            self.result.steps.append(process.steps)
            self.result.together.append(process.most_together)

    def _turn_off(self, loop: VirtualLoop) -> None:
        try:
            loop.end()
        except (Stalled, Circling):
            self.result.findings.append("stuck: a cancelled task does not end")

    async def _life(self, process: Process) -> None:
        """A life that is to be cut off; if it is not, it ends in order."""
        if self.disk_trouble and self.chance.random() < 0.5:
            process.disk_full = 0 if self.chance.random() < 0.5 else self.chance.choice((1, 3, 9))
        async with process.running(self.settings, patient=self.chance.random() < 0.5, settling=self.settling) as app:
            await self.people.act(app)
            await app.services.dispatcher.until_quiet()

    async def _last_life(self, process: Process) -> None:
        """The services are well again, and somebody sees to everything that waits for a person."""
        if self.set_ahead_at is not None:  # not in a life that is cut off: the next one could not know of it
            asyncio.get_running_loop().call_later(self.set_ahead_at, process.clock.set_ahead, LONG_ENOUGH)
        async with process.running(self.settings, patient=True, settling=self.settling) as app:
            await self.people.act(app)
            self.world.fault_rate, self.world.gateway = 0.0, None
            for _ in range(LAST_ROUNDS):
                await app.clock.sleep(LONG_ENOUGH)
                await app.services.dispatcher.until_quiet(settled=self.settling)
                if not await self._see_to_what_waits(app):
                    break
            await self._look(process, app)

    async def _see_to_what_waits(self, app: App) -> bool:
        """Resume what is paused; decide what is in doubt, in every second run. Whether there was anything."""
        anything = False
        for batch, counts in await app.services.batches.brief(MODERATORS[0], limit=100):
            if batch.state is BatchState.PAUSED:
                anything = True
                try:
                    await app.services.batches.resume(batch.id, MODERATORS[0])
                except BursarError:
                    continue  # finished meanwhile
            if self.settles and counts.unknown:
                anything = True
                await resolve(app, self.world, batch.id, self.chance)
        return anything

    async def _look(self, process: Process, app: App) -> None:
        """Every award in doubt is shown to people, and the counts are those of the awards."""
        for batch, counts in await app.services.batches.brief(MODERATORS[0], limit=100):
            doubts = await app.services.batches.doubts(batch.id, MODERATORS[0])
            listed = sum(len(doubt.awards) for doubt in doubts)
            if listed != counts.unknown or counts.total != batch.awards:
                process.findings.append(f"batch {batch.id}: {listed} doubts are listed, {counts}")
            if self.settles and counts.unknown:
                process.findings.append(f"stuck: a doubt of batch {batch.id} cannot be decided")


def _lanes(chance: Random) -> dict[str, str]:
    """The operator's places."""
    two, three = f"{OWN[0]}:{GEMS},{OWN[1]}:{GEMS}", f"{OWN[0]},{OWN[1]}:{GEMS},{OWN[2]}"
    found = chance.choice(
        (
            {},
            {"DRIP_RING": two},
            {"DRIP_RING": three},
            {"DRIP_RING": f"{two};{OWN[2]}:{GEMS},{OWN[3]}:{GEMS}"},
            {"DRIP_WITNESS": f"{OWN[3]}:{GEMS}"},
            {"DRIP_WITNESS": f"{OWN[3]}:{GEMS};{OWN[3]}"},
        )
    )
    twins = {"DRIP_TWINS": f"custom:bursar:{TWINS[0]},custom:bursar:{TWINS[1]}"} if chance.random() < 0.5 else {}
    return {**found, **twins}


def _some_cut(chance: Random) -> Cut:
    if chance.random() < 0.5:
        return chance.choice(AROUND_A_CALL), chance.randint(1, 4)
    return chance.randint(1, chance.choice((60, 200)))


def _some_moment(chance: Random) -> float | None:
    """In every fourth run: when, in the last life, the clock on the wall is set ahead."""
    return chance.uniform(0, 60) if chance.random() < 0.25 else None


def _some_days_ahead(chance: Random, cuts: int) -> tuple[float, int, float]:
    """In every third run: how far the clock on the wall is ahead from the beginning, and in which life, and when in it,
    it is set back; at its begin, or before a crash or after it."""
    if chance.random() >= 1 / 3:
        return 0.0, 0, 0.0
    far = chance.choice((90.0, 4_000.0, 86_400.0, 86_400.0 * 400))
    return far, chance.randint(0, cuts), chance.choice((0.0, chance.uniform(0, 60), chance.uniform(0, 400)))


def _errands(chance: Random, told: Told, world: World) -> list[Errand]:
    """What people will want in this run."""
    amounts = iter(range(1_000, 9_000, 7))
    programmes = chance.sample(PROGRAMMES, chance.choice((1, 2, 2, 3)))
    errands: list[Errand] = []

    def common(latest: float) -> tuple[float, Random, Told, World]:
        return round(chance.uniform(0, latest), 3), dice("errand", chance.random()), told, world

    for number in range(chance.choice((1, 2, 3))):
        programme = programmes[number % len(programmes)]
        people = chance.sample(range(PEOPLE), chance.randint(1, 6))
        sign = -1 if programme != "gameball" and chance.random() < 0.15 else 1
        rows = [(discord_id(one), sign * next(amounts)) for one in people]
        presses, delay = chance.choice((1, 2, 3)), chance.choice((0.0, 0.0, 10.0))
        errands.append(Submit(*common(30), programme=programme, rows=rows, presses=presses, delay=delay))
    for _ in range(chance.choice((0, 1, 3))):
        errands.append(Steer(*common(90), what=chance.choice(("pause", "resume", "resume", "stop"))))
    for _ in range(chance.choice((0, 1, 2))):
        errands.append(Resolve(*common(400)))
    for _ in range(chance.choice((0, 1, 1))):
        errands.append(Retry(*common(500), presses=2))
    return errands


def _some_wallets(chance: Random) -> tuple[str, str]:
    """Of one account, of none, or one of each."""
    return chance.choice((WALLETS, WALLETS, (WALLETS[0], LONE_WALLETS[0]), (LONE_WALLETS[1], WALLETS[1]), LONE_WALLETS))


def _to_one_with_wallets(chance: Random, wallets: tuple[str, str], told: Told, world: World) -> list[Errand]:
    """In every fourth run, what adds up to one award or takes it back goes to the same person by other names, or to
    wallets that may be those."""
    if chance.random() >= 0.25:
        return []
    part, other = chance.randrange(20_000, 30_000, 7), chance.randrange(31_000, 40_000, 7)
    one, two = wallets
    others = chance.choice(
        (
            [(one, part), (two, other)],
            [(one, -part), (two, -other)],
            [(one, -part - other)],
            [(one, part), (one, other)],
        )
    )
    begins = chance.uniform(0, 20)

    def submitted(programme: str, rows: list[tuple[str, int]]) -> Errand:
        given = (round(begins + chance.uniform(0, 15), 3), dice("errand", chance.random()), told, world)
        return SubmitFile(*given, programme=programme, rows=rows)

    by_discord_id = [(discord_id(MANIFOLD), part + other)]
    if len({who for who, _ in others}) == len(others) and chance.random() < 0.3:
        return [submitted("drip-credentials", [*by_discord_id, *others])]
    programme = chance.choice(("drip-credentials", "drip-members"))
    return [submitted(programme, by_discord_id), *(submitted("drip-credentials", [row]) for row in others)]


def simulate(seed: int, *, cuts: Sequence[Cut] | None = None, storage: Storage | None = None) -> Result:
    """Run a seed."""
    return Run(seed, cuts=cuts, storage=storage).go()
