"""How drafts and batches keep what they were asked for and what was found, as JSON in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.domain.intake import FileFacts, ReadingOptions
from bot.domain.model import Actor, Duplicates, Notice, Programme, RecipientType, Refusal
from bot.ledger.drafts import Draft, NewDraft
from bot.services.wishes import Wish


def request_json(wish: Wish, options: ReadingOptions, facts: FileFacts | None = None) -> dict[str, object]:
    """How the rows were asked for and the file was read: enough to read it the same way again."""
    return {
        "amount": wish.amount,
        "duplicates": wish.duplicates.value,
        "recipient_column": wish.recipient_column,
        "amount_column": wish.amount_column,
        "judged_at": options.now_ms,
        "facts": None if facts is None else asdict(facts),
    }


def bare_draft(
    source: str,
    wish: Wish,
    actor: Actor,
    options: ReadingOptions,
    parent_id: int | None = None,
    *,
    members: Sequence[str] = (),
) -> NewDraft:
    """A draft without a file; ``parent_id``: the batch that it goes on with or takes back; ``members``: the Discord ids
    of its rows, for a command that names them."""
    return NewDraft(
        source=source,
        actor=actor,
        programme=wish.programme.name,
        destination=wish.programme.destination,
        reason=wish.reason,
        label=wish.label,
        file_name=None,
        file_content=None,
        file_sha256=None,
        parent_id=parent_id,
        request={**request_json(wish, options), **({"members": list(members)} if members else {})},
    )


def members_of(draft: Draft) -> Sequence[str]:
    """The Discord ids behind rows 1, 2, 3, … of a draft that a command made; of any other, and of one that was made
    before they were kept, none."""
    named = draft.request.get("members")
    return [str(one) for one in named] if isinstance(named, list) else []


def wish_from(draft: Draft, programme: Programme) -> Wish:
    """The wish that a draft was made from."""
    request = draft.request
    return Wish(
        programme,
        reason=draft.reason,
        label=draft.label,
        amount=_optional_text(request.get("amount")),
        duplicates=Duplicates(str(request.get("duplicates", Duplicates.SUM.value))),
        recipient_column=_optional_text(request.get("recipient_column")),
        amount_column=_optional_text(request.get("amount_column")),
    )


def facts_from(request: Mapping[str, object]) -> FileFacts | None:
    """What was found in the file, from a stored request; ``None`` when the rows did not come from a file."""
    stored = request.get("facts")
    if not isinstance(stored, Mapping):
        return None
    values: dict[str, Any] = dict(stored)
    values["recipient_type"] = RecipientType(values["recipient_type"])
    values["columns"] = tuple(values["columns"])
    values["ignored"] = tuple(values["ignored"])
    values["other_recipient_columns"] = tuple(values["other_recipient_columns"])
    return FileFacts(**values)


def summary_json(facts: FileFacts | None, refusal: Refusal | None, warnings: Sequence[Notice]) -> dict[str, object]:
    """What the check found, as it is shown."""
    return {
        "facts": None if facts is None else asdict(facts),
        "refused": None if refusal is None else asdict(refusal),
        "warnings": _told(warnings),
    }


def with_warnings(summary: Mapping[str, object], warnings: Sequence[Notice]) -> dict[str, object]:
    """A stored summary with other warnings."""
    return {**summary, "warnings": _told(warnings)}


def _told(warnings: Sequence[Notice]) -> list[dict[str, object]]:
    # Not ``asdict``: it would copy every number of what may be every line of a file, and this runs on the event loop.
    return [{"kind": one.kind, "message": one.message, "lines": one.lines} for one in warnings]


def refusal_from(summary: Mapping[str, object]) -> Refusal | None:
    """The refusal of a stored summary."""
    stored = summary.get("refused")
    if not isinstance(stored, Mapping):
        return None
    return Refusal(str(stored["kind"]), str(stored["message"]), tuple(stored["choices"]))


def warnings_from(summary: Mapping[str, object]) -> tuple[Notice, ...]:
    """The warnings of a stored summary."""
    stored = summary.get("warnings")
    if not isinstance(stored, Sequence):
        return ()
    return tuple(Notice(one["kind"], one["message"], tuple(one["lines"])) for one in stored)


def _optional_text(value: object) -> str | None:
    return value if isinstance(value, str) else None
