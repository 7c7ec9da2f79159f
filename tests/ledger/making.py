"""Drafts, batches and calls for the ledger's tests, in few words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.domain.calls import Claim, Item, Outcome, OutcomeKind, Verdict
from bot.domain.drafting import StagedRow
from bot.domain.lanes import Plan
from bot.domain.model import Actor, Award, Counts, Destination, Problem, ProviderKind, Recipient, RecipientType, Unit
from bot.domain.probing import Leg
from bot.domain.states import AwardState
from bot.ledger._calls import BuildBody
from bot.ledger.drafts import Draft, NewDraft
from bot.ledger.ledger import Ledger
from bot.ledger.queries import Attempt
from bot.ledger.recording import Confirmation, Recorded

START = 1_800_000_000.0
REALM = "0123456789abcdef01234567"
CURRENCY = "c0ffee00c0ffee00c0ffee00"
CREDENTIALS = Destination(ProviderKind.DRIP_CREDENTIALS, REALM, CURRENCY, Unit.POINTS, None)
MEMBERS = replace(CREDENTIALS, kind=ProviderKind.DRIP_MEMBERS)
GAMEBALL = Destination(ProviderKind.GAMEBALL, "fingerprint", None, Unit.POINTS, "{discord_id}")

ADA = Actor("11", "Ada", "900")
BOB = Actor("22", "Bob", "900")
STRANGER = Actor("33", "Eve", "901")
SHELL = Actor("cli", "command line", None)


@dataclass
class HandClock:
    """Time that moves when it is told to."""

    at: float = START
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += max(0.0, seconds)

    @property
    def ms(self) -> int:
        return round(self.at * 1000)


def member(number: int) -> Recipient:
    """A Discord member; numbers tell them apart."""
    return Recipient(RecipientType.DISCORD_ID, str(100_000_000_000_000_000 + number))


def row(line: int, who: int | Recipient, amount: int = 10, **more: object) -> StagedRow:
    """A staged row whose target is the recipient's value, unless told otherwise."""
    recipient = member(who) if isinstance(who, int) else who
    values: dict[str, object] = {"lines": None, "target": recipient.value, "reason": None, **more}
    return StagedRow(line=line, recipient=recipient, amount=amount, **values)  # type: ignore[arg-type] # test shorthand


def rows(number: int, *, first: int = 1, amount: int = 10) -> list[StagedRow]:
    """Rows for so many different members, from line 2 on."""
    return [row(line, first + line - 2, amount) for line in range(2, 2 + number)]


def new_draft(actor: Actor = ADA, destination: Destination = CREDENTIALS, **more: object) -> NewDraft:
    """A draft without a file."""
    values: dict[str, object] = {
        "source": "file",
        "programme": destination.kind.value,
        "reason": None,
        "label": None,
        "file_name": "week-31.csv",
        "file_content": None,
        "file_sha256": None,
        "parent_id": None,
        "request": {},
        **more,
    }
    return NewDraft(actor=actor, destination=destination, **values)  # type: ignore[arg-type] # test shorthand


async def draft(
    ledger: Ledger,
    staged: Sequence[StagedRow],
    problems: Sequence[Problem] = (),
    *,
    actor: Actor = ADA,
    destination: Destination = CREDENTIALS,
    **more: object,
) -> Draft:
    """A draft that is ready to be confirmed."""
    draft_id = await ledger.drafts.create(new_draft(actor, destination, **more))
    await ledger.drafts.stage(draft_id, staged, problems)
    return await ledger.drafts.finish(draft_id, refused=False, summary={})


def confirmation(of: Draft, actor: Actor = ADA, **more: object) -> Confirmation:
    """A confirmation of the draft as it is."""
    return Confirmation(actor=actor, content_hash=of.content_hash or "", **more)  # type: ignore[arg-type] # test shorthand


async def agreed(ledger: Ledger, of: Draft) -> Confirmation:
    """A confirmation that pays again whatever was paid lately."""
    return confirmation(of, again=True, matches_seen=(await ledger.drafts.matches(of.id)).mark)


async def record_again(ledger: Ledger, of: Draft) -> Recorded:
    """The draft as a batch, whatever was paid lately."""
    return await ledger.recording.record_batch(of.id, await agreed(ledger, of))


