"""``forget``: a person's words are blanked on request, and the ledger still verifies."""

from __future__ import annotations

from bot.console.session import command_line_actor
from bot.domain.model import Actor
from bot.ledger.ledger import Ledger
from tests.console.conftest import Shell
from tests.ledger.making import HandClock, query, record, rows

MOD = Actor("123456789012345678", "Ada", "900")


async def test_what_a_person_wrote_is_blanked_and_the_ledger_verifies(shell: Shell):
    ledger = await Ledger.open(shell.directory / "bursar.db", HandClock())
    await record(ledger, rows(2), actor=MOD, reason="for dear Eve")
    await record(ledger, rows(2, first=7), actor=Actor("cli", "ada", None))
    await ledger.close()
    for wrong in (["Ada", "--yes"], [MOD.id]):
        assert (await shell("forget", *wrong)).status == 1
    done = await shell("forget", MOD.id, "--yes", "--json")
    assert (done.status, done.json["batches"]) == (0, 1), done.err
    path = shell.directory / "bursar.db"
    assert query(path, "SELECT actor_id, actor_name, reason FROM batches") == [(MOD.id, "", None), ("cli", "ada", None)]
    assert (await shell("verify")).status == 0
    again = await shell("forget", MOD.id, "--yes", "--json")
    assert (again.status, again.json["entries"], again.json["batches"], again.json["others"]) == (0, 0, 0, 0)
    assert "nothing there was to be blanked" in again.err
    named = await shell("forget", MOD.id, "--name", "ada", "--yes", "--json")
    assert (named.status, named.json["batches"], named.json["others"]) == (0, 1, 1), named.err
    assert query(path, "SELECT actor_name FROM batches") == [("",), ("",)]


async def test_a_login_is_enough_to_forget_what_was_done_under_it(shell: Shell):
    """``bulk`` keeps it with a word behind it, as everybody sees it."""
    shown = command_line_actor().name
    login = shown.removesuffix(" (command line)")
    ledger = await Ledger.open(shell.directory / "bursar.db", HandClock())
    await record(ledger, rows(1), actor=Actor("cli", shown, None), reason="for dear Eve")
    await record(ledger, rows(1, first=5), actor=Actor("cli", f"{login}x (command line)", None))
    await ledger.close()
    done = await shell("forget", MOD.id, "--name", login, "--yes", "--json")
    assert (done.status, done.json["batches"]) == (0, 1), done.err
    kept = query(shell.directory / "bursar.db", "SELECT actor_name, reason FROM batches")
    assert kept == [("", None), (f"{login}x (command line)", None)]
    again = await shell("forget", MOD.id, "--name", login, "--yes")
    assert f"no words of {MOD.id} and none of {login} at the command line: nothing there" in again.out


async def test_nobody_is_called_forgotten_where_there_is_no_ledger(shell: Shell):
    done = await shell("forget", MOD.id, "--yes")
    assert (done.status, done.out) == (1, "")
    assert "Nothing was blanked: there is no ledger at " in done.err
    assert list(shell.directory.iterdir()) == []
