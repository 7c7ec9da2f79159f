"""``doctor --probe``: test calls on accounts that the operator names, after one question."""

from __future__ import annotations

import asyncio
import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from bot import log
from bot.console import output, questions, signals
from bot.console.exits import Exit
from bot.console.session import CLOCK, load_settings
from bot.domain.model import Programme, ProviderKind
from bot.domain.probing import DEEPEST
from bot.domain.promises import promise
from bot.errors import BursarError, Refused, UsageError
from bot.ledger.ledger import Ledger
from bot.providers.factory import make_providers
from bot.services.probing import Probing, Report
from bot.services.probing_logins import LoginProbing
from bot.services.proving import is_disturbed, plan_of
from bot.services.subjects import Subject, credential_subject, customer_subject, member_subject
from bot.settings import Settings

_NAMED: Final = ("drip_member", "credential", "customer")
_MORE: Final = ("second_drip_member", "second_currency")
Json = dict[str, Any]
Plan = list[tuple[Programme, Subject]]


def refuse_strays(options: Namespace) -> None:
    """Without ``--probe`` its options mean a mistake. Raises ``UsageError``."""
    given = [name for name in (*_NAMED, *_MORE, "account", "yes") if getattr(options, name)]
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')} goes with --probe", hint="Without it nothing is probed.")


def run(options: Namespace) -> int:
    """The command: 0 when every call was answered and taken back, else 1."""
    if not any(getattr(options, name) for name in _NAMED):
        raise UsageError(
            "--probe needs an account of yours to make its test calls with",
            hint="Name it by --drip-member, --credential or --customer.",
        )
    if options.evidence:
        raise UsageError("--probe and --evidence are two commands", hint="Probe first, then run --evidence alone.")
    settings = load_settings(options)
    try:
        plan = _plan(options, settings)
        reports = asyncio.run(_probed(options, settings, plan))
    except UsageError:
        raise
    except BursarError as error:
        return output.failed(options.json, error, "Nothing was probed", _failure)
    return _told(options, settings, *reports)


def _failure(error: Json, status: int) -> Json:
    return {"probe": [], "promises": {}, "ok": False, "error": error, "exit_status": status}


# --- before --------------------------------------------------------------------------------------------------------


def _plan(options: Namespace, settings: Settings) -> Plan:
    """What is asked of which programme. Raises ``UsageError``."""
    plan: Plan = []
    chance = secrets.token_bytes
    for kind, wanted in zip(
        (ProviderKind.DRIP_MEMBERS, ProviderKind.DRIP_CREDENTIALS, ProviderKind.GAMEBALL), _NAMED, strict=True
    ):
        text = getattr(options, wanted)
        if text is None:
            continue
        programme = _programme(settings, kind, options.account)
        currency = programme.destination.currency
        if kind is ProviderKind.GAMEBALL:
            plan.append((programme, customer_subject(text, chance)))
            continue
        if currency is None:
            raise UsageError(f"{programme.name} has no currency", hint="Set DRIP_CURRENCY_ID, then probe.")
        if kind is ProviderKind.DRIP_CREDENTIALS:
            plan.append((programme, credential_subject(text, currency, chance)))
        else:
            second = options.second_drip_member, options.second_currency
            plan.append((programme, member_subject(text, second[0], currency, second[1], chance)))
    return plan


def _programme(settings: Settings, kind: ProviderKind, account: str) -> Programme:
    name = f"{kind.value}-{account.lower()}" if account else kind.value
    found = next((programme for programme in settings.programmes() if programme.name == name), None)
    if found is None:
        raise UsageError(f"there is no programme called {name}", hint="Set its keys, or name another by --account.")
    return found


async def _agreed(options: Namespace, plan: Plan) -> None:
    """The one question. Raises ``Refused``."""
    if options.yes:
        return
    whom = "; ".join(f"{programme.name}: {subject.named}" for programme, subject in plan)
    if not questions.can_ask():
        raise Refused("--yes is missing, and there is no terminal to ask on", hint="Add --yes if you mean it.")
    output.note(f"Test calls go to {whom}.")
    output.note(
        f"They move single points, or try to take one more than there is (never more than {DEEPEST + 1}). What they "
        "change is taken back at once, and checked."
    )
    if any(subject.linked for _, subject in plan):
        output.note(
            "A wallet that nobody has is tied to the account of the credential's owner at Drip, and deleted again."
        )
    if not await questions.confirmed("Make them?"):
        raise Refused("the question was not answered with yes")


