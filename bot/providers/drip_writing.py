"""What a write call to Drip says, and its end in one sentence. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from bot.domain import places
from bot.domain.calls import Outcome, OutcomeKind
from bot.domain.model import Recipient
from bot.domain.probing import Leg
from bot.providers.http import Exchange


def build_credentials(
    entries: Sequence[tuple[Recipient, int]], currency: str, initiator: str | None, legs: Sequence[Leg] = ()
) -> bytes:
    """The body of the credentials batch. Always an explicit ``realmPointId``: without it the realm's default
    currency is paid."""
    own = [_credential_update(places.credential(leg.purse.holder), leg.amount, leg.purse.currency) for leg in legs]
    updates = [_credential_update(recipient, amount, currency) for recipient, amount in entries]
    return encode([*own[:1], *updates, *own[1:]], initiator)


def _credential_update(recipient: Recipient, amount: int, currency: str) -> dict[str, object]:
    update: dict[str, object] = {"type": recipient.type, "value": recipient.value}
    if recipient.source is not None:
        update["source"] = recipient.source
    update["realmPointId"] = currency
    update["amount"] = amount
    return update


def encode(updates: Sequence[Mapping[str, object]], initiator: str | None) -> bytes:
    """A batch body, compact, the same bytes for the same updates."""
    body: dict[str, object] = {"updates": updates}
    if initiator:
        body["initiatorId"] = initiator
    return json.dumps(body, separators=(",", ":")).encode()


def unclear(exchange: Exchange, words: str | None) -> str:
    """The sentence for an answer that proves nothing."""
    if exchange.error is not None:
        return f"It is not known whether Drip acted on the call: {exchange.trouble}."
    said = f"{exchange.status}: {words}" if words else str(exchange.status)
    return f"It is not known whether Drip acted on the call, it answered {said}."


def tally(outcomes: Mapping[int, Outcome]) -> str:
    """A call's outcomes in one sentence."""
    counts = Counter(outcome.kind for outcome in outcomes.values())
    words = [f"{counts[kind]} {kind}" for kind in OutcomeKind if kind in counts]
    return f"Drip answered: {', '.join(words)}."
