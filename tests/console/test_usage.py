"""Usage, help and what happens before anything is looked at."""

from __future__ import annotations

import asyncio
import functools
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bot.console.entry import COMMANDS
from tests.console import support
from tests.console.support import ROOT, finished, write_csv
from tests.support.patience import PATIENCE

bursar = functools.partial(support.bursar, anew=True)
YES_OR_NO = {("doctor",), ("verify",), ("backup",), ("restore",), ("forget",)}
"""Commands whose scripts wait for 0 or 1."""


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_has_help_with_an_example(tmp_path: Path, command: str):
    done = await bursar(command, "--help", directory=tmp_path)
    assert done.status == 0
    assert f"example:\n  bursar {command}" in done.out
    assert done.err == ""


async def test_help_lists_every_command(tmp_path: Path):
    done = await bursar("--help", directory=tmp_path)
    assert done.status == 0
    assert all(f"    {command} " in done.out for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "COMMAND"),
        (("sell",), "invalid choice: 'sell'"),
        (("bulk",), "required: FILE, --programme"),
        (("bulk", "x.csv"), "--programme"),
        (("bulk", "x.csv", "--programme", "gameball", "--duplicates", "maybe"), "invalid choice: 'maybe'"),
        (("bulk", "x.csv", "--programme", "gameball", "--ag"), "unrecognized arguments: --ag"),
        (("check",), "required: FILE"),
        (("check", "a.csv", "b.csv"), "unrecognized arguments: b.csv"),
        (("export", "--format", "xml"), "invalid choice: 'xml'"),
        (("resume", "--wait"), "unrecognized arguments: --wait"),
        (("run", "--wait"), "unrecognized arguments: --wait"),
        (("demo", "--quick"), "unrecognized arguments: --quick"),
        (("doctor", "--all"), "unrecognized arguments: --all"),
        (("verify", "A", "B"), "unrecognized arguments: B"),
        (("backup",), "required: FILE"),
        (("restore", "--numbers", "none"), "invalid choice: 'none'"),
        (("forget",), "required: DISCORD_ID"),
    ],
)
async def test_wrong_usage_is_one_sentence_and_2_or_1_where_a_command_answers_yes_or_no(
    tmp_path: Path, arguments: tuple[str, ...], said: str
):
    done = await bursar(*arguments, directory=tmp_path)
    assert done.status == (1 if arguments[:1] in YES_OR_NO else 2)
    assert done.out == ""
    assert said in done.err
    assert done.err.startswith("Nothing was done: ")
    assert "--help" in done.err
    assert len(done.err.splitlines()) == 2


async def test_wrong_usage_is_json_too_where_json_was_asked_for(tmp_path: Path):
    done = await bursar("bulk", "--json", directory=tmp_path)
    assert done.status == 2
    assert (done.json["batch"], done.json["exit_status"]) == (None, 2)
    assert done.json["error"]["message"]
    done = await bursar("doctor", "--json", "--all", directory=tmp_path)
    assert (done.status, done.json["exit_status"], done.json["ok"]) == (1, 1, False)


@pytest.mark.parametrize("command", ["check x.csv", "bulk x.csv --programme gameball", "resume", "export", "run"])
async def test_a_wrong_setting_is_2_and_named(tmp_path: Path, command: str):
    write_csv(tmp_path / "x.csv", "discord_id,amount")
    done = await bursar(*command.split(), directory=tmp_path, variables={"BURSAR_JOB_WAIT": "15m"})
    assert done.status == 2
    assert "BURSAR_JOB_WAIT" in done.err
    assert "15m" not in done.err
    assert not (tmp_path / "bursar.db").exists()


async def test_the_settings_of_the_current_directory_are_used(tmp_path: Path):
    (tmp_path / ".env").write_text("DRIP_REALMID=x\n")
    done = await bursar("export", directory=tmp_path)
    assert done.status == 2
    assert "did you mean DRIP_REALM_ID?" in done.err


async def test_without_a_ledger_there_is_nothing_to_export(tmp_path: Path):
    done = await bursar("export", directory=tmp_path)
    assert done.status == 2
    assert done.err.startswith("Nothing was exported: there is no ledger")
    assert not (tmp_path / "bursar.db").exists()


async def test_a_command_line_without_discord_does_not_load_it_and_nothing_warns(tmp_path: Path):
    code = (
        "import sys\nfrom bot.console.entry import main\n"
        "import bot.console.check, bot.console.bulk, bot.console.export, bot.console.resume, bot.console.doctor\n"
        "import bot.console.verify, bot.console.backup, bot.console.restore, bot.console.forget\n"
        "sys.exit('discord' in sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", code, cwd=ROOT)
    assert await process.wait() == 0


async def test_a_defect_of_ours_is_a_sentence_with_an_id_and_no_traceback(tmp_path: Path):
    code = (
        "import sys, bot.console.check as check\n"
        "check.load_settings = lambda options: 1 / 0\n"
        "from bot.console.entry import main\n"
        "sys.exit(main(['check', 'x.csv', '--json']))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    done = await finished(process)
    assert (done.status, done.json["exit_status"], done.json["error"]["kind"]) == (70, 70, "internal")
    logged, said, _ = done.err.splitlines()
    error_id = said.split("error ")[-1].split(" ")[0]
    assert f"error {error_id} in check | ZeroDivisionError" in logged
    assert said.startswith("Not finished: an internal error")


@pytest.mark.parametrize("module", ["bot.console.entry", "bot.console.resume", "bot.app"])
async def test_ctrl_c_while_the_program_is_being_loaded_ends_it_without_a_traceback(tmp_path: Path, module: str):
    """On a slow machine that takes seconds."""
    code = (
        "import runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where the tests run in the background
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['bursar', 'resume']\n"
        "runpy.run_module('bot', run_name='__main__', alter_sys=True)"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=tmp_path,
        env=support.environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    done = await finished(process)
    assert (done.status, done.out, done.err) == (130, "", "Stopped.\n")


def test_the_command_that_an_installation_makes_is_there():
    """Whoever installs the project gets a script that loads what ``pyproject.toml`` names."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, value in scripts.items():
        assert callable(EntryPoint(name, value, "console_scripts").load())


async def test_a_directory_that_was_removed_meanwhile_is_wrong_settings_and_no_defect(tmp_path: Path):
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" -m bot check x.csv'
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", program, env={"PYTHONPATH": str(ROOT)}, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        _, said = await process.communicate()
    assert (process.returncode, b"the current directory is not there any more" in said) == (2, True)
