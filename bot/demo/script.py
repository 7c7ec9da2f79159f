"""What the administrator and the moderator do, one scene after the other."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.demo.failures import DemoFailed
from bot.demo.files import Sheet, referrals, summer_cup, weekly_quest
from bot.demo.people import Person
from bot.demo.screen import Screen
from bot.demo.shown import Shown
from bot.demo.stage import Stage
from bot.demo.standins import StandIns
from bot.domain.model import Actor
from bot.services.batches import BatchView, Doubt
from bot.ui.batch_text import by_state, is_over, sums

START_DELAY: Final = "2"
"""Seconds in which *Stop* costs nothing. A real server has 10; the demo is in a hurry."""
LARGEST_AWARD: Final = "5000"
LOST_CALL: Final = 4
"""The how-manieth call of the first file loses its answer on the way back."""
CALL_MS: Final = 350
"""How long Drip's stand-in takes for a call that pays, as a service across the world does."""
JOB_SECONDS: Final = 2.0
"""How long Gameball's works on a job."""
STAFF: Final = "#staff-awards"

LOST: Final = {"path": "/credentials/transaction", "nth": LOST_CALL, "kind": "reset-after-apply"}
TWICE: Final = {"path": "/members/transaction", "count": 1, "kind": "apply-twice"}


