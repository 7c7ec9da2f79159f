"""What Drip's answers to the two batch writes say about each award. Pure: an answer in, outcomes out.

Whatever the answer looks like, every item gets exactly one outcome, and APPLIED only when the answer names the item as
done, in our currency, and says nothing to the contrary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.domain.calls import Item, Outcome, OutcomeKind
from bot.domain.model import SPELLED_ALIKE, Recipient, RecipientType
from bot.domain.places import credential
from bot.domain.probing import Leg
from bot.providers.reading import as_list, as_object, as_text, as_whole, parse
from bot.providers.wording import Wording, blame

UNREADABLE_ANSWER = "Drip's answer cannot be read, so it is not known whether this was paid."
NOT_NAMED = "Drip's answer does not name this award, so it is not known whether it was paid."
CONTRADICTION = "Drip's answer contradicts itself about this award, so it is not known whether it was paid."
OTHER_CURRENCY = "Drip's answer names another currency for this award, so it is not known what was paid."
PERHAPS_CUT = "Drip takes no more than there is, and nothing is left: it is not known whether all of this was taken."
NOT_CONFIRMED = "Drip answered without confirming the call, so it is not known whether this was paid."

Name = tuple[str, str]
"""A credential as an answer names it: type and value, spelled as ``Recipient.key`` spells them."""


def read_credentials(
    body: bytes, items: Sequence[Item], currency: str | None, wording: Wording, legs: Sequence[Leg] = ()
) -> tuple[dict[int, Outcome], str | None]:
    """Outcomes of a 200 to the credentials batch (``results[]``, ``errors[]``, or neither), and the words of an error
    that is about the settings instead of a row, if there is one.

    Entries are matched by type and value; their order is not promised, and they do not repeat ``source``, so two
    items with one type and value, or an item and one of the call's own rows (``legs``), cannot be told apart and are
    unknown unless every entry has its source.
    """
    answer = parse(body)
    if not isinstance(answer, dict):
        return {item.award_id: Outcome(OutcomeKind.UNKNOWN, UNREADABLE_ANSWER) for item in items}, None
    results = _by_name(as_list(answer.get("results")))
    errors = _by_name(as_list(answer.get("errors")))
    names = [credential_name(item.recipient) for item in items]
    shared = _shared([*names, *(credential_name(credential(leg.purse.holder)) for leg in legs)])
    # A call of which some items failed may well be called no success as a whole; the lists then tell item by item.
    # A call that is called no success although nothing failed says two things at once.
    said = answer.get("success", True)
    confirmed = said is True or (said is False and bool(errors))
    outcomes: dict[int, Outcome] = {}
    fault: str | None = None
    for item, name in zip(items, names, strict=True):
        done: Sequence[Mapping[str, Any]] = results.get(name, ())
        failed: Sequence[Mapping[str, Any]] = errors.get(name, ())
        if item.recipient.source is not None or name in shared:
            done = _own(done, item.recipient, strict=name in shared)
            failed = _own(failed, item.recipient, strict=name in shared)
        outcome = _credential(item, done, failed, currency, wording, confirmed=confirmed)
        if failed and outcome.kind is OutcomeKind.NOT_SENT:
            fault = fault or wording.words_of(failed[0])
        outcomes[item.award_id] = outcome
    return outcomes, fault


def _credential(
    item: Item,
    done: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, Any]],
    currency: str | None,
    wording: Wording,
    *,
    confirmed: bool,
) -> Outcome:
    if done and failed:
        return Outcome(OutcomeKind.UNKNOWN, CONTRADICTION)
    if failed:
        return refused(wording.words_of(failed[0]), wording, deducts=item.amount < 0)
    if not done:
        return Outcome(OutcomeKind.UNKNOWN, NOT_NAMED)
    if not confirmed:
        return Outcome(OutcomeKind.UNKNOWN, NOT_CONFIRMED)
    return _done(done, currency, "realmPointId", "balance")


def uncut(outcomes: Mapping[int, Outcome], items: Sequence[Item]) -> dict[int, Outcome]:
    """Of a service that cuts deductions down to what there is: those that are called done are, if something is left."""
    perhaps_cut = Outcome(OutcomeKind.UNKNOWN, PERHAPS_CUT)
    return {
        item.award_id: perhaps_cut
        if item.amount < 0 and told.kind is OutcomeKind.APPLIED and (told.balance or 0) <= 0
        else told
        for item in items
        for told in (outcomes[item.award_id],)
    }


def refused(words: str | None, wording: Wording, *, deducts: bool) -> Outcome:
    """One item that the answer lists under ``errors``. What the settings are to blame for is no verdict on the row."""
    if blame(words) is not None:
        return Outcome(OutcomeKind.NOT_SENT, f"Not paid, because of a setting: {words}.")
    return Outcome(OutcomeKind.REJECTED, wording.refusal(words, deducts=deducts))


def _done(entries: Sequence[Mapping[str, Any]], currency: str | None, key: str, after: str | None) -> Outcome:
    """An item that the answer names as done, in one or several entries that have to agree. ``after``: what holds the
    balance after it; ``None``: nothing is known to."""
    balance: int | None = None
    for number, entry in enumerate(entries):
        if entry.get("error") or entry.get("success") is False:
            return Outcome(OutcomeKind.UNKNOWN, CONTRADICTION)
        named = entry.get(key)
        if named != currency and _is_another(named, currency):
            return Outcome(OutcomeKind.UNKNOWN, OTHER_CURRENCY)
        told = as_whole(entry.get(after)) if after is not None else None
        if number and told != balance:
            return Outcome(OutcomeKind.UNKNOWN, CONTRADICTION)
        balance = told
    return Outcome(OutcomeKind.APPLIED, None, balance)


def _is_another(named: object, currency: str | None) -> bool:
    """Whether what an answer names as its currency is surely not ours."""
    text = as_text(named)
    return text is not None and currency is not None and text.lower() != currency.lower()


def credential_name(recipient: Recipient) -> Name:
    """The recipient as an answer would name it."""
    return _name(recipient.type, recipient.value)


def _name(kind: str, value: str) -> Name:
    if kind not in SPELLED_ALIKE:
        return kind, value
    return kind, Recipient(RecipientType(kind), value).key.partition(":")[2]


def _by_name(entries: Sequence[Any]) -> dict[Name, list[Mapping[str, Any]]]:
    found: dict[Name, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if not isinstance(entry, dict):
            continue
        kind, value = entry.get("type"), entry.get("value")
        if isinstance(kind, str) and isinstance(value, str):
            name = _name(kind, value)
            if name in found:
                found[name].append(entry)
            else:
                found[name] = [entry]
    return found


def _shared(names: Sequence[Name]) -> frozenset[Name]:
    if len(set(names)) == len(names):
        return frozenset()
    return frozenset(name for name, count in Counter(names).items() if count > 1)


def _own(entries: Sequence[Mapping[str, Any]], recipient: Recipient, *, strict: bool) -> Sequence[Mapping[str, Any]]:
    """The entries about this recipient: of the same source, or (unless ``strict``) of none.

    Only custom credentials have a source of their own; what an answer says there for the others is not compared.
    """
    own = []
    for entry in entries:
        source = as_text(entry.get("source"))
        compared = source is not None and recipient.source is not None
        if (source or "").lower() == (recipient.source or "").lower() if compared else not strict:
            own.append(entry)
    return own


def read_members(
    body: bytes, items: Sequence[Item], currency: str | None, legs: Sequence[Leg] = (), *, tells_balances: bool = False
) -> tuple[dict[int, Outcome], dict[str, list[int | None]]]:
    """Outcomes of a 200 to the members batch, and for the record both balances that the answer gives by award id.

    The call is one transaction, but an item that the answer does not name stays unknown. Which of ``balance`` and
    ``newBalance`` is the one afterwards is undocumented (docs/services.md): ``newBalance`` is taken for it if it
    ``tells_balances``, as a probe has shown, and ``balance`` never.
    """
    answer = parse(body)
    if not isinstance(answer, dict):
        return {item.award_id: Outcome(OutcomeKind.UNKNOWN, UNREADABLE_ANSWER) for item in items}, {}
    if answer.get("success") is not True:
        return {item.award_id: Outcome(OutcomeKind.UNKNOWN, NOT_CONFIRMED) for item in items}, {}
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for entry in map(as_object, as_list(answer.get("updates"))):
        if isinstance(named := entry.get("dripId"), str) and not any(_is(entry, leg) for leg in legs):
            by_id.setdefault(named.lower(), []).append(entry)
    outcomes: dict[int, Outcome] = {}
    balances: dict[str, list[int | None]] = {}
    for item in items:
        entries = by_id.get(item.target.lower(), ())
        if not entries:
            outcomes[item.award_id] = Outcome(OutcomeKind.UNKNOWN, NOT_NAMED)
            continue
        outcomes[item.award_id] = _done(entries, currency, "currencyId", "newBalance" if tells_balances else None)
        balances[str(item.award_id)] = [as_whole(entries[0].get("balance")), as_whole(entries[0].get("newBalance"))]
    return outcomes, balances


def told_of_members(body: bytes, legs: Sequence[Leg]) -> list[int | None]:
    """What a 200 to the members batch tells of the call's own rows; empty when it is no success.

    ``newBalance`` only: ``balance`` may be the one before (docs/services.md, Balances in an answer).
    """
    answer = parse(body) if legs else None
    if not isinstance(answer, dict) or answer.get("success") is not True:
        return []
    entries = [as_object(entry) for entry in as_list(answer.get("updates"))]
    return [_only(as_whole(entry.get("newBalance")) for entry in entries if _is(entry, leg)) for leg in legs]


def told_of_credentials(body: bytes, legs: Sequence[Leg]) -> list[int | None]:
    """The same of the credentials batch; a row of the call's own that was refused tells nothing."""
    if not legs:
        return []
    results = _by_name(as_list(as_object(parse(body)).get("results")))
    told = []
    for leg in legs:
        own = credential(leg.purse.holder)
        entries = _own(results.get(credential_name(own), ()), own, strict=False)
        told.append(_only(as_whole(entry.get("balance")) for entry in entries))
    return told if results else []


def _is(entry: Mapping[str, Any], leg: Leg) -> bool:
    """Whether an entry of a members answer is about this row of the call's own."""
    named = (str(entry.get("dripId", "")).lower(), str(entry.get("currencyId", "")).lower())
    return named == (leg.purse.holder.lower(), leg.purse.currency.lower())


def _only(found: Iterable[int | None]) -> int | None:
    """The one value that they agree on."""
    different = set(found)
    return different.pop() if len(different) == 1 else None
