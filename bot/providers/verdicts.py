"""From an exchange to a verdict: what every write has in common, whatever endpoint it went to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.domain.calls import Item, Outcome, OutcomeKind, Verdict
from bot.domain.model import Pause, PauseKind
from bot.providers.http import Exchange, Proof
from bot.providers.reading import as_object, as_text, parse
from bot.providers.waiting import QUOTA_WAIT
from bot.providers.wording import Wording

_LONGEST_MEANT = 366 * 24 * 3600.0
"""Seconds. Nothing is counted by more than a year; a date that is told as a number of seconds looks like that."""
_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "cf-ray")


def same(items: Sequence[Item], kind: OutcomeKind, detail: str | None) -> dict[int, Outcome]:
    """One outcome for every item of a call."""
    outcome = Outcome(kind, detail)
    return {item.award_id: outcome for item in items}


def verdict(
    exchange: Exchange,
    outcomes: Mapping[int, Outcome],
    detail: str,
    *,
    refused_whole: bool = False,
    pause: Pause | None = None,
    wait: float | None = None,
    job_id: str | None = None,
    evidence: Mapping[str, object] | None = None,
    told: Sequence[int | None] = (),
) -> Verdict:
    """A verdict with the exchange's evidence in it."""
    return Verdict(
        outcomes=outcomes,
        status=exchange.status,
        detail=detail,
        request_id=request_id(exchange),
        refused_whole=refused_whole,
        pause=pause,
        wait_seconds=wait,
        job_id=job_id,
        told=tuple(told),
        evidence={
            "headers_sent": exchange.headers_sent,
            "body_complete": exchange.body_complete,
            "exception": exchange.error,
            "sent_at": None if exchange.began is None else round(exchange.began * 1000),
            **(evidence or {}),
        },
    )


def not_sent(
    exchange: Exchange,
    items: Sequence[Item],
    detail: str,
    *,
    refused_whole: bool = False,
    pause: Pause | None = None,
    wait: float | None = None,
) -> Verdict:
    """It is proved that no award of the call landed."""
    outcomes = same(items, OutcomeKind.NOT_SENT, detail)
    return verdict(exchange, outcomes, detail, refused_whole=refused_whole, pause=pause, wait=wait)


def unknown(
    exchange: Exchange,
    items: Sequence[Item],
    detail: str,
    *,
    pause: Pause | None = None,
    evidence: Mapping[str, object] | None = None,
) -> Verdict:
    """Nothing is proved about any award of the call."""
    return verdict(exchange, same(items, OutcomeKind.UNKNOWN, detail), detail, pause=pause, evidence=evidence)


def unsent(items: Sequence[Item], detail: str, pause: Pause | None = None) -> Verdict:
    """No call was made, because it could not have succeeded."""
    exchange = Exchange(None, {}, b"", None, None, headers_sent=False, body_complete=False)
    return not_sent(exchange, items, detail, pause=pause)


def request_id(exchange: Exchange) -> str | None:
    """The service's name for this request, for its support."""
    found = next((exchange.headers[name] for name in _ID_HEADERS if exchange.headers.get(name)), None)
    if not found and exchange.status != 200:  # of an error the body may tell it; a long answer is not read again for it
        found = as_text(as_object(parse(exchange.body)).get("requestId"))
    # Not every string of JSON is text, nor is every header: what is not could not be stored, and nor could the verdict.
    return found[:100].encode("utf-8", "replace").decode() if found else None


def refused_at_the_door(
    exchange: Exchange, items: Sequence[Item], wording: Wording, *, key: str, access: str
) -> Verdict | None:
    """The answers that mean the same at every endpoint, or none at all; ``None`` for all the others.

    401, 403, 413 and 429 come from in front of the handler and prove that nothing was applied (docs/services.md,
    Definite answers). ``key`` and ``access`` say what to do about the first two.
    """
    status, service = exchange.status, wording.service
    if status is None:
        return _no_answer(exchange, items, service)
    if status == 200:
        return None  # what nearly every call ends with; its long answer is read once, by who judges it
    words = wording.words(exchange.body)
    said = f"{status}: {words}" if words else str(status)
    if status == 401:
        pause = Pause(PauseKind.KEY, f"Nothing was sent: {service} does not accept the key ({said}). {key}")
        return not_sent(exchange, items, pause.message, pause=pause)
    if status == 403:
        pause = Pause(PauseKind.ACCESS, f"Nothing was sent: the key may not do this at {service} ({said}). {access}")
        return not_sent(exchange, items, pause.message, pause=pause)
    if status == 429:
        return _limited(exchange, items, service)
    if status == 413:
        return _too_large(exchange, items, wording)
    if exchange.proof is Proof.NOTHING_HAPPENED:
        return not_sent(exchange, items, f"Nothing was sent: {service} answered {said} before the call was complete.")
    return None


def _no_answer(exchange: Exchange, items: Sequence[Item], service: str) -> Verdict:
    trouble = exchange.trouble or "the request failed"
    if exchange.proof is Proof.NOTHING_HAPPENED:
        return not_sent(exchange, items, f"Nothing was sent: {service} could not be reached ({trouble}).")
    detail = f"It is not known whether {service} acted on the call: {trouble}."
    return unknown(exchange, items, detail)


def _limited(exchange: Exchange, items: Sequence[Item], service: str) -> Verdict:
    wait = exchange.wait or 0.0
    if wait > QUOTA_WAIT:
        message = (
            f"Nothing was sent: the account's requests at {service} seem to be used up, it asks to wait "
            f"{_long(wait)}. Resume the batch then, or move the account to a larger plan."
        )
        if wait > _LONGEST_MEANT:
            message = (
                f"Nothing was sent: {service}'s rate limit is reached, and it asks to wait for years, which cannot be "
                "meant. Resume the batch in an hour; if it says so again, ask its support."
            )
        return not_sent(exchange, items, message, pause=Pause(PauseKind.QUOTA, message))
    detail = f"Nothing was sent: {service}'s rate limit is reached; the next call is made in {max(wait, 1):.0f} s."
    return not_sent(exchange, items, detail, wait=wait)


def _too_large(exchange: Exchange, items: Sequence[Item], wording: Wording) -> Verdict:
    detail = f"Nothing was sent: {wording.service} does not take a call this large (413)."
    if len(items) > 1:
        return not_sent(exchange, items, detail, refused_whole=True)
    pause = Pause(PauseKind.SETTINGS, f"{detail} It holds one award only: check the service's address in the settings.")
    return not_sent(exchange, items, pause.message, pause=pause)


def _long(seconds: float) -> str:
    hours = round(seconds / 3600)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
