"""Rows, problems, warnings and times in the shapes that the command line's JSON promises. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bot.domain.model import Notice, Problem, Recipient

Json = dict[str, Any]


def time_json(unix_ms: int) -> str:
    """``2026-07-31T12:00:00.123Z``: a recorded time, wherever JSON or an export tells one."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def recipient_json(recipient: Recipient) -> Json:
    """``type``, ``value``, ``source``; values are text, always."""
    return {"type": recipient.type.value, "value": recipient.value, "source": recipient.source}


def problems_json(problems: Iterable[Problem]) -> list[Json]:
    """``line``, ``column``, ``kind``, ``message`` of each."""
    return [{"line": one.line, "column": one.column, "kind": one.kind, "message": one.message} for one in problems]


def warnings_json(warnings: Iterable[Notice]) -> list[Json]:
    """``kind``, ``message``, ``lines`` of each."""
    return [{"kind": one.kind, "message": one.message, "lines": list(one.lines)} for one in warnings]
