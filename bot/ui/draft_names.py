"""What open drafts are called where several of them are listed, so that a person can tell them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.ledger.drafts import Draft
from bot.services.submitting import MembersDrafted
from bot.ui.text import escape, named_as, plain, points, when

_OF_A_BATCH: Final = {"undo": "takes batch {} back", "retry": "rows of batch {} again"}


@dataclass(frozen=True, slots=True)
class ListedDraft:
    """An open draft, with what is known of whom it is for."""

    draft: Draft
    members: MembersDrafted | None = None
    """Of a draft that ``/award`` made."""


def draft_line(listed: ListedDraft, strangers: frozenset[str] = frozenset()) -> str:
    """A draft in a card's list, its members as mentions; the ``strangers`` by their ids: they are no members here."""
    draft, members = listed.draft, listed.members
    if members is None:
        named = escape(_named(draft), 60)
    else:
        reason = f" · {escape(draft.reason, 60)}" if draft.reason else ""
        named = _for([named_as(row.recipient, strangers) for row in members.first], members, draft) + reason
    return f"- Draft {draft.id} · {named} · by {escape(draft.actor.name, 40)} · gone {when(draft.expires_at, 'R')}"


def draft_choice(listed: ListedDraft, names: Mapping[str, str]) -> tuple[str, str]:
    """Label and description in a menu, where a mention would be a number. ``names`` by Discord id, as far as known."""
    draft, members = listed.draft, listed.members
    if members is None:
        return plain(f"Draft {draft.id} · {_named(draft)}"), plain(f"by {draft.actor.name}")
    people = [plain(names.get(row.recipient.value, row.recipient.value), 32) for row in members.first]
    reason = f" · {draft.reason}" if draft.reason else ""
    return plain(f"Draft {draft.id} · {_for(people, members, draft)}"), plain(f"by {draft.actor.name}{reason}")


def _named(draft: Draft) -> str:
    named = draft.label or draft.file_name or draft.reason
    if draft.parent_id is None or draft.source not in _OF_A_BATCH:
        return named or "pasted rows"
    what = _OF_A_BATCH[draft.source].format(draft.parent_id)
    return f"{what} · {named}" if named else what


def _for(people: Sequence[str], members: MembersDrafted, draft: Draft) -> str:
    """``50 points for @a``, ``120 points for @a, @b and 3 more``, ``takes 50 points from @a``."""
    totals, unit = members.totals, draft.destination.unit
    more = totals.rows - len(people)
    whom = ", ".join(people) + (f" and {more:,} more" if more > 0 else "")
    if not totals.rows:
        return "nobody"
    if not totals.taken:
        return f"{points(totals.given, unit)} for {whom}"
    if not totals.given:
        return f"takes {points(totals.taken, unit)} from {whom}"
    return f"gives {points(totals.given, unit)}, takes {points(totals.taken, unit)} · {whom}"
