"""Sheets that grow and sheets that overlap, week after week, under whatever choice about duplicates: no row is paid
beyond what it says, and none is left unpaid without the card saying so.

What should come of it is told by a book of rows (``Book``) that knows nothing of how awards are compared.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from bot.domain.calls import OutcomeKind
from bot.domain.model import Award, Duplicates, RecipientType
from bot.errors import MatchedEarlier, Refused
from bot.services.previewing import Preview
from tests.ledger.making import all_of, build, next_call
from tests.services.office import MOD, NO_LIMITS, Door, Office, file_of, members

SHEETS = int(os.environ.get("BURSAR_TEST_SHEETS", "25"))
"""Tried by each test below."""
FIRST = int(os.environ.get("BURSAR_TEST_SHEETS_FROM", "0"))
WEEKS = 6
AMOUNTS = (1, 2, 3, 5, 10, 10, 10, 20, 30, -3, -10)
SUM, APART, ONCE = Duplicates.SUM, Duplicates.APART, Duplicates.ONCE


class SheetRow(NamedTuple):
    who: str
    amount: int


class Settled(NamedTuple):
    batch_id: int
    who: str
    amounts: tuple[int, ...]
    """Of its rows."""
    worth: int


@dataclass
class Book:
    """What the rows say, and what was done for each of them."""

    settled: dict[int, Settled] = field(default_factory=dict)
    """By award that stands."""

    def enter(self, award: Award, sheet: Sequence[SheetRow]) -> None:
        rows = [sheet[line - 2] for line in award.lines]
        (who,) = {row.who for row in rows}
        assert award.recipient.value == who or award.recipient.type is RecipientType.DRIP_ID
        amounts = tuple(row.amount for row in rows)
        assert award.amount in (sum(amounts), *amounts)
        self.settled[award.id] = Settled(award.batch_id, who, amounts, award.amount)

    def of(self, who: str) -> list[Settled]:
        return [one for one in self.settled.values() if one.who == who]

    def paid(self, who: str) -> int:
        return sum(one.worth for one in self.of(who))

    def rows(self, who: str) -> Counter[int]:
        """The rows that awards stand for, of each amount how many."""
        return Counter(amount for one in self.of(who) for amount in one.amounts)

    def owed(self, sheet: Sequence[SheetRow], who: str, choice: Duplicates) -> tuple[Counter[int], int]:
        """The rows of the sheet that nothing was done for, and what is to be paid for them."""
        rows = Counter(row.amount for row in sheet if row.who == who)
        if choice is not ONCE or rows.total() == 1:
            new = rows - self.rows(who)
            return new, sum(new.elements())
        repeated = [amount for amount, times in rows.items() if times > 1]
        if len(repeated) != 1 or self.rows(who)[repeated[0]]:
            return Counter(), 0
        return Counter({repeated[0]: rows[repeated[0]]}), repeated[0]


@dataclass
class Desk:
    """One moderator's weeks."""

    office: Office
    chance: random.Random
    people: list[str]
    programme: str = "drip-credentials"
    drip_ids: dict[str, str] = field(default_factory=dict)
    """How a members programme calls the people."""
    book: Book = field(default_factory=Book)
    seen: Counter[SheetRow] = field(default_factory=Counter)
    """Of each row, as often as it was in sheets side by side."""
    sheets: dict[int, list[SheetRow]] = field(default_factory=dict)
    """By batch."""

    def rows(self, number: int) -> list[SheetRow]:
        return [SheetRow(self.chance.choice(self.people), self.chance.choice(AMOUNTS)) for _ in range(number)]

    async def read(self, sheet: Sequence[SheetRow], choice: Duplicates) -> Preview:
        """Members are called by one name or another, differently in every sheet."""
        named = [(row.who, "") for row in sheet]
        if self.drip_ids:
            named = [(who, "") if self.chance.random() < 0.5 else ("", self.drip_ids[who]) for who, _ in named]
        rows = [(*names, row.amount) for names, row in zip(named, sheet, strict=True)]
        content = file_of(rows, "discord_id,drip_id,amount")
        return await self.office.draft(content, self.programme, duplicates=choice)

    async def send(self, preview: Preview, sheet: Sequence[SheetRow]) -> int | None:
        """Send what was not yet paid, and look at the card again where it comes back; the batch."""
        for _ in range(3):
            try:
                recorded = await self.office.confirm(preview, skip_matched=True, good_rows=True)
            except MatchedEarlier:
                preview = await self.office.app.services.submitting.preview(preview.draft.id, MOD, NO_LIMITS)
                continue
            except Refused as refused:
                if "nothing to send" not in refused.message:
                    raise
                return None
            self.sheets[recorded.batch_id] = list(sheet)
            for award in await self.office.awards(recorded.batch_id):
                self.book.enter(award, sheet)
            return recorded.batch_id
        raise AssertionError("the card comes back again and again")

    async def check(self, batch_id: int, before: Book, choice: Duplicates) -> None:
        """No more was paid than there are rows. Whatever is not paid is told of in the result file, in true words; of
        the rows that nothing was done for ``before`` only those that add up to nothing, or to what one award was."""
        sheet, result = self.sheets[batch_id], await self.office.result(batch_id)
        for one, number in self.seen.items():
            assert self.book.rows(one.who)[one.amount] <= number, f"more often than there are: {one}"
        paid, told = Counter[SheetRow](), dict[tuple[str, int], list[int]]()
        for row, said in zip(sheet, result, strict=True):
            if said["status"] != "not sent":
                paid[row] += said["status"] != "no award" or "adds up to 0" in said["detail"]
            elif same := re.fullmatch(r"not sent again: the same is in batch (\d+)", said["detail"]):
                told.setdefault((row.who, int(same[1])), []).append(row.amount)
            else:
                assert "recipient" in said["detail"], said
                paid[row] += 1  # a bad row, told of on the card
        for (who, named), amounts in told.items():
            has = [one for one in before.of(who) if one.batch_id == named]
            of_rows = Counter(amount for one in has for amount in one.amounts)
            worth = {one.worth for one in has}
            assert all(of_rows[amount] for amount in amounts) or worth & {sum(amounts), *amounts}, (who, named, amounts)
        for who in self.people:
            rows = Counter(row.amount for row in sheet if row.who == who)
            new = rows - before.rows(who) - Counter({row.amount: n for row, n in paid.items() if row.who == who})
            if choice is ONCE:
                new = Counter({amount: n for amount, n in new.items() if not before.rows(who)[amount]})
            assert not new or {one.worth for one in before.of(who)} & {sum(new.elements()), *new}, (who, new)


