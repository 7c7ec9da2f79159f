"""A draft as one person may see it now: read anew, permission checked, limits judged, ready to be shown."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import discord

from bot.domain.drafting import StagedRow
from bot.domain.model import Actor, Programme, Recipient, RecipientType
from bot.errors import BursarError, DraftGone
from bot.services.rules import Capability, Limits, ServerRules
from bot.services.submitting import Draft, Preview
from bot.ui.answers import Interaction
from bot.ui.award_card import FEW, Faces, award_card
from bot.ui.lookups import Searched
from bot.ui.parts import parts_of
from bot.ui.people import Membership
from bot.ui.permissions import actor_of, may, may_award_self, programme_title, require, role_ids, server_of, services_of
from bot.ui.preview_card import Frame, Step, preview_card
from bot.ui.preview_facts import UNRESOLVED_SHOWN
from bot.ui.results import REQUEST_MAX
from bot.ui.staff import UNTIL_THEN, find_channel
from bot.ui.waiting import wait_at_most

BALANCE_SECONDS: Final = 5.0
"""How long a card waits for balances; without them it says so."""
NAMES_SECONDS: Final = 2.0
"""How long a card waits to be told by Discord who the members are that it names."""

_NEEDED: Final = {"award": Capability.AWARD, "retry": Capability.MANAGE, "undo": Capability.MANAGE}


@dataclass(frozen=True, slots=True)
class Look:
    """One person's view of one draft."""

    preview: Preview
    rules: ServerRules
    actor: Actor
    limits: Limits

    @property
    def title(self) -> str:
        return programme_title(self.rules, self.preview.draft.programme)


def capability_for(draft: Draft) -> Capability:
    """What somebody must be allowed to see, change and confirm a draft."""
    return _NEEDED.get(draft.source, Capability.BULK)


def limits_for(interaction: Interaction, rules: ServerRules, programme: Programme, *, members: int = 0) -> Limits:
    """The limits in force for who asks. ``members``: of a command, whose few awards are sent without a wait.

    A command for a few members was read and confirmed line by line, and its receipt is waited for; a command for many
    is as good as a file, and keeps the window in which *Stop* costs nothing.
    """
    limits = services_of(interaction).servers.limits(
        programme, rules, may_award_self=may_award_self(interaction, rules)
    )
    limits = replace(limits, roles=role_ids(interaction))
    return replace(limits, start_delay_seconds=0.0) if 0 < members <= FEW else limits


async def allowed(interaction: Interaction, draft_id: int) -> tuple[Draft, ServerRules]:
    """A draft that was not sent yet, for somebody who may send it; two short reads, for answers that cannot wait.

    Raises ``NotAllowed``, ``NotFound``, ``DraftGone`` (who was first is in it).
    """
    rules = await services_of(interaction).servers.rules(server_of(interaction))
    try:
        draft = await services_of(interaction).submitting.draft(draft_id, actor_of(interaction))
    except BursarError:
        if not any(may(interaction, rules, one) for one in (Capability.AWARD, Capability.BULK, Capability.MANAGE)):
            await require(interaction, Capability.BULK)  # who may send nothing is not told what became of it either
        raise
    rules = await require(interaction, capability_for(draft))
    if draft.actor.id != str(interaction.user.id):
        await require(interaction, Capability.LOOK)  # whoever may only award sees what is their own
    _refuse_if_sent(draft)
    return draft, rules


def _refuse_if_sent(draft: Draft) -> None:
    if draft.batch_id is not None:
        raise DraftGone("This draft was already sent.", batch_id=draft.batch_id)


async def look(interaction: Interaction, draft_id: int) -> Look:
    """Read a draft and everything that its card says, for who asks. Raises as ``allowed`` does."""
    draft, rules = await allowed(interaction, draft_id)
    services, actor = services_of(interaction), actor_of(interaction)
    programme = await services.submitting.programme_of(draft)
    limits = limits_for(interaction, rules, programme)
    preview = await services.submitting.preview(draft_id, actor, limits)
    # Sent while all of that was read, its own awards would stand on the card as those of an earlier batch.
    _refuse_if_sent(await services.submitting.draft(draft_id, actor))
    return settled(interaction, preview, rules)


def settled(interaction: Interaction, preview: Preview, rules: ServerRules) -> Look:
    """The view of a preview that was just made, with the limits that go with its source and size, and the place where
    it is told how it went."""
    members = preview.totals.rows if preview.draft.source == "award" else 0
    limits = limits_for(interaction, rules, preview.programme, members=members)
    preview = replace(preview, start_delay_seconds=limits.start_delay_seconds, told_in=rules.staff_channel_id)
    return Look(preview, rules, actor_of(interaction), limits)


@dataclass(frozen=True, slots=True)
class Painted:
    """A card with the files that belong to it."""

    view: discord.ui.LayoutView
    files: list[discord.File]


