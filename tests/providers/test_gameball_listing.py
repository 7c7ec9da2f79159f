"""Whose calls Gameball lists: the tokens in our format behind a mark, with the time of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.domain.judging import Listed
from bot.providers.gameball_list import look_ahead


@dataclass
class Answer:
    body: bytes
    status: int = 200
    whole: bool = True


@dataclass
class Pages:
    """A line that answers with these pages, one after the other."""

    pages: list[list[dict[str, Any]]]
    asked: list[str] = field(default_factory=list)

    async def read(self, path: str, *, tries: int, readable: Callable[[bytes], bool]) -> Answer:
        self.asked.append(path)
        page = self.pages.pop(0)
        body = json.dumps({"transactions": page, "count": len(page), "hasMore": bool(self.pages)}).encode()
        assert readable(body)
        return Answer(body)


def row(number: int, reason: str | None, at: object = "2026-07-31T18:00:05.250") -> dict[str, Any]:
    return {"gameballTransactionId": str(number), "customerId": "7", "reason": reason, "transactionTime": at}


async def test_tokens_in_our_format_are_noted_with_their_newest_time() -> None:
    line = Pages(
        [
            [row(11, "Week 31 [bursar 0123456789]"), row(12, "a purchase", None), row(13, None)],
            [row(14, "[bursar 0123456789]", "2026-07-31T19:00:05+00:00"), row(15, "[bursar ABC] [bursar abcdefghjk]")],
        ]
    )
    seen = await look_ahead(line, 10)  # type: ignore[arg-type] # a line, as far as it is used
    assert seen.mark == 15
    seven = frozenset({"7"})
    assert seen.tokens == {
        "0123456789": Listed(1_785_524_405_000, seven),
        "abcdefghjk": Listed(1_785_520_805_250, seven),
    }
    assert "startAfter=10" in line.asked[0]


@pytest.mark.parametrize("at", [None, "", "yesterday", 5, ["x"], "9999999"])
async def test_a_time_that_cannot_be_read_is_none(at: object) -> None:
    seen = await look_ahead(Pages([[row(1, "[bursar 0123456789]", at)]]), None)  # type: ignore[arg-type] # as above
    assert seen.tokens == {"0123456789": Listed(None, frozenset({"7"}))}