@dataclass(frozen=True, slots=True)
class Script:
    """Plays the scenes on a stage and writes what happens."""

    stage: Stage
    standins: StandIns
    screen: Screen
    community: Sequence[Person]

    async def play(self, *, apply_twice: bool = False) -> None:
        """All of it. ``apply_twice``: Drip carries one call out twice, behind the ledger's back."""
        await self.standins.switch(gameball={"job_seconds": JOB_SECONDS, "job_steps": 8})
        await self.standins.faults(*([TWICE] if apply_twice else []), slow(CALL_MS))
        await self._settings()
        await self._award()
        first = weekly_quest(self.community)
        await self._first_file(first)
        await self._same_file(first)
        await self._file("5 · Drip by member: looked up first, and a call pays all or nothing",
                         summer_cup(self.community), "drip-members")  # fmt: skip
        await self._file("6 · Gameball: one job, followed to its end", referrals(self.community), "gameball")

    # --- scenes -------------------------------------------------------------------------------------------------

    async def _settings(self) -> None:
        stage, screen, admin = self.stage, self.screen, self.stage.admin
        screen.scene("1 · An administrator sets Bursar up")
        screen.does("admin", "/settings show")
        card = await stage.slash(admin, "settings show")
        self._private(card, "admin", lines=4, controls=False)
        screen.does("admin", f"chooses {STAFF}, drip-members and @Moderators, and writes a largest award of "
                    f"{LARGEST_AWARD} points and a wait of {START_DELAY} seconds")  # fmt: skip
        card = await set_up(stage, {"max_award": LARGEST_AWARD, "start_delay_seconds": START_DELAY})
        self._private(card, "admin")
        screen.tells(f"Every change is told in {STAFF}:")
        for message in stage.said_by_staff_channel():
            screen.place(STAFF, " · ".join(message.text.split("\n")[1:]).replace("-# ", ""))

    async def _award(self) -> None:
        stage, screen, mod = self.stage, self.screen, self.stage.mod
        someone, reason = self.community[0], "Fixed the wiki"
        screen.scene("2 · One member")
        # An amount that no row of the files below has: such a row would be held for this award paid again.
        screen.does("mod", f"/award members:@{someone.name} amount:40 reason:{reason}")
        card = await stage.slash(mod, "award", members=f"<@{someone.id}>", amount="40", reason=reason)
        card = await stage.looked_up(card)
        self._private(card)
        label = card.button("Send 40")
        screen.does("mod", f"presses [{label}]")
        receipt = await stage.press(mod, card, label)
        batch_id = await self._newest()
        await stage.until(lambda: self._is_over(batch_id), f"the end of batch {batch_id}")
        self._private(stage.again(receipt))

    async def _first_file(self, sheet: Sheet) -> None:
        stage, screen, mod = self.stage, self.screen, self.stage.mod
        await self.standins.faults(LOST, slow(CALL_MS))
        screen.scene("3 · 1,000 rows from a spreadsheet, to Drip by credential")
        card = await self._upload(sheet, "drip-credentials")
        for name in card.files:
            screen.tells(f"{name}, attached to the card: the bad rows with their problem, here by name")
            screen.raw(_named_problems(stage.file(card, name)))
        label = card.button("Send the ")
        screen.does("mod", f"double-clicks [{label}]: both presses arrive before the first is answered")
        before = await self._batches()
        for one in await stage.press_twice(mod, card, label):
            self._private(one)
        recorded = await self._batches() - before
        screen.tells(f"Batches that the two presses recorded: {recorded}.")
        if recorded != 1:
            raise DemoFailed(f"a double click recorded {recorded} batches")
        batch_id = await self._newest()
        await self._watch(batch_id)
        await self.standins.faults(slow(CALL_MS))
        await self._settle(batch_id)

    async def _settle(self, batch_id: int) -> None:
        stage, screen, mod = self.stage, self.screen, self.stage.mod
        screen.scene("4 · An answer got lost: in doubt, until a person says what is true")
        screen.tells(f"Call {LOST_CALL} of that file reached Drip and was carried out, but its answer never came back. "
                     "Nobody can tell that from a call that never arrived, so Bursar neither sends it again nor calls "
                     "it paid.")  # fmt: skip
        screen.does("mod", "/batch list")
        self._private(await stage.slash(mod, "batch list"))
        screen.does("mod", f"/batch resolve batch:{batch_id}")
        card = await stage.slash(mod, "batch resolve", batch=str(batch_id))
        self._private(card)
        while calls := await self._calls_in_doubt(batch_id):
            there, of = await self._looked_up(calls[0])
            screen.does("mod", f"looks the members of that call up at Drip itself: {there} of {of} were paid")
            if there not in (0, of):
                raise DemoFailed(f"{there} of {of} rows of one call are in Drip's book, which no one answer settles")
            label = card.button(*(("They landed", "It landed") if there else ("Send again",)))
            reason = f"Drip's own page shows {there} of {of}"
            screen.does("mod", f"presses [{label}] and writes: {reason}")
            card = await stage.fill(mod, card, label, {"reason": reason})
            self._private(card, lines=4)
        await self._watch(batch_id)

    async def _same_file(self, sheet: Sheet) -> None:
        stage, screen, mod = self.stage, self.screen, self.stage.mod
        screen.does("mod", f"uploads {sheet.name} once more, by habit: /bulk programme:drip-credentials")
        card = await stage.slash(mod, "bulk", file=(sheet.name, sheet.content), programme="drip-credentials")
        card = await stage.looked_up(card)
        self._private(card, lines=9)
        matched = await self._matched()
        screen.tells(
            f"Awards that Bursar knows to be paid already: {matched:,}. To pay them again takes a second question."
        )
        if not matched or any(label.startswith(("Send the ", "Send all")) for label in card.buttons):
            raise DemoFailed("the same file could be sent again without a second question")
        screen.does("mod", "presses [Cancel]")
        self._private(await stage.press(mod, card, "Cancel"))

    async def _file(self, scene: str, sheet: Sheet, programme: str) -> None:
        stage, screen, mod = self.stage, self.screen, self.stage.mod
        screen.scene(scene)
        card = await self._upload(sheet, programme)
        label = card.button("Send the ")
        screen.does("mod", f"presses [{label}]")
        await stage.press(mod, card, label)
        await self._watch(await self._newest())

    # --- pieces -------------------------------------------------------------------------------------------------

    def _private(self, card: Shown, who: str = "mod", *, lines: int | None = None, controls: bool = True) -> None:
        self.screen.card(card, f"only {who} sees this", lines=lines, controls=controls)

    async def _upload(self, sheet: Sheet, programme: str) -> Shown:
        screen = self.screen
        screen.tells(f"The file: {sheet.about}.")
        screen.raw(sheet.sample(6), "…")
        screen.does("mod", f"/bulk file:{sheet.name} programme:{programme}")
        card = await self.stage.slash(self.stage.mod, "bulk", file=(sheet.name, sheet.content), programme=programme)
        card = await self.stage.looked_up(card)
        self._private(card)
        return card

    async def _watch(self, batch_id: int) -> None:
        """Show the batch's message in the staff channel whenever it changes; at its end the whole card."""
        last = ""

        async def over() -> bool:
            nonlocal last
            board = await self._board(batch_id)
            if await self._is_closed(batch_id):
                return True
            if board is not None and board.text != last:
                last = board.text
                self.screen.place(STAFF, _in_short(board))
            return False

        await self.stage.until(over, f"the end of batch {batch_id}")
        board = await self._board(batch_id)
        if board is None:
            raise DemoFailed(f"batch {batch_id} has no message in the staff channel")
        self.screen.card(board, STAFF)
        for name in board.files:
            lines = self.stage.file(board, name).splitlines()
            self.screen.raw(lines[:4], f"… {len(lines) - 1:,} rows in {name}")

    async def _board(self, batch_id: int) -> Shown | None:
        board = await self.stage.app.services.boards.get(batch_id)
        found = [one for one in self.stage.said_by_staff_channel() if board and str(one.message.id) == board.message_id]
        return found[0] if found else None

    async def _is_closed(self, batch_id: int) -> bool:
        """Whether the board says what the ledger says, and there is nothing more to come."""
        view = await self._view(batch_id)
        board, known = await self._board(batch_id), await self.stage.app.services.boards.get(batch_id)
        if board is None or known is None or not known.closed or not is_over(view):
            return False
        return by_state(view) in board.text and sums(view) in board.text

    async def _looked_up(self, call: Sequence[Doubt]) -> tuple[int, int]:
        """How many awards of a call Drip's own book has, and how many there are."""
        since = call[0].attempt.claimed_at / 1000 - 1
        wanted = [(f"discord-id:{award.recipient.value}", award.amount) for one in call for award in one.awards]
        booked = {
            (entry["recipient"], entry["amount"])
            for entry in await self.standins.applied("drip")
            if entry["endpoint"] == "credentials" and entry["at"] >= since
        }
        return sum(one in booked for one in wanted), len(wanted)

    # --- the ledger ---------------------------------------------------------------------------------------------

    @property
    def _actor(self) -> Actor:
        return Actor(str(self.stage.mod.id), "mod", str(self.stage.guild.id))

    async def _view(self, batch_id: int) -> BatchView:
        return await self.stage.app.services.batches.view(batch_id, self._actor)

    async def _is_over(self, batch_id: int) -> bool:
        return is_over(await self._view(batch_id))

    async def _batches(self) -> int:
        return len(await self.stage.app.services.batches.list(self._actor, limit=100))

    async def _newest(self) -> int:
        found = await self.stage.app.services.batches.list(self._actor, limit=1)
        if not found:
            raise DemoFailed("nothing was recorded")
        return found[0].batch.id

    async def _calls_in_doubt(self, batch_id: int) -> list[list[Doubt]]:
        """Doubts by the call that they are about, oldest first: the order in which the card shows them."""
        calls: dict[int, list[Doubt]] = {}
        for doubt in await self.stage.app.services.batches.doubts(batch_id, self._actor):
            calls.setdefault(doubt.attempt.id, []).append(doubt)
        return [calls[attempt] for attempt in sorted(calls)]

    async def _matched(self) -> int:
        """Rows of the newest draft that were paid lately."""
        newest = (await self.stage.app.ledger.drafts.open_drafts(str(self.stage.guild.id)))[0]
        return (await self.stage.app.ledger.drafts.matches(newest.id)).rows


