"""``doctor``: looks at everything Bursar stands on, changes and sends nothing, and names one action for each fault."""

from __future__ import annotations

import asyncio
import stat
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bot import log
from bot.console import evidence, output, probe, surroundings
from bot.console.exits import Exit
from bot.console.session import CLOCK, load_settings
from bot.domain.model import Programme
from bot.errors import BursarError, SettingsError
from bot.providers.base import Finding, Health
from bot.providers.factory import Providers, make_providers
from bot.settings import Settings

FAILED: Final = "Nothing was examined"
EXAMINE_SECONDS: Final = 60.0
"""For one service; a longer silence is a finding."""

_MARKS: Final = {Health.OK: "ok", Health.WARNING: "look", Health.FAILED: "FAILED"}
Json = dict[str, Any]


def run(options: Namespace) -> int:
    """The command."""
    if options.probe:
        return probe.run(options)
    probe.refuse_strays(options)
    try:
        settings = load_settings(options)
    except SettingsError as error:
        return _told(options, [Finding("Settings", Health.FAILED, error.message, error.hint or "Correct it.")], None)
    if options.evidence:
        return _told(options, asyncio.run(_set_up(settings)), None)
    findings, invite = asyncio.run(_examined(settings))
    return _told(options, findings, invite)


def failure(error: Json, status: int) -> Json:
    """The JSON object of a failure before anything was examined."""
    return {"findings": [], "invite": None, "ok": False, "error": error, "exit_status": int(status)}


async def _set_up(settings: Settings) -> Sequence[Finding]:
    redactor = log.Redactor(settings.secrets())
    try:
        return [_clean(finding, redactor) for finding in await evidence.set_up(settings)]
    except BursarError as error:
        return [Finding("Evidence", Health.FAILED, f"nothing was set up: {error.message}", error.hint or "Try again.")]


async def _examined(settings: Settings) -> tuple[Sequence[Finding], str | None]:
    findings = [_settings_finding(settings), *_open_to_others(Path.cwd() / ".env"), *map(_danger, settings.dangers())]
    findings += [_stranger(one.name, one.nearest) for one in settings.strangers]
    findings += surroundings.clock_findings(CLOCK.now())
    findings += surroundings.disk_findings(settings.database)
    findings += surroundings.temporary_findings(settings.max_file_bytes)
    findings += await surroundings.ledger_findings(settings.database, CLOCK)
    findings += await _service_findings(settings)
    failed = {finding.topic for finding in findings if finding.health is Health.FAILED}
    findings += await surroundings.promise_findings(settings.database, CLOCK, settings.programmes(), failed)
    discord, invite = await _discord_findings(settings)
    redactor = log.Redactor(settings.secrets())
    return [_clean(finding, redactor) for finding in [*findings, *discord]], invite


def _clean(finding: Finding, redactor: log.Redactor) -> Finding:
    """What services answer is printed here, and an answer may repeat a key."""
    action = None if finding.action is None else redactor.clean(finding.action)
    return Finding(finding.topic, finding.health, redactor.clean(finding.message), action)


def _settings_finding(settings: Settings) -> Finding:
    found = "" if (Path.cwd() / ".env").is_file() else " (no .env file here; the process environment alone)"
    names = ", ".join(programme.name for programme in settings.programmes())
    if not names:
        action = "Set the keys of Drip or Gameball; .env.example has every variable."
        return Finding("Settings", Health.FAILED, f"no programme: no keys are set{found}", action)
    return Finding("Settings", Health.OK, f"programmes: {names}{found}")


def _open_to_others(file: Path) -> list[Finding]:
    """The keys in it pay, and the token is the bot."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return []
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return []
    return [Finding("Settings", Health.WARNING, f"others on this machine may read {file}", f"chmod 600 {file}")]


def _danger(told: str) -> Finding:
    message, _, action = told.rpartition(". ")
    return Finding("Settings", Health.WARNING, message, action)


def _stranger(name: str, nearest: str) -> Finding:
    message = f"{name} is no setting of Bursar: it changes nothing"
    return Finding("Settings", Health.WARNING, message, f"Write {nearest} if that is meant, or take it out.")


async def _service_findings(settings: Settings) -> list[Finding]:
    """Each programme's account, by reads only. Programmes of one account answer alike, and are told once."""
    providers = make_providers(settings, CLOCK)
    findings: dict[Finding, None] = {}
    try:
        for programme in settings.programmes():
            for finding in await _programme_findings(providers, programme):
                findings.setdefault(finding)
        for finding in await evidence.findings(settings, providers):
            findings.setdefault(finding)
    finally:
        await providers.close()
    return list(findings)


async def _programme_findings(providers: Providers, programme: Programme) -> Sequence[Finding]:
    unusable = []
    if programme.unusable is not None:
        unusable = [Finding(programme.name, Health.FAILED, "it cannot be used", programme.unusable)]
    provider = providers.make(programme)
    try:
        async with asyncio.timeout(EXAMINE_SECONDS):
            return [*unusable, *await provider.examine()]
    except TimeoutError:
        message = f"no answer within {EXAMINE_SECONDS:.0f} s"
        return [*unusable, Finding(programme.name, Health.FAILED, message, "Look at the network, then try again.")]


async def _discord_findings(settings: Settings) -> tuple[Sequence[Finding], str | None]:
    if settings.discord_token is None:
        action = "For the bot, copy its token from the Discord Developer Portal; the command line works without."
        return [Finding("Discord token", Health.WARNING, "DISCORD_TOKEN is not set", action)], None
    from bot.client import examine, invite_url

    channels = await surroundings.staff_channels(settings.database, CLOCK, settings.server_ids)
    findings = await examine(settings.discord_token, server_ids=settings.server_ids, staff_channels=channels)
    application = surroundings.application_of(settings.discord_token)
    return findings, None if application is None else invite_url(application)


def _told(options: Namespace, findings: Sequence[Finding], invite: str | None) -> int:
    well = all(finding.health is not Health.FAILED for finding in findings)
    status = Exit.DONE if well else Exit.BAD_ROWS
    if options.json:
        found = [asdict(finding) for finding in findings]
        output.emit({"findings": found, "invite": invite, "ok": well, "error": None, "exit_status": int(status)})
        return status
    for line in output.table([(_MARKS[one.health], one.topic, one.message) for one in findings], indent=""):
        output.say(line)
    actions = [one for one in findings if one.action is not None and one.health is not Health.OK]
    if actions:
        output.say()
        output.say("What to do:")
        for line in output.table([(one.topic, one.action or "") for one in actions]):
            output.say(line)
    if invite is not None:
        output.say()
        output.say(f"Invite the bot with no more permissions than it needs: {invite}")
    return status
