"""``bulk`` beside a process that holds the ledger: handed over, followed, with the same answers as without it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import struct
from pathlib import Path

import pytest

from tests.console.conftest import Shell, driver
from tests.console.support import ROOT, finished, line_that, payout, start, write_csv
from tests.ledger.making import query
from tests.support.patience import until
from tests.support.sandbox import Sandbox


async def test_a_batch_is_handed_over_and_answers_as_it_would_here(shell: Shell, sandbox: Sandbox):
    file = payout(shell.directory / "Week 31.csv", 5)
    async with driver(shell):
        done = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", "--reason", "thanks")
        assert done.status == 0, done.err
        assert "handed over" in done.err
        assert (done.json["batch"], done.json["counts"]["applied"], done.json["state"]) == ("1", 5, "finished")
        assert {award["reason"] for award in await shell.awards()} == {"thanks"}
    assert len(await sandbox.applied("drip")) == 5
    other = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json", "--again", "--reason", "thanks")
    assert other.status == 0
    assert done.json.keys() == other.json.keys()
    assert done.json["file"] == other.json["file"]


async def test_every_refusal_has_the_status_it_has_here(shell: Shell, sandbox: Sandbox):
    file = payout(shell.directory / "p.csv", 2)
    bad = write_csv(shell.directory / "bad.csv", "discord_id,amount", "12,10")
    junk = shell.directory / "junk.csv"
    junk.write_bytes(b"PK\x03\x04")
    async with driver(shell):
        assert (await shell("bulk", junk, "--programme", "gameball", "--yes")).status == 2
        assert (await shell("bulk", file, "--programme", "gameball", "--amount", "x", "--yes")).status == 2
        assert (await shell("bulk", bad, "--programme", "drip-members", "--yes")).status == 1
        await sandbox.switches(drip={"credentials_access": "denied"})
        unresolved = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json")
        assert (unresolved.status, unresolved.json["error"]["kind"]) == (5, "resolution")
        await sandbox.switches(drip={"credentials_access": "granted"})
        assert (await shell("bulk", file, "--programme", "drip-members")).status == 5
        assert (await shell("bulk", file, "--programme", "drip-members", "--yes")).status == 0
        again = await shell("bulk", file, "--programme", "drip-members", "--yes", "--json")
        assert (again.status, again.json["error"]["kind"]) == (5, "matched")
        await sandbox.faults({"match": {"method": "PATCH"}, "kind": "reset-after-apply"})
        doubt = await shell("bulk", file, "--programme", "drip-credentials", "--yes", "--again", "--json")
        assert (doubt.status, doubt.json["counts"]["unknown"]) == (4, 2)


async def test_a_resume_beside_a_running_bot_is_refused(shell: Shell):
    async with driver(shell):
        done = await shell("resume", "--json")
        assert (done.status, done.json["error"]["kind"]) == (5, "ledger")
        assert "goes on by itself" in done.err


async def test_a_signal_pauses_the_batch_in_the_bot_and_nothing_more_is_sent(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "held"})
    file = payout(shell.directory / "p.csv", 6)
    async with driver(shell, DRIP_CREDENTIALS_BATCH_SIZE="2", BURSAR_HTTP_TIMEOUT="600"):
        process = await start(
            *("bulk", str(file), "--programme", "drip-credentials", "--yes", "--json"),
            directory=shell.directory,
            variables={**shell.variables, "DRIP_CREDENTIALS_BATCH_SIZE": "2"},
        )
        await line_that(process, "Recorded as batch 1.")

        async def began() -> bool:
            return bool(await sandbox.applied("drip"))

        async def paused() -> bool:
            return query(shell.directory / "bursar.db", "SELECT state FROM batches") == [("paused",)]

        await until(began)
        process.send_signal(signal.SIGINT)
        await until(paused)
        await sandbox.faults()
        done = await finished(process)
        assert done.status == 130, done.err
        counts = done.json["counts"]
        assert (counts["applied"], counts["planned"], counts["sending"]) == (2, 4, 0)
        assert (done.json["state"], done.json["pause"]["kind"]) == ("paused", "person")
    assert len(await sandbox.applied("drip")) == 2


async def test_a_client_that_goes_away_after_confirming_does_not_stop_the_bot(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 300})
    file = payout(shell.directory / "p.csv", 6)
    async with driver(shell, DRIP_CREDENTIALS_BATCH_SIZE="2"):
        process = await start(
            *("bulk", str(file), "--programme", "drip-credentials", "--yes", "--json"),
            directory=shell.directory,
            variables=shell.variables,
        )
        await line_that(process, "Recorded as batch 1.")
        process.kill()
        await finished(process)

        async def paid() -> bool:
            return all(award["state"] == "applied" for award in await shell.awards())

        await until(paid)
    assert len(await sandbox.applied("drip")) == 6


async def test_a_bot_that_ends_first_leaves_an_answer_from_the_ledger(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH", "nth": [2, 3]}, "kind": "held"})
    file = payout(shell.directory / "p.csv", 8)
    async with driver(shell, DRIP_CREDENTIALS_BATCH_SIZE="2", BURSAR_HTTP_TIMEOUT="600") as bot:
        process = await start(
            *("bulk", str(file), "--programme", "drip-credentials", "--yes", "--json"),
            directory=shell.directory,
            variables=shell.variables,
        )

        async def two_beside_each_other() -> bool:
            return len(await sandbox.applied("drip")) == 6

        await until(two_beside_each_other)
        bot.kill()
        done = await finished(process)
    assert done.status == 6, done.err
    counts = done.json["counts"]
    assert (counts["applied"], counts["sending"], counts["planned"]) == (2, 4, 2)
    assert "the running bot ended" in done.err
    assert "Traceback" not in done.err


async def test_a_dead_socket_is_no_hindrance(shell: Shell):
    async with driver(shell) as bot:
        socket_file = shell.directory / "bursar.db.sock"
        assert stat.S_IMODE(socket_file.stat().st_mode) == 0o600
        bot.kill()
    assert socket_file.exists()
    file = payout(shell.directory / "p.csv", 1)
    assert (await shell("bulk", file, "--programme", "gameball", "--yes")).status == 0
    async with driver(shell):
        assert (await shell("bulk", file, "--programme", "gameball", "--yes", "--again")).status == 0
    assert not socket_file.exists()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 2) + b"{}" + struct.pack(">I", 0),
        struct.pack(">I", 31) + b'{"op": "submit", "version": 99}' + struct.pack(">I", 0),
    ],
)
async def test_a_stranger_on_the_socket_does_no_harm(shell: Shell, message: bytes):
    async with driver(shell):
        reader, writer = await asyncio.open_unix_connection(shell.directory / "bursar.db.sock")
        writer.write(message)
        writer.write_eof()
        answer = await reader.read()
        assert not answer or json.loads(answer[4:])["event"] == "error"
        writer.close()
        await writer.wait_closed()
        file = payout(shell.directory / "p.csv", 1)
        assert (await shell("bulk", file, "--programme", "gameball", "--yes")).status == 0


async def test_two_command_lines_do_not_send_at_once_without_a_bot(shell: Shell, sandbox: Sandbox):
    await sandbox.faults({"match": {"method": "PATCH"}, "kind": "slow", "ms": 600_000})
    first = payout(shell.directory / "a.csv", 1)
    process = await start(
        *("bulk", str(first), "--programme", "drip-credentials", "--yes"),
        directory=shell.directory,
        variables={**shell.variables, "BURSAR_HTTP_TIMEOUT": "600"},
    )
    await line_that(process, "Recorded as batch 1.")
    second = payout(shell.directory / "b.csv", 1, first=5)
    done = await shell("bulk", second, "--programme", "drip-credentials", "--yes", "--json")
    assert (done.status, done.json["batch"]) == (5, None)
    assert f"process {process.pid}" in done.err
    process.kill()
    assert (await finished(process)).status == -signal.SIGKILL


def test_a_path_too_long_for_a_socket_is_no_hindrance(tmp_path: Path):
    from bot.services.handover.address import MAX_PATH, listening_socket, remove, socket_path

    path = socket_path(tmp_path / ("d" * 100) / "bursar.db")
    listener = listening_socket(path)
    with socket.socket(socket.AF_UNIX) as client:
        listener.listen()
        client.connect(str(path))
    listener.close()
    remove(path)
    assert len(str(path)) <= MAX_PATH
    assert ROOT not in path.parents
