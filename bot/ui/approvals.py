"""A second person's leave in Discord: the request in the staff channel, and its two buttons."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import discord

from bot.clock import milliseconds
from bot.errors import DraftGone, Refused
from bot.services.approving import Approval, ApprovalState
from bot.services.rules import Capability, ServerRules
from bot.services.submitting import Preview
from bot.ui import answers, staff
from bot.ui.answers import Interaction
from bot.ui.cards import RULE, Line, Tone, button, card
from bot.ui.errors import Guarded, changes_nothing
from bot.ui.looking import Look, limits_for
from bot.ui.parts import parts_of
from bot.ui.permissions import actor_of, require, server_of, services_of
from bot.ui.preview_buttons import HASH_PREFIX, custom_id
from bot.ui.preview_card import card_title
from bot.ui.preview_facts import match_lines, parted_lines, people_lines, plan_line, totals_line, wish_lines
from bot.ui.text import count, escape, points, sentence, when

_log = logging.getLogger(__name__)

_CHOSEN: Final = {
    "g": "Bad rows are left out.",
    "s": "Rows that an earlier batch has are left out{}.",
    "a": "**Rows that an earlier batch has are paid a second time.**",
    "d": "Who was paid for this campaign already is left out{}.",
}
_DECIDED: Final = {
    ApprovalState.APPROVED: "approved",
    ApprovalState.USED: "approved",
    ApprovalState.REFUSED: "refused",
    ApprovalState.REPLACED: "replaced by a newer request",
}


def channel_for(interaction: Interaction, seen: Look) -> discord.TextChannel:
    """Where to ask. Raises ``StaffChannelError``: without a staff channel nobody would see the request."""
    if seen.rules.staff_channel_id is None:
        raise staff.StaffChannelError(
            "This needs a second person, and there is no staff channel to ask in.", hint="Choose one with /settings."
        )
    return staff.find_channel(interaction.client, server_of(interaction), seen.rules.staff_channel_id, files=False)


async def post_request(interaction: Interaction, channel: discord.TextChannel, seen: Look, approval: Approval) -> None:
    """Ask in the staff channel. The same request asked for again is posted again: the first may be far up."""
    services = services_of(interaction)
    asked = await services.submitting.as_asked(seen.preview, approval)
    view = request_card(seen, asked, approval, practice=services.practice)
    nonce = staff.nonce_of("approval", approval.id, interaction.id)
    parts_of(interaction).requests.note(approval.id, await staff.post(channel, view, seen.rules, nonce=nonce))


def request_card(seen: Look, asked: Preview, approval: Approval, *, practice: bool) -> discord.ui.LayoutView:
    """Everything that somebody has to see before saying yes for another. ``asked``: what is to be sent with that, which
    may be a part of the draft."""
    preview = seen.preview
    lines: list[Line] = [
        f"**{escape(approval.asked_by, 60)}** asks for approval: {escape(approval.why, 200)}.",
        # Before what may be more than the card can hold: a press is only taken for one about this request by it.
        f"-# Draft {approval.draft_id} · prepared by {escape(preview.draft.actor.name, 40)} · content "
        f"`{approval.content_hash[:HASH_PREFIX]}`. Once the draft is changed, approval has to be asked for again.",
        RULE,
        totals_line(asked),
        *wish_lines(preview, seen.title),
        *people_lines(asked),
        *parted_lines(preview),
        *match_lines(preview),
        *(words.format(_left_out(preview, asked)) for letter, words in _CHOSEN.items() if letter in approval.flags),
    ]
    if preview.totals.problems:
        lines.append(f"⚠ {count(preview.totals.problems, 'bad row')}")
    if preview.totals.unresolved:
        lines.append(f"⚠ {count(preview.totals.unresolved, 'recipient')} without an account to send to")
    lines += [RULE, plan_line(asked)]
    return card(
        card_title(asked),
        tone=Tone.ATTENTION,
        word=f"Nothing sent · a second person can approve it until {when(approval.expires_at)}",
        practice=practice,
        lines=lines,
        rows=[
            [
                button("Approve", f"approval:approve:{approval.id}", style=discord.ButtonStyle.success),
                button("Refuse", f"approval:refuse:{approval.id}", style=discord.ButtonStyle.danger),
                button("Open the draft", custom_id("open", preview)),
            ]
        ],
    )


def _left_out(preview: Preview, asked: Preview) -> str:
    """``: 5 awards, 350 points``: what of the draft is not asked for."""
    moved = preview.totals.total_absolute - asked.totals.total_absolute
    awards = count(preview.totals.rows - asked.totals.rows, "award")
    return f": {awards}, {points(moved, preview.programme.unit)}"


async def _decide(interaction: Interaction, approval_id: int, *, approve: bool) -> None:
    changes_nothing(interaction)
    await answers.think(interaction)
    rules = await require(interaction, Capability.APPROVE)
    services, actor = services_of(interaction), actor_of(interaction)
    asked = await services.approving.request(approval_id, actor)
    _refuse_other_request(interaction, asked)
    if asked.state is ApprovalState.ASKED and asked.expires_at <= milliseconds(services.clock.now()):
        why = f"Nobody approved or refused it by {when(asked.expires_at)}, and what it was about is kept no longer."
        return await _close(interaction, asked, rules, why)
    try:
        if approve and asked.state is ApprovalState.ASKED:
            draft = await services.submitting.draft(asked.draft_id, actor)
            programme = await services.submitting.programme_of(draft)
            await services.submitting.check_second(draft.id, actor, limits_for(interaction, rules, programme))
        decided = await services.approving.decide(approval_id, actor, approve=approve)
    except DraftGone as gone:
        if gone.batch_id is None:
            return await _close(interaction, asked, rules, sentence(gone.message))
        why = f"It was sent as batch {gone.batch_id} without this approval."
        view = _over_card(asked, [why], practice=services.practice, word="Sent")
        await _replace(interaction, view, rules, asked)
        raise
    practice = services.practice
    await _mark(interaction, decided.approval, rules, practice=practice)
    if not decided.changed:
        return await answers.show(interaction, _late_card(decided.approval, practice=practice))
    approved = "Whoever prepared it can send it now, exactly as it is."
    lines = [
        approved if approve else "It cannot be sent now. Whoever prepared it can change it, and ask for approval again."
    ]
    word = "Approved" if approve else "Refused"
    view = card(word, tone=Tone.PLAIN, word="Nothing sent by this", practice=practice, lines=lines)
    return await answers.show(interaction, view)


def _refuse_other_request(interaction: Interaction, asked: Approval) -> None:
    """Raises ``Refused`` for a card of a ledger that was replaced: its number means another request by now, and leave
    is given to what was seen."""
    texts = [] if interaction.message is None else staff.texts_of(interaction.message)
    if texts and not any(f"`{asked.content_hash[:HASH_PREFIX]}`" in text for text in texts):
        raise Refused(
            "this card is about another request, of a ledger that was replaced",
            hint="Whoever prepared something asks for its approval again.",
        )


def _late_card(approval: Approval, *, practice: bool) -> discord.ui.LayoutView:
    """Who was first, and when."""
    said = _DECIDED.get(approval.state, approval.state.value)
    by = (
        f" by **{escape(approval.decided_by, 60)}**, {when(approval.decided_at or 0, 'R')}"
        if approval.decided_by
        else ""
    )
    lines = [f"{sentence(f'it was {said}{by}')} Your press changed nothing."]
    return card("This is decided already", tone=Tone.PLAIN, word="", practice=practice, lines=lines)


async def _close(interaction: Interaction, asked: Approval, rules: ServerRules, why: str) -> None:
    """There is nothing left to decide: say so, and let the request say it too."""
    practice = services_of(interaction).practice
    again = "To send it all the same, somebody prepares it anew and asks for approval again."
    await _replace(interaction, _over_card(asked, [why, again], practice=practice), rules, asked)
    lines = [why, again]
    view = card("This can be approved no more", tone=Tone.PLAIN, word="Nothing sent", practice=practice, lines=lines)
    await answers.show(interaction, view)


def _over_card(
    asked: Approval, why: Sequence[str], *, practice: bool, word: str = "Nothing sent"
) -> discord.ui.LayoutView:
    """In the place of a request about which there is nothing left to decide."""
    request = f"**{escape(asked.asked_by, 60)}** asked for approval: {escape(asked.why, 200)}."
    replaced = asked.state is ApprovalState.REPLACED
    title = f"Draft {asked.draft_id} " + ("has a newer request" if replaced else "can be approved no more")
    return card(title, tone=Tone.STOPPED, word=word, practice=practice, lines=[request, *why])


async def _mark(interaction: Interaction, approval: Approval, rules: ServerRules, *, practice: bool) -> None:
    """Let the request say what became of it."""
    if approval.state is ApprovalState.REPLACED:
        view = _over_card(approval, ["The newer one counts."], practice=practice)
        await _replace(interaction, view, rules, approval)
        return
    approved = approval.state is not ApprovalState.REFUSED
    by = escape(approval.decided_by or "", 60)
    holds = f" · holds until {when(approval.expires_at)}" if approval.state is ApprovalState.APPROVED else ""
    lines: list[Line] = [
        f"**{by}** {'approved' if approved else 'refused'} what **{escape(approval.asked_by, 60)}** asked for: "
        f"{escape(approval.why, 200)}.",
        f"-# Draft {approval.draft_id} · content `{approval.content_hash[:HASH_PREFIX]}` · "
        f"{when(approval.decided_at or 0)}{holds}",
    ]
    title = f"Draft {approval.draft_id} is {'approved' if approved else 'refused'}"
    tone = Tone.DONE if approved else Tone.STOPPED
    rows = [[button("Open the draft", f"draft:open:{approval.draft_id}:-")]]
    # It stays in the channel: what is sent afterwards must not make it untrue.
    view = card(title, tone=tone, word="Nothing sent by this", practice=practice, lines=lines, rows=rows)
    await _replace(interaction, view, rules, approval)


async def _replace(
    interaction: Interaction, view: discord.ui.LayoutView, rules: ServerRules, approval: Approval
) -> None:
    """Put a card in the place of the request, wherever it is known to stand. What was decided holds whether or not that
    can be shown."""
    pressed = [] if interaction.message is None else [interaction.message]
    copies = {message.id: message for message in [*parts_of(interaction).requests.of(approval.id), *pressed]}
    for message in copies.values():
        try:
            await message.edit(view=staff.fit(view, rules), allowed_mentions=staff.NO_MENTIONS)
        except Exception as error:  # also what is not Discord's own, when the network is cut
            _log.warning("the request %d could not be marked as over: %r", approval.id, error)


class ApprovalButton(
    Guarded[discord.ui.Button[Any]],
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"approval:(?P<verb>approve|refuse):(?P<approval>[0-9]{1,18})",
):
    """*Approve* and *Refuse*."""

    async def act(self, interaction: Interaction) -> None:
        await _decide(interaction, int(self.match["approval"]), approve=self.match["verb"] == "approve")


ITEMS: Final = (ApprovalButton,)
