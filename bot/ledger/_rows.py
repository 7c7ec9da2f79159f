"""Rows of the ledger as values of the domain, and back. Column lists stand beside the functions that read them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.domain.calls import Item
from bot.domain.drafting import StagedRow
from bot.domain.model import (
    Actor,
    Award,
    Batch,
    Destination,
    Pause,
    PauseKind,
    ProviderKind,
    Recipient,
    RecipientType,
    Unit,
)
from bot.domain.states import AwardState, BatchState
from bot.ledger import _names

Row = tuple[Any, ...]

BATCH: Final = (
    "b.id, b.source, b.state, b.pause_kind, b.pause_detail, b.recorded_at, b.starts_at, b.finished_at, b.server_id,"
    " b.actor_id, b.actor_name, b.programme, b.kind, b.account, b.currency, b.unit, b.template, b.reason, b.label,"
    " b.file_name, b.file_sha256, b.parent_id, b.awards, b.total"
)
AWARD: Final = (
    "a.id, a.batch_id, a.line, a.lines, a.recipient_type, a.recipient_value, a.recipient_source, a.target, a.amount,"
    " a.reason, a.state, a.attempts, a.attempt_id, a.detail, a.balance, a.changed_at, a.continues, a.reverses,"
    " a.amounts"
)
ITEM: Final = "a.id, a.recipient_type, a.recipient_value, a.recipient_source, a.target, a.amount, a.reason"
STAGED: Final = (
    "d.line, d.lines, d.recipient_type, d.recipient_value, d.recipient_source, d.target, d.amount, d.reason,"
    " d.continues, d.unresolved, d.reverses, d.amounts"
)

_TYPES: Final = {kind.value: kind for kind in RecipientType}
_TYPE_NAMES: Final = {kind: kind.value for kind in RecipientType}
_STATES: Final = {state.value: state for state in AwardState}


def batch(row: Row) -> Batch:
    """From the columns ``BATCH``."""
    (id_, source, state, pause_kind, pause_detail, recorded_at, starts_at, finished_at, server_id) = row[:9]
    (actor_id, actor_name, programme, kind, account, currency, unit, template, reason, label) = row[9:19]
    (file_name, file_sha256, parent_id, awards, total) = row[19:]
    return Batch(
        id=id_,
        source=source,
        state=BatchState(state),
        pause=Pause(PauseKind(pause_kind), pause_detail or "") if pause_kind is not None else None,
        recorded_at=recorded_at,
        starts_at=starts_at,
        finished_at=finished_at,
        actor=Actor(actor_id, _names.shown(actor_name), server_id),
        programme=programme,
        destination=Destination(ProviderKind(kind), account, currency, Unit(unit), template),
        reason=reason,
        label=label,
        file_name=file_name,
        file_sha256=file_sha256,
        parent_id=parent_id,
        awards=awards,
        total=total,
    )


def award(row: Row) -> Award:
    """From the columns ``AWARD``."""
    id_, batch_id, line, lines, type_, value, source, target, amount, reason, state, *rest = row
    attempts, attempt_id, detail, balance, changed_at, continues, reverses, amounts = rest
    return Award(
        id=id_,
        batch_id=batch_id,
        line=line,
        lines=lines_of(line, lines),
        recipient=Recipient(_TYPES[type_], value, source),
        target=target,
        amount=amount,
        reason=reason,
        state=_STATES[state],
        attempts=attempts,
        attempt_id=attempt_id,
        detail=detail,
        balance=balance,
        changed_at=changed_at,
        continues=continues,
        reverses=reverses,
        amounts=amounts_of(amounts),
    )


def item(row: Sequence[Any]) -> Item:
    """From the columns ``ITEM``."""
    id_, type_, value, source, target, amount, reason = row
    # One string for what says the same, which nearly all do: several calls of a thousand are held at once.
    target, reason = value if target == value else target, reason and sys.intern(reason)
    return Item(id_, Recipient(_TYPES[type_], value, source), target, amount, reason)


def staged(row: Row) -> StagedRow:
    """From the columns ``STAGED``."""
    line, lines, type_, value, source, target, amount, reason, continues, unresolved, reverses, amounts = row
    return StagedRow(
        line,
        tuple(json.loads(lines)) if lines is not None else None,
        Recipient(_TYPES[type_], value, source),
        target,
        amount,
        reason,
        continues,
        unresolved,
        reverses,
        amounts_of(amounts),
    )


def draft_row(draft_id: int, row: StagedRow) -> Row:
    """The values of a ``draft_rows`` row, in the order of its columns."""
    line, lines, who, target, amount, reason, continues, unresolved, reverses, amounts = row
    return (
        draft_id,
        line,
        as_json(lines) if lines is not None and len(lines) > 1 else None,
        as_json(amounts) if amounts is not None else None,
        who.type.value,
        who.value,
        who.source,
        who.key,
        target,
        amount,
        reason,
        continues,
        unresolved,
        reverses,
    )


def plain_draft_row(row: StagedRow) -> Row | None:
    """The values of a row without its draft, in the order of their columns, if the other columns are NULL."""
    line, lines, who, target, amount, reason, continues, unresolved, reverses, amounts = row
    kind, value, source = who
    is_one_line = lines is None and amounts is None
    if is_one_line and source is None and continues is None and unresolved is None and reverses is None:
        return line, _TYPE_NAMES[kind], value, who.key, target, amount, reason
    return None


def lines_of(line: int, lines: str | None) -> tuple[int, ...]:
    """Every original line behind a row."""
    return tuple(json.loads(lines)) if lines is not None else (line,)


def amounts_of(amounts: str | None) -> tuple[int, ...] | None:
    """What each of them says, where that is known."""
    return None if amounts is None else tuple(json.loads(amounts))


def as_json(value: object) -> str:
    """JSON as the ledger stores it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def mapping(text: str) -> Mapping[str, object]:
    """A stored JSON object."""
    value: dict[str, object] = json.loads(text)
    return value
