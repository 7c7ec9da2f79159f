"""Who is behind a Discord id: a name for buttons, and whether it is a bot. Without the members intent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import discord

from bot.clock import Clock
from bot.ui.answers import Interaction, is_out_of_reach

KEPT: Final = 2000
"""Names kept in memory."""
KEPT_SECONDS: Final = 600.0
"""For so long nobody is asked for again: people join and leave, and change their names."""


class Membership(Enum):
    """What Discord says of an id in a server."""

    MEMBER = "member"
    BOT = "bot"
    ELSEWHERE = "elsewhere"  # an account, but no member here (any more)
    NOBODY = "nobody"  # no such account
    UNCHECKED = "unchecked"  # Discord could not be asked


@dataclass(frozen=True, slots=True)
class Person:
    """One account, as somebody in the server sees it."""

    id: str
    name: str
    membership: Membership


class People:
    """People by server and id: from the interaction itself where it names them, else asked one by one, then kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[int, str], tuple[float, Person]] = OrderedDict()

    async def find(self, interaction: Interaction, ids: Iterable[str]) -> Mapping[str, Person]:
        """Everybody by id. Never raises: who cannot be asked for is ``UNCHECKED``."""
        guild = interaction.guild
        server_id = interaction.guild_id or 0
        for brought in _brought(interaction):
            self._keep(server_id, brought)
        found: dict[str, Person] = {}
        for one in ids:
            until, person = self._known.get((server_id, one), (0.0, None))
            if person is None or until <= self._clock.monotonic():
                person = (
                    Person(one, one, Membership.UNCHECKED)
                    if guild is None
                    else await _ask(interaction.client, guild, one)
                )
                if person.membership is not Membership.UNCHECKED:
                    self._keep(server_id, person)
            found[one] = person
        return found

    def named(self, interaction: Interaction, ids: Iterable[str]) -> Mapping[str, str]:
        """Display names by id of those who are known already: nobody is asked for, so it takes no time."""
        server_id = interaction.guild_id or 0
        known = {one: self._known.get((server_id, one)) for one in ids}
        return {one: found[1].name for one, found in known.items() if found is not None}

    def _keep(self, server_id: int, person: Person) -> None:
        self._known[(server_id, person.id)] = (self._clock.monotonic() + KEPT_SECONDS, person)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)


def _brought(interaction: Interaction) -> list[Person]:
    """Members that came with the interaction (Discord resolves what is mentioned in an option)."""
    data: Any = interaction.data or {}
    resolved = data.get("resolved") or {}
    members = resolved.get("members") or {}
    people = []
    for user_id, user in (resolved.get("users") or {}).items():
        member = members.get(user_id)
        name = (member or {}).get("nick") or user.get("global_name") or user.get("username") or user_id
        here = Membership.ELSEWHERE if member is None else Membership.MEMBER
        people.append(Person(str(user_id), str(name), Membership.BOT if user.get("bot") else here))
    return people


async def _ask(client: discord.Client, guild: discord.Guild, user_id: str) -> Person:
    """The member with this id; or whose account it is, when it is no member's."""
    try:
        member = await guild.fetch_member(int(user_id))
        return Person(user_id, member.display_name, Membership.BOT if member.bot else Membership.MEMBER)
    except discord.NotFound:
        return await _ask_for_account(client, user_id)
    except Exception as error:
        if not is_out_of_reach(error):
            raise
        return Person(user_id, user_id, Membership.UNCHECKED)


async def _ask_for_account(client: discord.Client, user_id: str) -> Person:
    try:
        user = await client.fetch_user(int(user_id))
        return Person(user_id, user.display_name, Membership.BOT if user.bot else Membership.ELSEWHERE)
    except discord.NotFound:
        return Person(user_id, user_id, Membership.NOBODY)
    except Exception as error:
        if not is_out_of_reach(error):
            raise
        return Person(user_id, user_id, Membership.ELSEWHERE)
