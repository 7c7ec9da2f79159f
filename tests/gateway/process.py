"""``python -m bot run`` on the loopback Discord and the stand-ins: started, waited for, killed, started again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import opened
from bot.clock import SystemClock
from bot.domain.model import Actor, Award, Batch, Counts
from bot.domain.states import BatchState
from bot.ledger.ledger import Ledger
from bot.services.rules import Capability
from bot.settings import Settings
from tests.console.support import environment
from tests.gateway import payloads
from tests.gateway.launcher import VARIABLE
from tests.gateway.loopback import PATIENCE, Loopback
from tests.gateway.payloads import Somebody
from tests.support.sandbox import Sandbox, running_sandbox

ADMIN = Actor("1", "admin", str(payloads.SERVER))


@dataclass
class Bot:
    """The bot's process, and everything that it talks to."""

    directory: Path
    discord: Loopback
    sandbox: Sandbox
    variables: Mapping[str, str]
    moderators: list[Somebody] = field(default_factory=list)
    members: list[Somebody] = field(default_factory=list)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it is connected with its commands registered."""
        with (self.directory / "bot.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.gateway.launcher",
                "run",
                cwd=self.directory,
                env=environment({**self.variables, VARIABLE: self.discord.address}),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )
        waiting = {asyncio.create_task(self.discord.ready.wait()), asyncio.create_task(self.process.wait())}
        done, rest = await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        assert done and self.process.returncode is None, f"the bot did not start:\n{self.log}"

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, and whatever it takes after that."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.process.wait()
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"the bot did not end:\n{self.log}") from None

    @property
    def log(self) -> str:
        """Everything it logged."""
        return (self.directory / "bot.log").read_text(encoding="utf-8")

    async def paid(self) -> dict[str, int]:
        """The stand-in's own books: points by recipient."""
        totals = await self.sandbox.totals(recipients=True)
        found: dict[str, int] = {}
        for currency in totals["drip"].values():
            for recipient, (_, points) in currency.get("recipients", {}).items():
                found[recipient] = found.get(recipient, 0) + points
        return found

    async def batches(self) -> Sequence[tuple[Batch, Counts]]:
        """Every batch with its counts, read beside the running bot; oldest first."""
        async with self._reading() as ledger:
            found = await ledger.queries.batches(None, limit=10_000)
            counts = await ledger.queries.counts_many([batch.id for batch in found])
            return [(batch, counts[batch.id]) for batch in reversed(found)]

    async def over(self) -> Sequence[tuple[Batch, Counts]]:
        """Wait until no batch has anything left to send, or is paused."""
        async with asyncio.timeout(PATIENCE):
            while any(counts.unfinished and batch.state is BatchState.OPEN for batch, counts in await self.batches()):  # noqa: ASYNC110 # another process's file
                await asyncio.sleep(0.1)
        return await self.batches()

    async def counts(self, batch_id: int) -> Counts:
        """One batch's awards by state."""
        async with self._reading() as ledger:
            return await ledger.queries.counts(batch_id)

    async def awards(self) -> Sequence[Award]:
        """Every award in the ledger."""
        async with self._reading() as ledger:
            return [award async for chunk in ledger.queries.awards(None) for award in chunk]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Ledger]:
        ledger = await Ledger.read(Settings.load(self.variables, self.directory).database, SystemClock())
        try:
            yield ledger
        finally:
            await ledger.close()


@asynccontextmanager
async def bot_world(
    directory: Path, *, moderators: int, members: int = 8, plan: str = "unlimited", **environ: str
) -> AsyncIterator[Bot]:
    """Everything set up, and the bot started. Stopped at the end with a signal, as its operator would.

    Fails then when the bot wrote what Discord would not take.
    """
    async with running_sandbox("--drip-plan", plan, "--open") as sandbox, Loopback().running() as discord:
        variables = {
            **sandbox.environ(),
            "DISCORD_TOKEN": "loopback.token.of-a-test",
            "BURSAR_SERVER_IDS": str(payloads.SERVER),
            **environ,
        }
        people = discord.people(moderators, "Mod", payloads.MODERATORS)
        bot = Bot(directory, discord, sandbox, variables, people, discord.people(members, "Member"))
        await sandbox.seed(discord_ids=[str(one.id) for one in bot.members], balance=1000)
        await _set_up(Settings.load(variables, directory))
        try:
            await bot.start()
            yield bot
        finally:
            await bot.stop()
        refusable = discord.refusable()
        assert not refusable, "\n".join(refusable)


async def _set_up(settings: Settings) -> None:
    """What an administrator would choose with /settings."""
    values = {
        "roles": {capability.value: [str(payloads.MODERATORS)] for capability in Capability},
        "staff_channel_id": str(payloads.STAFF),
        "default_programme": "drip-credentials",
        "start_delay_seconds": 0.0,
    }
    async with opened(settings, SystemClock(), patient=True) as app:
        for name, value in values.items():
            await app.services.servers.change(str(payloads.SERVER), name, value, ADMIN)
