"""``doctor`` for a Drip account: what its key may do, found out by reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.domain.model import Programme, RecipientType
from bot.errors import ResolutionFailed
from bot.providers.base import Finding, Health
from bot.providers.checks import clock_finding
from bot.providers.drip import RATE_PLANS, DripAccess
from bot.providers.drip_ids import is_object_id
from bot.providers.reading import as_object, as_text, parse

HARMLESS_ID: Final = "21154535154122752"
"""A Discord id of the service's first days. Whether anybody has it does not matter: only the access is looked at."""


async def examine_realm(access: DripAccess, programme: Programme, *, searches: bool) -> Sequence[Finding]:
    """Realm, key, currency, search access (where the programme needs it), rate plan and clock."""
    name = access.wording.variable("DRIP_REALM_ID")
    if not is_object_id(access.account.realm_id):
        text = "The realm id has to have 24 characters 0-9 a-f."
        return [Finding("Drip realm", Health.FAILED, text, f"Correct {name} in .env.")]
    try:
        answer = await access.get(access.realm, "read the realm")
    except ResolutionFailed as failure:
        return [Finding("Drip realm", Health.FAILED, failure.message, "Put right what it says, then run doctor again.")]
    realm = access.wording.plain(as_text(as_object(parse(answer.body)).get("name")) or "") or access.account.realm_id
    findings = [Finding("Drip realm", Health.OK, f"The key is accepted; the realm is {realm}.")]
    findings.append(await _currency(access, programme))
    if searches:
        findings.append(await _search(access))
    findings.append(_rate_plan(access))
    findings.append(clock_finding("Drip", answer.headers, access.line.clock.now()))
    return findings


async def _currency(access: DripAccess, programme: Programme) -> Finding:
    topic = "Drip currency"
    variable = access.wording.variable("DRIP_CURRENCY_ID")
    wanted = programme.destination.currency
    if not wanted:
        return Finding(topic, Health.FAILED, "No currency is chosen.", f"Set {variable}.")
    try:
        currencies = await access.currencies()
    except ResolutionFailed as failure:
        action = "Let the API client read the realm's currencies, or make sure that the id is right."
        return Finding(topic, Health.WARNING, failure.message, action)
    found = next((currency for currency in currencies if currency.id.lower() == wanted.lower()), None)
    if found is None:
        return Finding(topic, Health.FAILED, f"The realm has no currency {wanted}.", f"Correct {variable}.")
    if found.archived:
        return Finding(topic, Health.FAILED, f"The currency {found.name} is archived.", f"Choose another: {variable}.")
    return Finding(topic, Health.OK, f"Awards are paid in {found.name}.")


async def _search(access: DripAccess) -> Finding:
    topic = "Drip member search"
    try:
        await access.search(RecipientType.DISCORD_ID, [HARMLESS_ID])
    except ResolutionFailed as failure:
        action = failure.hint or "Give the API client the scope members:read, then run doctor again."
        return Finding(topic, Health.FAILED, failure.message, action)
    return Finding(topic, Health.OK, "Members can be found by their Discord id.")


def _rate_plan(access: DripAccess) -> Finding:
    topic = "Drip rate plan"
    planned = RATE_PLANS[access.account.rate_plan][1]
    pace = access.pace()
    if not access.line.pacer.announced:
        text = f"Drip does not say its rate limit; {pace.plan} is taken from the settings."
        return Finding(topic, Health.OK, text)
    if pace.calls_per_window == planned:
        return Finding(topic, Health.OK, f"{pace.plan}, as in the settings.")
    variable = access.wording.variable("DRIP_RATE_PLAN")
    text = f"{pace.plan}; the settings say {planned} a minute. What Drip says counts."
    return Finding(
        topic, Health.WARNING, text, f"Correct {variable}, so that times are estimated right from the start."
    )
