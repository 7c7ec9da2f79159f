"""Rows, problems and warnings in the shapes that the command line's JSON promises. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.domain.model import Notice, Problem, Recipient

Json = dict[str, Any]


def recipient_json(recipient: Recipient) -> Json:
    """``type``, ``value``, ``source``; values are text, always."""
    return {"type": recipient.type.value, "value": recipient.value, "source": recipient.source}


def problems_json(problems: Iterable[Problem]) -> list[Json]:
    """``line``, ``column``, ``kind``, ``message`` of each."""
    return [{"line": one.line, "column": one.column, "kind": one.kind, "message": one.message} for one in problems]


def warnings_json(warnings: Iterable[Notice]) -> list[Json]:
    """``kind``, ``message``, ``lines`` of each."""
    return [{"kind": one.kind, "message": one.message, "lines": list(one.lines)} for one in warnings]
