"""``/verify``: the place of a receipt in the history. Who may look at the batch sees what became of it; everybody else
sees their own awards in it, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import discord

from bot.domain.model import Award
from bot.domain.states import AwardState
from bot.errors import NotAllowed, NotFound
from bot.ledger.receipts import Place
from bot.services.batches import BatchView
from bot.services.receipts import Receipt, no_such_row, unknown
from bot.ui import answers, batch_text
from bot.ui.answers import Interaction
from bot.ui.cards import RULE, Line, Tone, card
from bot.ui.errors import changes_nothing
from bot.ui.permissions import actor_of, server_of, services_of, visible
from bot.ui.text import escape, listing, points, when, who

SHOWN_AWARDS: Final = 10


async def show_place(interaction: Interaction, text: str) -> None:
    """Answer with the receipt's card, privately."""
    changes_nothing(interaction)
    await answers.think(interaction)
    services = services_of(interaction)
    receipt = await services.receipts.find(text, server_of(interaction))
    whole = await _sees_the_batch(interaction, receipt)
    mine = None if whole else str(interaction.user.id)
    awards = await services.receipts.awards(receipt, member=mine)
    if not awards and not whole:
        raise unknown()
    if not awards and receipt.code.line is not None:
        raise no_such_row(receipt)
    view = await services.batches.view(receipt.batch.id, actor_of(interaction))
    place = await services.receipts.place(receipt)
    back = await services.receipts.taken_back(awards)
    await answers.show(interaction, receipt_card(view, receipt, place, awards, whole, back, practice=services.practice))


async def _sees_the_batch(interaction: Interaction, receipt: Receipt) -> bool:
    try:
        await visible(interaction, receipt.batch.id)
    except (NotAllowed, NotFound):
        return False
    return True


def receipt_card(
    view: BatchView,
    receipt: Receipt,
    place: Place,
    awards: Sequence[Award],
    whole: bool,
    back: Mapping[int, int],
    *,
    practice: bool,
) -> discord.ui.LayoutView:
    """``awards``: those to be named. ``whole``: who asks may see the batch. ``back``: by award, the batch that took it
    back."""
    batch = view.batch
    lines: list[Line] = []
    if whole:
        lines += [batch_text.by_state(view), batch_text.sums(view), *batch_text.children(view)]
    told = [_award_line(one, view, back.get(one.id), whole=whole) for one in awards[:SHOWN_AWARDS]]
    lines += listing(told, len(awards))
    lines += [RULE, *_place_lines(place)]
    title = f"Receipt {receipt.code} · " + (batch_text.title(batch) if whole else "your awards in it")
    if place.bad is not None:
        return card(
            title, tone=Tone.STOPPED, word="The ledger does not agree with itself", practice=practice, lines=lines
        )
    return card(title, tone=Tone.DONE, word="Checked just now · unaltered", practice=practice, lines=lines)


def _award_line(award: Award, view: BatchView, back: int | None, *, whole: bool) -> str:
    """What the staff noted about an award is not for the member."""
    amount = points(award.amount, view.batch.destination.unit)
    said = f"{who(award.recipient)} · {amount} · {batch_text.became(award)} · {when(award.changed_at)}"
    taken = award.state is AwardState.APPLIED and award.amount < 0
    if taken and view.batch.destination.kind.traits.cuts_deductions:
        said += f" · {batch_text.ONLY_WHAT_THERE_WAS}"
    if back is not None:
        said += f" · taken back since{f' by batch {back}' if whole else ''}"
    return f"{said}: {escape(award.detail, 150)}" if whole and award.detail else said


def _place_lines(place: Place) -> list[Line]:
    """A verdict for everybody, and in small print what somebody needs who compares it with a head kept elsewhere."""
    recorded, head = place.recorded, place.head
    if place.bad is None:
        said: list[Line] = [
            f"Recorded {when(recorded.at)}, and nothing of it was altered since: Bursar has just recomputed the"
            " ledger's history from there to its newest entry, and every row is as recorded."
        ]
    else:
        said = [
            f"Recorded {when(recorded.at)}.",
            f"⚠ {escape(place.bad.record)}: {escape(place.bad.problem, 200)}.",
            "Tell the operator: stop the bot, keep the file, and run `bursar verify`.",
        ]
    return [
        *said,
        f"-# recorded as entry {recorded.seq:,} of the history: `{recorded.hash}`",
        f"-# its newest entry, the head, is {head.seq:,} of {when(head.at)}: `{head.hash}`",
    ]
