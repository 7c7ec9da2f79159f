"""``doctor`` for a Gameball account: what its keys may do, found out by reads only."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.model import Programme
from bot.providers.base import Finding, Health
from bot.providers.checks import clock_finding
from bot.providers.gameball_jobs import ROOT, Jobs
from bot.providers.http import Exchange
from bot.providers.line import Line
from bot.providers.wording import Wording


async def examine_account(programme: Programme, line: Line, jobs: Jobs, wording: Wording) -> Sequence[Finding]:
    """Both keys (a call that needs both and changes nothing), the unit, the job status route, the clock."""
    answer = await line.read(f"{ROOT}/transactions/count")
    findings = [_keys(answer, wording)]
    if programme.unusable is not None:
        name = wording.variable("GAMEBALL_AMOUNT_UNIT")
        findings.append(Finding("Gameball settings", Health.FAILED, programme.unusable, f"See {name} in .env.example."))
    if findings[0].health is not Health.OK:
        return findings
    routes = await jobs.routes()
    if routes:
        text = f"Job status can be asked (contract {' and '.join(routes)})."
        findings.append(Finding("Gameball job status", Health.OK, text))
    else:
        text = "No documented address for job status answers, so accepted jobs could not be followed."
        action = f"Ask Gameball's support which address is right; see {wording.variable('GAMEBALL_STATUS_CONTRACT')}."
        findings.append(Finding("Gameball job status", Health.WARNING, text, action))
    findings.append(clock_finding("Gameball", answer.headers, line.clock.now()))
    return findings


def _keys(answer: Exchange, wording: Wording) -> Finding:
    topic = "Gameball keys"
    keys = " and ".join(map(wording.variable, ("GAMEBALL_API_KEY", "GAMEBALL_SECRET_KEY")))
    if answer.status == 200 and answer.whole:
        return Finding(topic, Health.OK, "Both keys are accepted.")
    if answer.status is None or answer.error is not None:
        text = f"Gameball could not be asked: {answer.trouble}."
        return Finding(topic, Health.FAILED, text, f"Check the network and {wording.variable('GAMEBALL_BASE_URL')}.")
    words = wording.words(answer.body)
    said = f"{answer.status}: {words}" if words else str(answer.status)
    if answer.status in (401, 403):
        return Finding(topic, Health.FAILED, f"Gameball does not accept the keys ({said}).", f"Correct {keys}.")
    if answer.status == 404 and not answer.body.strip():
        name = wording.variable("GAMEBALL_BASE_URL")
        return Finding(topic, Health.FAILED, "That address does not have Gameball's API (404).", f"Correct {name}.")
    return Finding(topic, Health.WARNING, f"Gameball could not be asked ({said}).", "Run doctor again in a while.")