# --- doing it ------------------------------------------------------------------------------------------------------


async def _probed(options: Namespace, settings: Settings, plan: Plan) -> tuple[list[Report], Mapping[str, str]]:
    """Reports, and what the programmes can promise now."""
    await _agreed(options, plan)
    ledger = await Ledger.open(settings.database, CLOCK)
    providers = make_providers(settings, CLOCK)
    reports: list[Report] = []
    promises: dict[str, str] = {}
    try:
        await _check_quiet(ledger, plan)
        async with signals.handled() as received:
            received.awaiting(lambda: "Stopping after the question under way; what it changed is taken back first.")
            for programme, subject in plan:
                prober = providers.prober(programme, subject.recipients, job_wait=settings.job_wait)
                probing = Probing(ledger, CLOCK, programme, prober, lambda: secrets.token_hex(6))
                output.note(f"Probing {programme.name} …")
                report = await probing.run(subject.questions, lambda: received.status is not None)
                if subject.linked is not None and report.trouble is None and received.status is None:
                    logins = LoginProbing(ledger, CLOCK, programme, providers.login_prober(programme))
                    await logins.ask(subject.linked, report)
                reports.append(report)
                known = await ledger.capabilities.all(programme.destination.account, programme.kind)
                unit = None if programme.unusable else programme.unit
                lane = (await plan_of(ledger, programme)).kind
                disturbed = await is_disturbed(ledger, programme, lane)
                card = promise(programme.kind, known, unit, lane, programme.once_up_to, disturbed=disturbed)
                promises[programme.name] = card.text
    finally:
        await providers.close()
        await ledger.close()
    return reports, promises


async def _check_quiet(ledger: Ledger, plan: Plan) -> None:
    """A probe would spoil the evidence of awards in doubt, and nothing at all is sent while that is forbidden.

    Raises ``Refused``.
    """
    await ledger.probes.check_allowed()
    for programme, subject in plan:
        account = programme.destination.account
        if await ledger.probes.awards_open(account, subject.keys, subject.targets):
            raise Refused(
                f"{subject.named} has an award under way or in doubt, which is judged by the same balance",
                hint="Settle it by `bursar resume` or /batch resolve, or probe with another account.",
            )


# --- telling -------------------------------------------------------------------------------------------------------


def _told(options: Namespace, settings: Settings, reports: Sequence[Report], promises: Mapping[str, str]) -> int:
    redactor = log.Redactor(settings.secrets())
    well = all(report.well for report in reports)
    status = Exit.DONE if well else Exit.BAD_ROWS
    if options.json:
        found = [{**_clean(asdict(report), redactor), "ok": report.well} for report in reports]
        told = {"probe": found, "promises": dict(promises), "ok": well, "error": None, "exit_status": int(status)}
        output.emit(told)
        return status
    for report in reports:
        output.say(f"{report.programme}: {output.plural(report.calls, 'call')}")
        rows = [
            (answer.asks or answer.name, answer.value or redactor.clean(f"open: {answer.why}"))
            for answer in report.answers
        ]
        for line in output.table(rows):
            output.say(line)
        for remark in (*report.remains, *([f"Ended early: {report.trouble}"] if report.trouble else [])):
            output.say(f"  ! {redactor.clean(remark)}")
        output.say(f"  {promises[report.programme]}")
        output.say()
    output.say("Everything was taken back." if well else "Something is left to look at: see the lines with an !.")
    return status


def _clean(value: Any, redactor: log.Redactor) -> Any:
    """What services answer is repeated here, and an answer may repeat a key."""
    if isinstance(value, str):
        return redactor.clean(value)
    if isinstance(value, dict):
        return {name: _clean(one, redactor) for name, one in value.items()}
    return [_clean(one, redactor) for one in value] if isinstance(value, list) else value
