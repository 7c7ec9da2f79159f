"""The process: one line when ready, an end when told or left alone, and a memory when given a file."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.support.patience import PATIENCE, eventually
from tests.support.sandbox import ROOT, Sandbox, running_sandbox


async def pay(sandbox: Sandbox, value: str, amount: int) -> int:
    url = f"{sandbox.drip_url}/api/v1/realms/{sandbox.drip['realm_id']}/credentials/transaction"
    item = {"type": "discord-id", "value": value, "amount": amount}
    headers = {"Authorization": f"Bearer {sandbox.drip['api_key']}"}
    async with sandbox.session.patch(url, json={"updates": [item]}, headers=headers) as answer:
        return answer.status


async def test_it_says_where_it_is_and_ends_with_its_block() -> None:
    async with running_sandbox("--members", 20, "--drip-plan", "pro") as sandbox:
        assert set(sandbox.info) == {"drip_url", "gameball_url", "control_url", "drip", "gameball"}
        assert set(sandbox.drip) == {"api_key", "realm_id", "currency_id", "second_currency_id"}
        assert set(sandbox.gameball) == {"api_key", "secret_key"}
        assert all(url.startswith("http://127.0.0.1:") for url in (sandbox.drip_url, sandbox.gameball_url))
        books = await sandbox.books()
        assert len(books["drip"]["members"]) == len(books["gameball"]["customers"]) == 20
        assert (await sandbox.switches())["drip"]["plan"] == "pro"
        assert len(books["drip"]["credentials"]) == 4
    assert sandbox.process is not None
    assert sandbox.process.returncode == 0
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(sandbox.control_url + "/calls")


async def test_it_writes_settings_that_lead_to_it_and_overwrites_none(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    async with running_sandbox("--settings", file, "--drip-plan", "pro") as sandbox:
        lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
        assert lines == {**sandbox.environ(), "DRIP_RATE_PLAN": "pro"}
    before = file.read_text()
    arguments = [sys.executable, "-m", "bot.sandbox", "--settings", str(file)]
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert (process.returncode, b"File exists" in said) == (2, True)
    assert file.read_text() == before


@pytest.mark.parametrize("port", ["-1", "65534", "99999"])
async def test_a_port_that_has_no_two_behind_it_is_wrong_usage(port: str) -> None:
    arguments = [sys.executable, "-m", "bot.sandbox", "--port", port]
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert (process.returncode, b"a port is from 0 to 65533" in said) == (2, True)


async def test_the_same_seed_is_the_same_world_and_another_seed_another() -> None:
    worlds = []
    for seed in (5, 5, 6):
        async with running_sandbox("--seed", seed, "--members", 3) as sandbox:
            worlds.append((dict(sandbox.drip), dict(sandbox.gameball), await sandbox.books()))
    assert worlds[0] == worlds[1]
    assert worlds[0][0]["realm_id"] != worlds[2][0]["realm_id"]


async def _started(*arguments: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.sandbox",
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())


async def _ended(process: asyncio.subprocess.Process) -> int:
    """The status; what is left of the pipes is read, so that they are closed."""
    assert process.stdin is not None
    async with asyncio.timeout(PATIENCE):
        await process.communicate()
    assert process.returncode is not None
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_even_while_an_answer_is_held_back(number: signal.Signals) -> None:
    process, info = await _started()
    async with aiohttp.ClientSession() as session:
        await (await session.post(info["control_url"] + "/faults", json=[{"kind": "stall"}])).read()
        drip: dict[str, str] = dict(info["drip"])  # type: ignore[call-overload]  # nested in the JSON line
        url = f"{info['drip_url']}/api/v1/realms/{drip['realm_id']}"
        stalled = asyncio.create_task(session.get(url, headers={"Authorization": f"Bearer {drip['api_key']}"}))
        while not await (await session.get(info["control_url"] + "/calls")).json():
            pass
        process.send_signal(number)
        assert await _ended(process) == 0
        with pytest.raises(aiohttp.ClientConnectionError):
            await stalled


async def test_it_ends_with_its_parent_where_asked_to() -> None:
    process, _ = await _started("--die-with-parent")
    assert process.stdin is not None
    process.stdin.close()
    assert await _ended(process) == 0


async def test_a_port_of_ones_own_gives_three_in_a_row_and_a_taken_one_is_said() -> None:
    async with running_sandbox() as other:
        port = int(other.drip_url.rpartition(":")[2])
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.sandbox",
            "--port",
            str(port),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, said = await process.communicate()
        assert (process.returncode, out) == (2, b"")
        assert said.startswith(b"The sandbox did not start: ")
        assert b"Traceback" not in said


async def test_practice_remembers_books_jobs_and_people_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "practice.json"
    arguments = ("--state", file, "--members", 2, "--open")
    async with running_sandbox(*arguments) as sandbox:
        assert await pay(sandbox, "175000000000000001", 7) == 200
        await sandbox.switches(gameball={"job_delay": 1000})
        keys = {"apikey": sandbox.gameball["api_key"], "secretkey": sandbox.gameball["secret_key"]}
        url = f"{sandbox.gameball_url}/api/v4.0/integrations/batch/balance-adjustment"
        rows = {"body": [{"customerId": "c", "amount": 3, "reason": "r"}]}
        async with sandbox.session.post(url, json=rows, headers=keys) as answer:
            assert answer.status == 200
        before = await sandbox.books()

    async with running_sandbox(*arguments) as sandbox:
        again = await sandbox.books()
        assert again["drip"] == before["drip"]
        await eventually(lambda: sandbox.applied("gameball"), bool)
        assert await pay(sandbox, "175000000000000001", 1) == 200
        calls = [one["call"] for one in await sandbox.applied("drip")]
        assert len(set(calls)) == 2  # numbers of calls go on, they are not used twice
    assert os.listdir(tmp_path) == ["practice.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": 99}', '{"version": 1, "seed": 2}'])
async def test_a_state_file_that_is_none_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "practice.json"
    file.write_text(content)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.sandbox", "--state", str(file), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert str(file) in said.decode()
    assert b"Traceback" not in said
    assert file.read_text() == content


def test_the_stand_ins_import_nothing_of_ours() -> None:
    for path in (ROOT / "bot" / "sandbox").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            for name in names:
                ours = name.split(".")[0] in ("bot", "cogs", "tests")
                assert not ours or name.startswith("bot.sandbox"), f"{path.name} imports {name}"
                assert name.split(".")[0] not in ("discord", "aiosqlite")
