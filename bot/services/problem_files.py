"""The CSV of a draft's bad rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bot.domain.intake import original_records
from bot.domain.reporting import problems_csv
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.services import records


async def problems_file(ledger: Ledger, draft: Draft) -> AsyncIterator[bytes]:
    """The original columns plus ``problem``, one line per bad row; nothing for a draft without a file."""
    facts = records.facts_from(draft.request)
    if facts is None or draft.file_sha256 is None:
        return
    by_line: dict[int, str] = {}
    for problem in await ledger.drafts.problems(draft.id):
        said = f"{problem.column}: {problem.message}" if problem.column else problem.message
        by_line[problem.line] = f"{by_line[problem.line]}; {said}" if problem.line in by_line else said
    content = await ledger.drafts.file(draft.file_sha256)
    pieces = problems_csv(facts.columns, original_records(content, facts), by_line)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
