"""``/award`` for a few members, ``/bulk`` for a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import discord
from discord import app_commands

from bot.domain.amounts import parse_amount
from bot.domain.model import Notice
from bot.errors import UsageError
from bot.services.rules import Capability, ServerRules
from bot.services.submitting import Choice, Upload, Wish
from bot.ui import answers, approvals, deciding, draft_showing, drafts, suggestions, upload
from bot.ui.answers import Interaction
from bot.ui.looking import Look, limits_for, settled
from bot.ui.members_text import read_members
from bot.ui.parts import Parts, Typed, parts_of
from bot.ui.people import Membership, Person
from bot.ui.permissions import actor_of, may, programme_title, require, server_of, services_of

STAFF = discord.Permissions(manage_guild=True)
"""Who sees the commands until the server decides otherwise; the bot's own rules decide who may use them."""


async def setup(client: Parts) -> None:
    """Register the commands and the buttons."""
    client.tree.add_command(award)
    client.tree.add_command(bulk)
    client.add_dynamic_items(*drafts.ITEMS, *approvals.ITEMS, *upload.ITEMS)


async def programmes(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
    """Programmes whose name or title contains what was typed so far; nothing for who may not award."""
    server_id = server_of(interaction)
    services = services_of(interaction)
    rules = await services.servers.rules(server_id)
    if not (may(interaction, rules, Capability.AWARD) or may(interaction, rules, Capability.BULK)):
        return []
    titles = {name: programme_title(rules, name) for name in services.programmes.names()}
    choices = [(title if title == name else f"{title} ({name})", name) for name, title in titles.items()]
    return suggestions.fitting(choices, current)


# --- /award ---------------------------------------------------------------------------------------------------------


@app_commands.command(name="award", description="Give points to members, or take them with a negative amount")
@app_commands.describe(
    members="Mentions or ids; an amount behind one is for that member: @a 50 @b 20",
    amount="For every member without an amount of their own; negative takes points away",
    reason="Why; kept with the award",
    programme="Where the points go; the server's own if left out",
)
@app_commands.autocomplete(programme=programmes)
@app_commands.default_permissions(STAFF)
@app_commands.guild_only()
async def award(
    interaction: Interaction,
    members: app_commands.Range[str, 1, 4000],
    amount: app_commands.Range[str, 1, 20] | None = None,
    reason: app_commands.Range[str, 1, 200] | None = None,
    programme: str | None = None,
) -> None:
    """Private preview, one button, private receipt."""
    await answers.think(interaction)
    rules = await require(interaction, Capability.AWARD)
    chosen = upload.choose_programme(interaction, rules, programme)
    named = read_members(members, amount, chosen.unit)
    people = await parts_of(interaction).people.find(interaction, [member for member, _ in named.members])
    paid = named.amounts([member for member, person in people.items() if person.membership in _PAYABLE])
    notices = _notices(people.values(), named.repeated)
    if not paid:
        said = " ".join(f"{notice.message}." for notice in notices)
        raise UsageError(f"there is no member to award. {said}", hint="Mention members of this server.")
    limits = limits_for(interaction, rules, chosen, members=len(paid))
    wish = Wish(chosen, reason=reason)
    submitting = services_of(interaction).submitting
    preview = await submitting.draft_members(paid, wish, actor_of(interaction), limits, notices)
    seen = settled(interaction, preview, rules)
    if _is_small(seen, rules) and seen.preview.totals.pending:
        seen = await draft_showing.looked_up_soon(interaction, seen)
    if _is_small(seen, rules) and _is_plain(seen):
        await deciding.confirm(interaction, seen, Choice(seen.preview.draft.content_hash or ""))
    else:
        await draft_showing.show_look(interaction, seen)


_PAYABLE = frozenset({Membership.MEMBER, Membership.ELSEWHERE, Membership.UNCHECKED})


def _notices(people: Iterable[Person], repeated: Iterable[str]) -> list[Notice]:
    """Who was left out or looks wrong, by name."""
    everybody = list(people)
    by_membership: dict[Membership, list[str]] = {}
    for person in everybody:
        by_membership.setdefault(person.membership, []).append(_called(person))
    texts: Mapping[Membership, str] = {
        Membership.BOT: "Bots are skipped: {}",
        Membership.NOBODY: "There is no such account, skipped: {}",
        Membership.ELSEWHERE: "Not a member of this server, look at the id twice: {}",
        Membership.UNCHECKED: "Discord could not be asked whether this is a member or a bot: {}",
    }
    notices = [
        Notice(f"members-{membership.value}", text.format(", ".join(by_membership[membership])))
        for membership, text in texts.items()
        if membership in by_membership
    ]
    called = {person.id: _called(person) for person in everybody}
    twice = [called[member] for member in repeated]
    if twice:
        notices.append(Notice("duplicate", f"Named more than once, made one award: {', '.join(twice)}"))
    return notices


def _called(person: Person) -> str:
    return person.id if person.name == person.id else f"@{person.name}"


def _is_small(seen: Look, rules: ServerRules) -> bool:
    """Whether the server's setting lets one award of this size go out at once. Never a deduction."""
    totals = seen.preview.totals
    if rules.quick_award is None or totals.rows != 1 or totals.deductions:
        return False
    try:
        return totals.total <= parse_amount(rules.quick_award, seen.preview.programme.unit)
    except ValueError:
        return False


def _is_plain(seen: Look) -> bool:
    """Whether there is nothing that a person should look at before it goes out."""
    preview, totals = seen.preview, seen.preview.totals
    in_doubt = totals.problems or totals.unresolved or totals.pending or preview.blocking_matches or preview.warnings
    return not in_doubt and preview.over_limit is None and preview.approval_why is None


# --- /bulk ----------------------------------------------------------------------------------------------------------


@app_commands.command(name="bulk", description="Award many at once from a CSV; without a file: template and form")
@app_commands.describe(
    file="CSV with a column for who and one for how much",
    programme="Where the points go; the server's own if left out",
    reason="Why, for rows without a reason of their own",
    amount="For every row, if the file has no amount column",
)
@app_commands.autocomplete(programme=programmes)
@app_commands.default_permissions(STAFF)
@app_commands.guild_only()
async def bulk(
    interaction: Interaction,
    file: discord.Attachment | None = None,
    programme: str | None = None,
    reason: app_commands.Range[str, 1, 200] | None = None,
    amount: app_commands.Range[str, 1, 20] | None = None,
) -> None:
    """The file is fetched and checked at once; nothing is sent before the preview is confirmed."""
    await answers.think(interaction)
    rules = await require(interaction, Capability.BULK)
    typed = Typed(programme=programme, reason=reason, amount=amount)
    if file is None:
        await upload.offer_template(interaction, rules, typed)
        return
    content = await upload.download(interaction, file)
    await upload.draft_upload(interaction, rules, Upload(file.filename, content, "file"), typed)
