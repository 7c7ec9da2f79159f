"""Recorded batches for tests of what comes after the recording, and what the staff channel says of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import simcord

from bot.domain.model import Actor
from bot.services.batches import BatchView
from bot.services.rules import Limits
from bot.services.submitting import Choice, Preview, Upload, Wish
from bot.ui.board import StaffBoard
from tests.support.discord import Shown, World, csv_of, rows

SHELL = Actor("cli", "operator", None)
"""Who records batches on the command line."""

NEWCOMER = 10**17 + 5
"""A Discord id that the service does not know at first."""
AGAIN = "Send 1 refused row again"

LOST = {"service": "drip", "path": "/transaction", "kind": "reset-after-apply"}


def actor(world: World, who: simcord.MemberActor | None = None) -> Actor:
    """Somebody in the world's server; the moderator if nobody is named."""
    member = who or world.mod
    return Actor(str(member.id), member.user.global_name or member.name, str(world.guild.id))


async def record(
    world: World,
    amounts: Sequence[int],
    *,
    delay: float = 0.0,
    programme: str = "drip-members",
    reason: str = "Weekly quest",
    first: int = 0,
    of: Actor | None = None,
) -> int:
    """A batch with these amounts for members from ``first`` on, as ``/award`` records it. Returns its id."""
    services, of = world.app.services, of or actor(world)
    wish = Wish(services.programmes.get(programme), reason=reason)
    members = [(str(member.id), amount) for member, amount in zip(world.members[first:], amounts, strict=False)]
    limits = Limits(start_delay_seconds=delay)
    preview = await services.submitting.draft_members(members, wish, of, limits)
    return await _confirmed(world, preview, limits, of)


async def record_file(
    world: World, rows: Sequence[tuple[object, object]], *, name: str = "week-31.csv", delay: float = 0.0
) -> int:
    """A batch from a file with these rows, as ``/bulk`` records it. Returns its id."""
    services = world.app.services
    wish = Wish(services.programmes.get("drip-members"), reason="Weekly quest")
    limits = Limits(start_delay_seconds=delay)
    upload = Upload(name, csv_of(world, rows), "file")
    preview = await services.submitting.draft_file(upload, wish, actor(world), limits)
    return await _confirmed(world, preview, limits, actor(world))


async def _confirmed(world: World, preview: Preview, limits: Limits, of: Actor) -> int:
    submitting = world.app.services.submitting
    if preview.totals.pending:
        preview = await submitting.look_up(preview.draft.id, of, limits)
    choice = Choice(preview.draft.content_hash or "", good_rows=True, again=True, matches_seen=preview.matches.mark)
    return (await submitting.confirm(preview.draft.id, choice, of, limits)).batch_id


async def pay_five(world: World, name: str) -> None:
    """The moderator pays the first five members 50 points each, by a file of this name."""
    card = await world.bulk(world.mod, file=(name, csv_of(world, rows(world, 50, 5))))
    await world.press(world.mod, card, "Send 5 awards")
    await world.quiet()


async def batch(world: World, who: simcord.MemberActor, command: str, **options: object) -> Shown:
    """``/batch …`` as somebody; the private answer."""
    return world.answer(await who.slash(world.general, f"batch {command}", **options))


async def view(world: World, batch_id: int) -> BatchView:
    """The batch as its server sees it."""
    return await world.app.services.batches.view(batch_id, actor(world))


async def without_board() -> None:
    """End the staff board that the world came with, so that a test can run one of its own."""
    (task,) = [one for one in asyncio.all_tasks() if one.get_name() == "board"]
    task.cancel()
    await asyncio.wait({task})


@contextlib.asynccontextmanager
async def running(board: StaffBoard) -> AsyncIterator[None]:
    """A board at work."""
    task = asyncio.create_task(board.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@contextlib.asynccontextmanager
async def impatient_board(world: World) -> AsyncIterator[None]:
    """In the place of the world's own board one that soon tries again what Discord refused."""
    await without_board()
    board = StaffBoard(world.app.services, lambda: world.client, backoff_seconds=0.2)
    world.app.watchers.add(board)
    async with running(board):
        yield


async def with_refused(world: World) -> tuple[int, Shown]:
    """A finished batch with a refused row that would be paid by now, and its board."""
    batch_id = await record_file(world, [(world.members[0].id, 50), (NEWCOMER, 20)])
    board = await board_says(world, batch_id, "Finished · 1 refused")
    await world.sandbox.seed(discord_ids=[str(NEWCOMER)], balance=0)
    await world.setting("start_delay_seconds", 0)
    return batch_id, board


def boards(world: World, batch_id: int) -> list[Shown]:
    """The staff channel's messages that are headed with the batch; alerts are not."""
    heads = (f"### Batch {batch_id}\n", f"### Batch {batch_id} ·")
    found = [message for message in world.staff_messages() if any(head in message.text + "\n" for head in heads)]
    return [message for message in found if "is paused" not in message.text.split("\n")[0]]


def alerts(world: World) -> list[Shown]:
    """The staff channel's alerts."""
    return [message for message in world.staff_messages() if "Somebody has to act" in message.text]


async def board_says(world: World, batch_id: int, words: str) -> Shown:
    """Wait until the batch's board says so; there is never more than one."""
    await world.until(lambda: any(words in board.text for board in boards(world, batch_id)))
    (board,) = boards(world, batch_id)
    return board


async def in_doubt(
    world: World,
    programme: str = "drip-members",
    *,
    first: int = 0,
    of: Actor | None = None,
    amounts: Sequence[int] = (50, 30),
) -> int:
    """A batch whose only call was carried out, with the answer lost on its way."""
    await world.sandbox.faults(LOST)
    batch_id = await record(world, amounts, programme=programme, first=first, of=of)
    await world.quiet()
    await world.sandbox.faults()
    assert (await view(world, batch_id)).counts.unknown == len(amounts)
    return batch_id


async def decide(world: World, who: simcord.MemberActor, card: Shown, label: str, reason: str) -> Shown:
    """Press one of the three answers and give the reason."""
    form = await who.click(card.message, label=label)
    assert form.modal is not None
    return world.answer(await who.submit_modal(form, {"reason": reason}), card)
