"""Every command's options. Nothing heavy is imported here, so that ``--help`` and mistakes are answered at once."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from bot.console.output import put
from bot.domain.model import Duplicates
from bot.errors import UsageError

PROGRAM: Final = "bursar"

_DESCRIPTION: Final = """\
Hands out reward points to members of a Discord server, through Drip Rewards or Gameball,
on an exact ledger: no award lost, none paid twice, none claimed that did not happen.
"""

_STATUSES: Final = """\
exit status, the first that applies:
  2        file, settings or usage wrong         4  an award is unknown (in doubt)
  1        bad rows without --good-rows          3  an award was rejected
  5        refused                               6  awards are still planned, or cancelled
  130/143  stopped by SIGINT or SIGTERM          0  all applied
"""


LONGEST: Final = 300
"""Characters of what is wrong: argparse repeats what was typed, however long that is."""


class Parser(argparse.ArgumentParser):
    """Raises ``UsageError`` with one sentence in the place of printing a usage and leaving.

    Options are not abbreviated: ``--ag`` would mean ``--again`` only until there is another one that begins so.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(
            message if len(message) <= LONGEST else f"{message[:LONGEST]}…", hint=f"See {self.prog} --help."
        )

    def print_help(self, file: Any = None) -> None:
        """Written out at once: what the interpreter cannot write at its end, it tells in words of its own."""
        put(self.format_help(), flush=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; raises ``UsageError``. ``--help`` leaves with 0, or raises like ``put``."""
    options = _parser().parse_args(arguments)
    for name, value in vars(options).items():
        if isinstance(value, str) and name not in _PATHS:
            setattr(options, name, readable(value))
    return options


def readable(text: str) -> str:
    """Text for the ledger and for people of what the shell gave: bytes that are no UTF-8 are shown as such."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _run(commands)
    _demo(commands)
    _check(commands)
    _bulk(commands)
    _resume(commands)
    _export(commands)
    _verify(commands)
    _backup(commands)
    _restore(commands)
    _forget(commands)
    _doctor(commands)
    return parser


_PATHS: Final = frozenset({"file"})
"""Options that are opened by exactly the bytes that they are."""

_Commands = argparse._SubParsersAction  # the type has no public name


def _command(commands: _Commands[Parser], name: str, summary: str, example: str, more: str = "") -> Parser:
    epilog = f"example:\n  {PROGRAM} {example}\n" + (f"\n{more}" if more else "")
    command = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--debug", action="store_true", help="log in detail, with tracebacks")
    return command


def _run(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "run",
        "the Discord bot",
        "run --practice",
        "exit status: 0 stopped, 2 settings wrong, 5 another process holds the ledger",
    )
    command.add_argument(
        "--practice",
        action="store_true",
        help="a real Discord bot on stand-ins for Drip and Gameball, with a ledger of its own: nobody is paid",
    )


def _demo(commands: _Commands[Parser]) -> None:
    command = _command(commands, "demo", "the whole job on the stand-ins, no account needed", "demo --browser")
    command.add_argument("--browser", action="store_true", help="as a page with the real buttons")


def _check(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "check",
        "parse and judge a file, send nothing",
        "check payouts.csv --programme drip-members",
        "exit status: 0 clean, 1 some rows are bad, 2 the file is refused",
    )
    command.add_argument("file", metavar="FILE", help="a CSV file")
    command.add_argument("--programme", metavar="NAME", help="judge by this programme's rules too")
    _reading_options(command)
    _json_option(command)


def _bulk(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "bulk",
        "check a file, preview it, confirm, record, send, follow to the end",
        'bulk payouts.csv --programme drip-members --reason "Week 31"',
        _STATUSES,
    )
    command.add_argument("file", metavar="FILE", help="a CSV file")
    command.add_argument("--programme", metavar="NAME", required=True, help="where the points go: drip-members, …")
    command.add_argument("--reason", metavar="TEXT", help="recorded with every award that has no reason of its own")
    command.add_argument("--yes", action="store_true", help="answer the one question with yes; implies nothing else")
    command.add_argument("--good-rows", action="store_true", help="send although some rows are bad")
    command.add_argument("--again", action="store_true", help="send although rows were paid in the last 30 days")
    _reading_options(command)
    _json_option(command)


def _resume(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "resume",
        "finish whatever is unfinished; batches that were paused stay paused unless they are named",
        "resume --paused 12",
        _STATUSES,
    )
    command.add_argument("--no-wait", action="store_true", help="send what is planned, leave doubts and jobs alone")
    command.add_argument(
        "--paused",
        metavar="ID",
        action="append",
        default=[],
        help="go on with this paused batch, too, once what paused it is put right (may be given several times)",
    )
    command.add_argument(
        "--stop",
        metavar="ID",
        action="append",
        default=[],
        help="first cancel for good what is not sent of this batch; what is in doubt there and found not to have landed"
        " is not sent again (may be given several times)",
    )
    command.add_argument(
        "--release", metavar="REASON", help="release every emergency stop first; paused batches stay so"
    )
    _json_option(command)


def _export(commands: _Commands[Parser]) -> None:
    command = _command(
        commands, "export", "the ledger's awards, one line each", "export --batch 12 --format csv > batch-12.csv"
    )
    command.add_argument("--batch", metavar="ID", help="only this batch")
    command.add_argument("--format", choices=("csv", "json"), help="csv (default), or one JSON object a line")
    command.add_argument("--json", action="store_true", help="the same as --format json")


def _verify(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "verify",
        "prove the ledger consistent and unaltered; changes nothing, also beside a running bot",
        "verify 7Q2K9-M4TZA",
        "exit status: 0 it is, 1 it is not (the first bad record is named), or it lacks the receipt or the head",
    )
    command.add_argument("code", metavar="CODE", nargs="?", help="also show this receipt's place in the history")
    command.add_argument(
        "--head",
        metavar="HASH",
        help="also prove that this head, printed or posted earlier (16 digits of it are enough), is in the history: "
        "nothing up to it was cut off or rewritten since",
    )
    _json_option(command)


def _backup(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "backup",
        "make a consistent copy of the ledger and prove it; also beside a running bot",
        "backup bursar-today.db",
        "exit status: 0 made, 1 not. A file that exists is never overwritten.",
    )
    command.add_argument("file", metavar="FILE", help="the copy")
    _json_option(command)


def _restore(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "restore",
        "prove a copy and put it in the place of the ledger, which is kept; nothing is sent until it is signed off",
        "restore bursar-today.db",
        "exit status: 0 done, 1 not (a bot that runs, a copy that does not verify, a file that contradicts it)",
    )
    command.add_argument("file", metavar="FILE", nargs="?", help="a copy that `backup` made")
    command.add_argument(
        "--sign-off", metavar="NAME", help="NAME vouches that what happened after the copy is taken care of"
    )
    group = command.add_argument_group(
        "closing the gap with result files",
        "What a lost ledger's result files say (they stand in the staff channel; an export as CSV says it, too) is"
        " taken in as history. Nothing is sent, and nothing of it is ever sent.",
    )
    group.add_argument("--take-in", metavar="FILE", nargs="+", help="result files of one programme, oldest first")
    group.add_argument("--programme", metavar="NAME", help="which programme they are of")
    group.add_argument("--currency", metavar="ID", help="which currency, where servers have chosen different ones")
    group.add_argument(
        "--numbers",
        choices=("same", "other"),
        help="where this ledger went on by itself: whether the files' award numbers mean its own awards",
    )
    group.add_argument("--by", metavar="NAME", help="who takes them in; the name is kept")
    group.add_argument("--label", metavar="TEXT", help="the batches' label, which the difference mode goes by")
    _reading_options(command, (Duplicates.SUM, Duplicates.ONCE))
    _json_option(command)


def _forget(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "forget",
        "blank the name of a person, and the reasons and notes that this person wrote, in the ledger",
        "forget 123456789012345678",
        "Also where the name stands beside what others did: who prepared or approved their batches. Drafts of the\n"
        "person that nobody has confirmed are cancelled. Who got how much, when, and by whose id stays; so do\n"
        "campaign names, file names, uploaded files and older backups. The ledger still verifies. Reasons by which\n"
        "Gameball's list is to tell what became of an award have to wait for that. The bot must not be running.\n\n"
        "exit status: 0 done, also where nothing was to be blanked, 1 not",
    )
    command.add_argument("person", metavar="DISCORD_ID", help="of the person whose words are blanked")
    command.add_argument(
        "--name",
        metavar="NAME",
        help="a name that this person had or gave at the command line (login, --by, --sign-off), which knows no ids",
    )
    command.add_argument("--yes", action="store_true", help="answer the one question with yes")
    _json_option(command)


def _doctor(commands: _Commands[Parser]) -> None:
    command = _command(
        commands,
        "doctor",
        "look at settings, keys, clock, disk, ledger, rate plans and Discord; sends nothing without the options below",
        "doctor --probe --customer CUSTOMER_ID",
        "exit status: 0 well, 1 something needs an action",
    )
    _json_option(command)
    group = command.add_argument_group(
        "finding out what a service really does, by test calls that are taken back",
        "They move single points, or try to take one more than there is; one makes a login at Drip. Use accounts of "
        "your own with few points.",
    )
    group.add_argument("--probe", action="store_true", help="make test calls; needs one of the next three")
    group.add_argument("--drip-member", metavar="DRIP_ID", help="a member of yours, to probe Drip members with")
    group.add_argument(
        "--credential",
        metavar="TYPE:VALUE",
        help="yours, to probe Drip credentials with (one that holds nothing also shows the order of rows, "
        "one that belongs to an account what is told of accounts)",
    )
    group.add_argument("--customer", metavar="CUSTOMER_ID", help="yours, to probe Gameball with")
    group.add_argument(
        "--second-drip-member", metavar="DRIP_ID", help="another of yours: shows whether a refusal is whole"
    )
    group.add_argument("--second-currency", metavar="ID", help="of the realm: calls whose rows mix currencies")
    group.add_argument("--account", metavar="NAME", default="", help="the name behind __ in the settings")
    group.add_argument("--yes", action="store_true", help="answer the one question with yes")
    group = command.add_argument_group("places of your own, in which calls leave a trace (docs/evidence.md)")
    group.add_argument(
        "--evidence",
        action="store_true",
        help="set up DRIP_RING, DRIP_WITNESS and DRIP_TWINS, give a new ring its one point, and check them",
    )


_DUPLICATES: Final = {
    Duplicates.SUM: "one award with the sum (sum, the default)",
    Duplicates.APART: "one award for each row (apart)",
    Duplicates.ONCE: "equal amounts once (once)",
    Duplicates.REFUSE: "none of them (refuse)",
}
"""What becomes of several rows for one recipient."""


def _reading_options(command: Parser, policies: Sequence[Duplicates] = tuple(Duplicates)) -> None:
    group = command.add_argument_group("reading the file")
    group.add_argument("--amount", metavar="N", help="for a file without an amount column")
    group.add_argument(
        "--duplicates",
        choices=[policy.value for policy in policies],
        default=Duplicates.SUM.value,
        help=f"several rows for one recipient: {', '.join(_DUPLICATES[policy] for policy in policies)}",
    )
    group.add_argument("--recipient-column", metavar="NAME", help="the column that says who")
    group.add_argument("--amount-column", metavar="NAME", help="the column that says how much")


def _json_option(command: Parser) -> None:
    command.add_argument("--json", action="store_true", help="one JSON object on standard output")
