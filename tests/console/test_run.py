"""``run``: its exit statuses, and an orderly end while Discord cannot be reached."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.console.conftest import Shell, driver
from tests.console.support import bursar, environment, finished, line_that, payout

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
LAUNCH = (
    "import sys, discord.http\n"
    "discord.http.Route.BASE = sys.argv[1]\n"
    "from bot.console.entry import main\n"
    "sys.exit(main(sys.argv[2:]))"
)
NOBODY = "http://127.0.0.1:9"


async def launched(shell: Shell, discord: str, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
    """``run`` whose Discord is somewhere on this machine."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LAUNCH, discord, "run", *arguments),
        cwd=shell.directory,
        env=environment({**shell.variables, "DISCORD_TOKEN": TOKEN, **variables}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def discord_that_refuses() -> AsyncIterator[str]:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", refuse)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_without_a_token_it_is_2(shell: Shell):
    done = await shell("run")
    assert done.status == 2
    assert "DISCORD_TOKEN" in done.err


async def test_without_a_programme_it_is_2(shell: Shell):
    done = await bursar("run", directory=shell.directory, variables={"DISCORD_TOKEN": TOKEN})
    assert done.status == 2
    assert "no reward service" in done.err
    assert not (shell.directory / "bursar.db").exists()


async def test_a_token_that_discord_refuses_is_2_and_not_shown(shell: Shell):
    async with discord_that_refuses() as url:
        done = await finished(await launched(shell, url))
    assert done.status == 2, done.err
    assert "Discord does not accept DISCORD_TOKEN" in done.err
    assert TOKEN not in done.err
    assert "Traceback" not in done.err


async def test_a_ledger_that_another_process_holds_is_5(shell: Shell):
    async with driver(shell):
        done = await finished(await launched(shell, NOBODY))
    assert done.status == 5, done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_works_without_discord_until_a_signal_and_ends_with_0(shell: Shell, number: signal.Signals):
    process = await launched(shell, NOBODY)
    await line_that(process, "next try in")
    file = payout(shell.directory / "p.csv", 2)
    done = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--json")
    assert (done.status, done.json["counts"]["applied"]) == (0, 2), done.err
    process.send_signal(number)
    ended = await finished(process)
    assert ended.status == 0, ended.err
    assert "Stopping" in ended.err
    assert "connected to Discord" not in ended.err
    assert TOKEN not in ended.err
    assert not (shell.directory / "bursar.db.sock").exists()


class TestPractice:
    async def test_practice_has_a_ledger_and_services_of_its_own(self, shell: Shell):
        (copies := shell.directory / "copies").mkdir()
        real = {"DRIP_API_KEY": "real", "DRIP_BASE_URL": NOBODY, "BURSAR_BACKUP_DIR": str(copies)}
        process = await launched(shell, NOBODY, "--practice", **real, BURSAR_BACKUP_COMMAND="touch taken.flag")
        await line_that(process, "(practice) has opened the ledger and connects to Discord")
        practice = shell.directory / "bursar-practice.db"
        await line_that(process, "next try in")
        assert practice.exists()
        assert not (shell.directory / "bursar.db").exists()
        process.send_signal(signal.SIGTERM)
        ended = await finished(process)
        assert ended.status == 0, ended.err
        assert list(copies.iterdir()) == []
        assert not (shell.directory / "taken.flag").exists()

    async def test_practice_is_refused_where_the_ledger_has_real_batches(self, shell: Shell):
        file = payout(shell.directory / "p.csv", 1)
        real = {"BURSAR_DATABASE": "bursar-practice.db"}
        assert (await shell("bulk", file, "--programme", "gameball", "--yes", **real)).status == 0
        ended = await finished(await launched(shell, NOBODY, "--practice"))
        assert ended.status == 2, ended.err
        assert "practising in it is refused" in ended.err

    async def test_real_awards_are_refused_in_a_practice_ledger(self, shell: Shell):
        process = await launched(shell, NOBODY, "--practice")
        await line_that(process, "next try in")
        process.send_signal(signal.SIGINT)
        assert (await finished(process)).status == 0
        file = payout(shell.directory / "p.csv", 1)
        practice = {"BURSAR_DATABASE": "bursar-practice.db"}
        done = await shell("bulk", file, "--programme", "gameball", "--yes", **practice)
        assert done.status == 2