async def record(
    ledger: Ledger,
    staged: Sequence[StagedRow],
    problems: Sequence[Problem] = (),
    *,
    actor: Actor = ADA,
    destination: Destination = CREDENTIALS,
    decided: Mapping[str, object] | None = None,
    **more: object,
) -> Recorded:
    """A recorded batch. ``decided``: parts of the confirmation."""
    ready = await draft(ledger, staged, problems, actor=actor, destination=destination, **more)
    matches = await ledger.drafts.matches(ready.id)
    choice = {"again": True, "good_rows": True, "matches_seen": matches.mark, **(decided or {})}
    return await ledger.recording.record_batch(ready.id, confirmation(ready, actor, **choice))


async def batch_of(ledger: Ledger, number: int, **more: object) -> int:
    """A recorded batch for so many members. Returns its id."""
    return (await record(ledger, rows(number), **more)).batch_id  # type: ignore[arg-type] # test shorthand


def build(items: Sequence[Item], token: str, legs: Sequence[Leg] = ()) -> bytes:
    """A body that tells its parts."""
    return f"{token}:{','.join(str(item.award_id) for item in items)}".encode()


async def next_call(ledger: Ledger, batch_id: int, limit: int, body: BuildBody) -> Claim | None:
    """Claim what the next call of a batch carries, at most so many awards, on no lane; ``None``: none can be made."""
    claimed = await ledger.claims.claim(batch_id, Plan(limit), body)
    return claimed if isinstance(claimed, Claim) else None


async def claim(ledger: Ledger, batch_id: int, limit: int = 100) -> Claim:
    """The next call; there must be one."""
    claimed = await next_call(ledger, batch_id, limit, build)
    assert claimed is not None
    return claimed


def all_of(claimed: Claim, kind: OutcomeKind, detail: str | None = None, **more: object) -> Verdict:
    """A verdict that says the same of every award."""
    outcome = Outcome(kind, detail)
    return Verdict({item.award_id: outcome for item in claimed.items}, **more)  # type: ignore[arg-type] # test shorthand


def each_of(claimed: Claim, outcomes: Iterable[Outcome], **more: object) -> Verdict:
    """A verdict with these outcomes in the order of the call."""
    pairs = zip(claimed.items, outcomes, strict=True)
    return Verdict({item.award_id: outcome for item, outcome in pairs}, **more)  # type: ignore[arg-type] # test shorthand


async def call(ledger: Ledger, batch_id: int, kind: OutcomeKind, limit: int = 100, **more: object) -> Claim:
    """One whole call with one outcome for all."""
    claimed = await claim(ledger, batch_id, limit)
    await ledger.claims.record_outcome(claimed, all_of(claimed, kind, **more))
    return claimed


async def awards(ledger: Ledger, batch_id: int | None = None) -> list[Award]:
    """Every award by id."""
    return [award async for chunk in ledger.queries.awards(batch_id) for award in chunk]


async def attempts_of(ledger: Ledger, batch_id: int) -> list[Attempt]:
    """A batch's calls, oldest first."""
    sql = "SELECT id FROM attempts WHERE batch_id = ? ORDER BY id"
    found = await ledger.database.read(lambda connection: connection.execute(sql, (batch_id,)).fetchall())
    return [await ledger.queries.attempt(attempt_id) for (attempt_id,) in found]


async def in_doubt(ledger: Ledger, batch_id: int) -> list[int]:
    """Ids of awards in doubt."""
    return [award.id for award in await awards(ledger, batch_id) if award.state is AwardState.UNKNOWN]


async def states(ledger: Ledger, batch_id: int | None = None) -> list[str]:
    """The states of every award by id."""
    return [award.state.value for award in await awards(ledger, batch_id)]


async def counts(ledger: Ledger, batch_id: int) -> Counts:
    return await ledger.queries.counts(batch_id)


async def kinds(ledger: Ledger, batch_id: int) -> list[str]:
    """Kinds of the batch's events in order."""
    return [event.kind for event in await ledger.queries.events(batch_id)]


def query(path: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask the file itself, beside the ledger."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def content(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def names(path: Path, pattern: str = "*") -> list[str]:
    """Files in the ledger's directory."""
    return sorted(file.name for file in path.parent.glob(pattern))