def slow(milliseconds: int) -> Mapping[str, object]:
    """The fault that makes every paying call to Drip take so long."""
    return {"path": "/transaction", "kind": "slow", "ms": milliseconds}


async def set_up(stage: Stage, limits: dict[str, str]) -> Shown:
    """What an administrator does on the card of ``/settings``; the card afterwards."""
    admin = stage.admin
    card = await stage.slash(admin, "settings show")
    choices: list[tuple[str, Any]] = [("channel", stage.staff), ("programme", "drip-members")]
    choices += [(f"roles:{capability}", stage.role) for capability in ("award", "bulk", "manage")]
    for menu, value in choices:
        card = await stage.choose(admin, card, f"settings:{menu}", value)
    empty = dict.fromkeys(("max_award", "max_batch", "quick_award", "start_delay_seconds"), "")
    return await stage.fill(admin, card, "Change limits", {**empty, **limits})


def _named_problems(content: str) -> list[str]:
    """The first and the last cell of every row."""
    rows = list(csv.reader(content.splitlines()))[1:]
    width = max((len(row[0]) for row in rows), default=0)
    return [f"{row[0]:{width}}  {row[-1]}" for row in rows]


def _in_short(board: Shown) -> str:
    """A board under way in one line: what happens, its bar, the numbers."""
    return " · ".join(line.removeprefix("-# ") for line in board.text.split("\n")[1:4])
