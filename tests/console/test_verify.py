"""``verify`` as a command: its verdict, its statuses, and that it leaves the ledger alone."""

from __future__ import annotations

import json
import re
import sqlite3

from bot.ledger.ledger import Ledger
from tests.console.conftest import Shell
from tests.console.support import payout
from tests.ledger.making import HandClock


async def test_a_sound_ledger_is_0_and_says_what_was_examined(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 5), "--programme", "gameball", "--yes")).status == 0
    before = (shell.directory / "bursar.db").read_bytes()
    done = await shell("verify")
    assert done.status == 0
    assert "consistent and unaltered: 1 batch, 5 awards" in done.out
    told = (await shell("verify", "--json")).json
    assert (told["ok"], told["bad"], told["awards"], told["exit_status"]) == (True, None, 5, 0)
    assert told["head"] in done.out
    assert (shell.directory / "bursar.db").read_bytes() == before


async def test_it_works_while_another_process_drives_the_ledger(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 2), "--programme", "gameball", "--yes")).status == 0
    driver = await Ledger.open(shell.directory / "bursar.db", HandClock())
    try:
        assert (await shell("verify")).status == 0
    finally:
        await driver.close()


async def test_an_altered_ledger_is_1_and_the_first_bad_record_is_named(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 3), "--programme", "gameball", "--yes")).status == 0
    connection = sqlite3.connect(shell.directory / "bursar.db")
    connection.execute("UPDATE awards SET balance = 1000000 WHERE id = 2")
    connection.commit()
    connection.close()
    done = await shell("verify", "--json")
    assert done.status == 1
    assert done.json["bad"] == {"record": "award 2", "problem": "its balance is not the one of its history"}
    assert "does NOT verify. First bad record: award 2" in done.err


async def test_no_ledger_is_no_proof(shell: Shell):
    done = await shell("verify", "--json")
    assert done.status == 1
    assert (done.json["ok"], done.json["error"]["message"][:18]) == (False, "there is no ledger")


async def test_a_receipt_and_an_earlier_head_are_looked_for(shell: Shell):
    sent = await shell("bulk", payout(shell.directory / "p.csv", 2), "--programme", "gameball", "--yes", "--json")
    code, head = sent.json["receipt"], (await shell("verify", "--json")).json["head"]
    more = await shell("bulk", payout(shell.directory / "q.csv", 2, first=5), "--programme", "gameball", "--yes")
    assert "Receipt " in more.out
    done = await shell("verify", code, "--head", head, "--json")
    assert (done.status, done.json["ok"]) == (0, True)
    assert (done.json["receipt"]["code"], done.json["receipt"]["batch"]) == (code, "1")
    assert done.json["known_head"]["hash"] == head != done.json["head"]
    recorded = (await shell("export", "--batch", "1", "--format", "json")).out.splitlines()
    assert done.json["receipt"]["at"] == json.loads(recorded[0])["recorded_at"], "times are told as everywhere"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", done.json["known_head"]["at"])
    assert "nothing up to it was cut off or rewritten since" in done.err
    row = await shell("verify", f"{code}.3", "--json")
    assert (row.status, row.json["receipt"]["awards"]) == (0, ["2"])
    assert "Its row is award 2: 10 points to discord-id" in row.err
    missing = await shell("verify", f"{code}.9")
    assert missing.status == 1
    assert "Batch 1 has this receipt, but no award from row 9." in missing.out
    short = await shell("verify", "--head", head[:16])
    assert (short.status, "The head is entry" in short.out) == (0, True)


async def test_a_head_or_receipt_that_is_not_there_is_1(shell: Shell):
    assert (await shell("bulk", payout(shell.directory / "p.csv", 2), "--programme", "gameball", "--yes")).status == 0
    done = await shell("verify", "00000-00000", "--head", "0" * 64, "--json")
    assert (done.status, done.json["ok"], done.json["bad"], done.json["known_head"]) == (1, False, None, None)
    assert "No batch of this ledger has the receipt 00000-00000" in done.err
    assert "NOT in this history" in done.err
    for wrong in (["--head", "abc"], ["no code at all"]):
        assert (await shell("verify", *wrong)).status == 1
