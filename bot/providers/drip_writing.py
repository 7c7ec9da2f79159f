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
    own = [
        _credential_update(places.credential(leg.purse.holder), leg.amount, _quoted(leg.purse.currency)) for leg in legs
    ]
    named = _quoted(currency)
    updates = [_credential_update(recipient, amount, named) for recipient, amount in entries]
    whose = f',"initiatorId":{json.dumps(initiator)}' if initiator else ""
    return f'{{"updates":[{",".join([*own[:1], *updates, *own[1:]])}]{whose}}}'.encode()


def _credential_update(recipient: Recipient, amount: int, currency: str) -> str:
    """What ``encode`` would write; ``currency``: quoted."""
    kind, value, source = recipient
    who = '{"type":"' + kind + '","value":' + _quoted(value)
    if source is not None:
        who += ',"source":' + _quoted(source)
    return f'{who},"realmPointId":{currency},"amount":{amount}}}'


def _quoted(text: str) -> str:
    # Ids are letters and digits, and a call has a hundred of them and more: ``json`` takes four times as long.
    return f'"{text}"' if text.isascii() and text.isalnum() else json.dumps(text)


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