@asynccontextmanager
async def desks(door: Door, programme: str = "drip-credentials") -> AsyncIterator[list[Desk]]:
    async with door.open(dispatching=False) as office:
        found = []
        for number in range(FIRST, FIRST + SHEETS):
            chance = random.Random(f"sheet {number}")  # noqa: S311 - a reproducible case
            people = members(chance.randint(1, 3), first=number * 3)
            drip_ids: dict[str, str] = {}
            if programme == "drip-members":
                seeded = await door.sandbox.seed(discord_ids=people)
                drip_ids = dict(zip(people, seeded["members"], strict=True))
            found.append(Desk(office, chance, people, programme, drip_ids))
        yield found


@pytest.mark.no_cover
@pytest.mark.parametrize("programme", ["drip-credentials", "drip-members"])
async def test_a_sheet_that_only_grows_pays_every_row_once_whatever_the_choice(programme: str, door: Door) -> None:
    async with desks(door, programme) as every:
        for desk in every:
            switching = desk.chance.random() < 0.6
            choice, sheet = SUM, list[SheetRow]()
            for _ in range(WEEKS):
                choice = desk.chance.choice((SUM, SUM, APART, ONCE)) if switching else choice
                sheet += desk.rows(desk.chance.randint(1, 5))
                desk.chance.shuffle(sheet)
                owed = {who: desk.book.owed(sheet, who, choice) for who in desk.people}
                before = {who: desk.book.paid(who) for who in desk.people}
                worth = {who: {one.worth for one in desk.book.of(who)} for who in desk.people}
                await desk.send(await desk.read(sheet, choice), sheet)
                for who, (new, amount) in owed.items():
                    if choice is ONCE and desk.book.paid(who) == before[who] and amount in worth[who]:
                        continue  # one award was worth as much, and the rows that it was made of are bad ones now
                    assert desk.book.paid(who) - before[who] == amount, (who, choice, new, sheet, desk.book)


@pytest.mark.no_cover
async def test_sheets_that_overlap_pay_no_row_beyond_what_it_says_whatever_becomes_of_awards(door: Door) -> None:
    """Some rows are left out of a sheet and come back in another one; cards are confirmed long after they were made;
    awards are refused and tried again, end in doubt, are undone."""
    async with desks(door) as every:
        for desk in every:
            await Overlapping(desk).weeks()


