"""One ledger, one file, a process that is killed, one that goes on, and the comparison with the stand-ins' books."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import nursery
from tests.support.machine import kept
from tests.support.nursery import AnyProcess
from tests.support.sandbox import ROOT, Sandbox, running_sandbox

ENDS_WITHIN = 60
KILLED = -signal.SIGKILL
CALLS = {"drip-credentials": "/transaction", "drip-members": "/transaction", "gameball": "/balance-adjustment"}


@contextlib.asynccontextmanager
async def quick_sandbox() -> AsyncIterator[Sandbox]:
    """Quick jobs, no rate limit in the way."""
    async with running_sandbox() as one:
        await one.switches(
            drip={"plan": "unlimited"}, gameball={"rate": "unlimited", "job_delay": 0.05, "job_seconds": 0.1}
        )
        yield one


@contextlib.asynccontextmanager
async def sandbox_for(
    shared: Sandbox, programme: str, campaign: Mapping[str, object] | None = None
) -> AsyncIterator[Sandbox]:
    """Where a scene takes place, with these faults. A ledger that finds calls of another one in Gameball's list stops,
    as it should, so each scene of that programme has stand-ins of its own; all others share theirs."""
    async with contextlib.AsyncExitStack() as stack:
        own = await stack.enter_async_context(quick_sandbox()) if programme == "gameball" else shared
        if campaign is not None and own is not shared:
            await own.faults(campaign=campaign)
        yield own


def killed(process: AnyProcess) -> bool:
    """Kill it; whether it had not ended by itself at that very moment."""
    try:
        process.kill()
    except ProcessLookupError:
        return False
    return True


def members(count: int, *, first: int) -> list[str]:
    """Discord ids that look like real ones."""
    return [str(1_000_000_000_000_000_001 + 104_729_000_003 * number) for number in range(first, first + count)]


def _prepare(directory: Path, ids: Sequence[str]) -> None:
    directory.mkdir()
    rows = "".join(f"{one},10\n" for one in ids)
    (directory / "payout.csv").write_text(f"discord_id,amount\n{rows}", encoding="utf-8")


@dataclass(frozen=True)
class Scene:
    """A directory of its own, and members that no other scene pays: many scenes share one process of stand-ins."""

    sandbox: Sandbox
    directory: Path
    programme: str
    people: tuple[str, ...]
    more: Mapping[str, str] = field(default_factory=dict)
    """Further settings."""
    anew: bool = False
    """Whether each process is an interpreter's, from its start, and not born in a nursery."""

    @classmethod
    async def set(cls, sandbox: Sandbox, directory: Path, programme: str, *, first: int, people: int = 25) -> Scene:
        """People, file and directory."""
        ids = members(people, first=first)
        await sandbox.seed(discord_ids=ids)
        _prepare(directory, ids)
        return cls(sandbox, directory, programme, tuple(ids))

    @property
    def bulk(self) -> list[str]:
        return ["bulk", "payout.csv", "--programme", self.programme, "--yes", "--json"]

    async def start(self, module: str, *arguments: str) -> AnyProcess:
        """``python -m module`` with these arguments."""
        settings = {
            **self.sandbox.environ(),
            "DRIP_CREDENTIALS_BATCH_SIZE": "10",
            "DRIP_MEMBERS_BATCH_SIZE": "10",
            "GAMEBALL_BATCH_SIZE": "10",
            "BURSAR_HTTP_TIMEOUT": "5",
            "BURSAR_SETTLE_AFTER": "0.2",
            "BURSAR_JOB_WAIT": "20",
            **self.more,
        }
        env = {**kept(), **settings, "PYTHONPATH": str(ROOT)}
        start = nursery.start_anew if self.anew else nursery.start
        return await start(module, *arguments, cwd=self.directory, env=env)

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status and standard output."""
        process = await self.start(*arguments)
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        assert "Traceback" not in err.decode(), err.decode()
        if process.returncode not in (0, KILLED):
            sys.stderr.write(f"{' '.join(arguments)}: status {process.returncode}\n{err.decode()}")
        return process.returncode or 0, out.decode()

    async def killed_at(self, name: str, arrival: int, *arguments: str) -> bool:
        """Whether the command (``bulk`` if none is named) was killed there, or never came there."""
        status, _ = await self.run("tests.crash.launcher", name, str(arrival), *(arguments or self.bulk))
        assert status in (KILLED, 99), f"{name}: exit status {status}"
        return status == KILLED

    async def resume(self) -> int:
        """A new process goes on; its exit status."""
        status, _ = await self.run("bot", "resume", "--json")
        return status

    async def export(self) -> list[dict[str, Any]]:
        """The ledger's awards."""
        if not self._ledger_exists():
            return []  # killed before there was a ledger
        status, out = await self.run("bot", "export", "--format", "json")
        assert status == 0, f"export: {status}"
        return [json.loads(line) for line in out.splitlines()]

    def _ledger_exists(self) -> bool:
        return (self.directory / "bursar.db").exists()

    async def booked(self) -> Counter[str]:
        """By Discord id, how often the stand-ins paid this scene's people."""
        books = await self.sandbox.books()
        by_member = {key: one["discord_id"] for key, one in books["drip"]["members"].items()}
        service = "gameball" if self.programme == "gameball" else "drip"
        found: Counter[str] = Counter()
        for one in await self.sandbox.applied(service):
            who = one["recipient"].removeprefix("discord-id:")
            found[by_member.get(who, who)] += 1
        return Counter({who: found[who] for who in self.people if found[who]})

    async def check(self) -> Counter[str]:
        """The ledger against the books; how many awards are in which state."""
        awards, booked = await self.export(), await self.booked()
        states: Mapping[str, str] = {award["recipient_value"]: award["state"] for award in awards}
        assert len(states) == len(awards), "somebody has two awards"
        assert max(booked.values(), default=0) <= 1, "somebody was paid twice"
        for who, state in states.items():
            if state == "applied":
                assert booked[who] == 1, f"{who} is claimed to be paid, and was not"
            elif state != "unknown":
                assert booked[who] == 0, f"{who} was paid, and is {state}"
        assert not set(booked) - set(states), "somebody was paid who is not in the ledger"
        return Counter(states.values())