async def paint(
    interaction: Interaction,
    seen: Look,
    step: Step = Step.MAIN,
    *,
    looking_up: Searched | None = None,
) -> Painted:
    """The card of a draft, with names, balances and the file of bad rows where it has them."""
    frame = _frame(interaction, seen, looking_up)
    frame = replace(frame, strangers=await _strangers(interaction, seen.preview))
    if seen.preview.draft.source == "award":
        faces = await _faces(interaction, seen.preview)
        return Painted(award_card(seen.preview, frame, faces, step), [])
    # A card under way is edited often; the file of bad rows comes with the one that stays.
    shows_them = looking_up is None and step is Step.MAIN
    files = await _problem_files(interaction, seen) if shows_them else []
    if files:
        frame = replace(frame, problems_file=files[0].filename)
    return Painted(preview_card(seen.preview, frame, step), files)


def staff_place(interaction: Interaction, rules: ServerRules) -> tuple[str | None, str]:
    """``<#id>`` of the staff channel; or ``None`` and the reason, with the way out."""
    if rules.staff_channel_id is None:
        return None, (
            "No staff channel is set. Sending works; follow it with `/batch show`. "
            "To get progress and the result file posted, set one with `/settings`."
        )
    try:
        channel = find_channel(interaction.client, str(interaction.guild_id), rules.staff_channel_id)
    except BursarError as error:
        step = f" {error.hint}" if error.hint else ""
        return None, f"{error.message}{step} {UNTIL_THEN} `/batch show` tells how it stands."
    return f"<#{channel.id}>", ""


def _frame(interaction: Interaction, seen: Look, looking_up: Searched | None) -> Frame:
    place, why_not = staff_place(interaction, seen.rules)
    provider = services_of(interaction).programmes.provider(seen.preview.programme)
    return Frame(
        title=seen.title,
        staff_channel=place,
        no_staff_channel=why_not,
        practice=services_of(interaction).practice,
        looking_up=looking_up,
        waits_for_limit=looking_up is not None and provider.waiting_until is not None,
    )


async def _strangers(interaction: Interaction, preview: Preview) -> frozenset[str]:
    """Who of the recipients without an account is no member of the server; and who of those that the card names, where
    the programme looks nobody up before it pays."""
    unpaid = _discord_ids(preview.unresolved[:UNRESOLVED_SHOWN])
    looked_up = preview.programme.kind.traits.pays_members or preview.draft.file_sha256 is None
    named = frozenset() if looked_up else _discord_ids([*preview.sample, *preview.largest])
    found = await _memberships(interaction, unpaid | named)
    if found is None:
        return unpaid
    return _elsewhere(found) | {one for one in unpaid if found[one] is Membership.UNCHECKED}


async def strangers_of(interaction: Interaction, recipients: Iterable[Recipient]) -> frozenset[str]:
    """Who of them, by Discord id, is no member of the server, as far as Discord says so in time."""
    ids = (one.value for one in recipients if one.type is RecipientType.DISCORD_ID)
    return _elsewhere(await _memberships(interaction, frozenset(ids)) or {})


async def _memberships(interaction: Interaction, ids: frozenset[str]) -> Mapping[str, Membership] | None:
    """By id; ``None`` where that takes too long."""
    task = asyncio.create_task(parts_of(interaction).people.find(interaction, sorted(ids)))
    if not await wait_at_most(services_of(interaction).clock, task, NAMES_SECONDS):
        task.cancel()
        return None
    return {one: person.membership for one, person in task.result().items()}


def _elsewhere(found: Mapping[str, Membership]) -> frozenset[str]:
    return frozenset(one for one, here in found.items() if here in (Membership.ELSEWHERE, Membership.NOBODY))


def _discord_ids(rows: Sequence[StagedRow]) -> frozenset[str]:
    return frozenset(row.recipient.value for row in rows if row.recipient.type is RecipientType.DISCORD_ID)


async def _problem_files(interaction: Interaction, seen: Look) -> list[discord.File]:
    """Every bad row as a CSV, where it fits into one attachment."""
    if not seen.preview.totals.problems or seen.preview.draft.file_sha256 is None or seen.preview.refused is not None:
        return []
    content = io.BytesIO()
    draft_id = seen.preview.draft.id
    async for piece in services_of(interaction).submitting.problems_file(draft_id, seen.actor):
        content.write(piece)
        if content.tell() > min(interaction.filesize_limit, REQUEST_MAX):
            return []
    content.seek(0)
    return [discord.File(content, f"draft-{draft_id}-bad-rows.csv")]


async def _faces(interaction: Interaction, preview: Preview) -> Faces:
    """Names for the button, and balances of members who would lose points."""
    members = [row.recipient.value for row in preview.sample if row.recipient.type is RecipientType.DISCORD_ID]
    people = await parts_of(interaction).people.find(interaction, members)
    names = {member: person.name for member, person in people.items()}
    losing = [row for row in preview.sample if row.amount < 0 and row.target is not None]
    return Faces(names, await _balances(interaction, preview.programme, losing))


async def _balances(interaction: Interaction, programme: Programme, rows: list[StagedRow]) -> dict[int, int | None]:
    if not rows:
        return {}
    services = services_of(interaction)
    provider = services.programmes.provider(programme)

    async def read_all() -> list[int | None]:
        return [await provider.balance(row.target or "", row.recipient) for row in rows]

    task = asyncio.create_task(read_all())
    if not await wait_at_most(services.clock, task, BALANCE_SECONDS):
        task.cancel()
        return {}
    return {row.line: balance for row, balance in zip(rows, task.result(), strict=True)}