@dataclass
class Overlapping:
    """Weeks in which anything may happen."""

    desk: Desk
    all_rows: list[SheetRow] = field(default_factory=list)
    cards: list[tuple[Preview, list[SheetRow], Duplicates]] = field(default_factory=list)

    async def weeks(self) -> None:
        chance = self.desk.chance
        happenings = (self.read, self.read, self.read, self.confirm, self.confirm, self.outcome, self.outcome)
        for _ in range(4 * WEEKS):
            await chance.choice((*happenings, self.undo, self.retry, self.continue_))()
        while self.cards:
            await self.confirm()

    async def read(self) -> None:
        desk = self.desk
        new = desk.rows(desk.chance.randint(0, 3))
        desk.seen += Counter(new)
        self.all_rows += new
        sheet = [row for row in self.all_rows if row in new or desk.chance.random() < 0.8]
        desk.chance.shuffle(sheet)
        if sheet:
            choice = desk.chance.choice((SUM, SUM, APART, ONCE))
            preview = await desk.read(sheet, choice)
            if preview.totals.rows:
                self.cards.append((preview, sheet, choice))

    async def confirm(self) -> None:
        desk = self.desk
        if not self.cards:
            return
        preview, sheet, choice = self.cards.pop(desk.chance.randrange(len(self.cards)))
        before = Book(dict(desk.book.settled))
        batch_id = await desk.send(preview, sheet)
        if batch_id is not None:
            await desk.check(batch_id, before, choice)

    async def outcome(self) -> None:
        """Calls of a batch: they land, are refused, or end in doubt."""
        desk = self.desk
        if not desk.sheets:
            return
        batch_id, ledger = desk.chance.choice(list(desk.sheets)), desk.office.app.ledger
        landed = (OutcomeKind.APPLIED,) * 3
        kind = desk.chance.choice((*landed, OutcomeKind.REJECTED, OutcomeKind.REJECTED, OutcomeKind.UNKNOWN))
        while claimed := await next_call(ledger, batch_id, 2, build):
            await ledger.claims.record_outcome(claimed, all_of(claimed, kind))
        for award in await desk.office.awards(batch_id):
            if award.state.value == "rejected":
                desk.book.settled.pop(award.id, None)

    async def undo(self) -> None:
        desk, office = self.desk, self.desk.office
        for batch_id in desk.chance.sample(list(desk.sheets), len(desk.sheets)):
            try:
                undo = await office.app.services.submitting.draft_undo(batch_id, MOD, NO_LIMITS)
            except Refused:
                continue
            recorded = await office.confirm(undo)
            while claimed := await next_call(office.app.ledger, recorded.batch_id, 9, build):
                kind = desk.chance.choice((OutcomeKind.APPLIED, OutcomeKind.APPLIED, OutcomeKind.REJECTED))
                await office.app.ledger.claims.record_outcome(claimed, all_of(claimed, kind))
            for award in await office.awards(recorded.batch_id):
                if award.state.value == "applied":
                    desk.book.settled.pop(award.reverses or 0, None)
            return

    async def retry(self) -> None:
        desk, office = self.desk, self.desk.office
        programme = office.app.services.programmes.get("drip-credentials")
        for batch_id in desk.chance.sample(list(desk.sheets), len(desk.sheets)):
            try:
                preview = await office.app.services.submitting.draft_retry(batch_id, programme, MOD, NO_LIMITS)
            except Refused:
                continue
            await self._without_check(preview, desk.sheets[batch_id])
            return

    async def continue_(self) -> None:
        """A result file is handed in again."""
        desk = self.desk
        of_files = [one for one in desk.sheets if (await desk.office.batch(one)).source == "file"]
        if not of_files:
            return
        batch_id = desk.chance.choice(of_files)
        content, choice = await desk.office.result_bytes(batch_id), desk.chance.choice((SUM, APART, ONCE))
        preview = await desk.office.draft(content, duplicates=choice)
        if preview.totals.rows:
            await self._without_check(preview, desk.sheets[batch_id])

    async def _without_check(self, preview: Preview, sheet: Sequence[SheetRow]) -> None:
        desk = self.desk
        try:
            await desk.send(preview, sheet)
        except Refused as refused:
            assert "continues an award" in refused.message
        for row, number in desk.seen.items():
            assert desk.book.rows(row.who)[row.amount] <= number, f"more often than there are: {row}"
