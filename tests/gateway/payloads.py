"""What Discord says of a server and its people, as much of it as an interaction carries.

Shapes: docs.discord.com/developers/resources (guild, channel, message, user) and
docs.discord.com/developers/interactions/receiving-and-responding.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SERVER = 111_111_111_111_111_111
APPLICATION = 222_222_222_222_222_222
GENERAL = 333_333_333_333_333_331
STAFF = 333_333_333_333_333_332
MODERATORS = 444_444_444_444_444_444

MANAGE_GUILD = 1 << 5
VIEW_CHANNEL = 1 << 10
BOT_PERMISSIONS = VIEW_CHANNEL | 1 << 11 | 1 << 15 | 1 << 16  # send messages, attach files, read message history
EVERYTHING_HERE = BOT_PERMISSIONS | MANAGE_GUILD
EPHEMERAL, LOADING = 1 << 6, 1 << 7
NOW = "2026-08-01T12:00:00.000000+00:00"
ATTACHMENT_LIMIT = 10 * 1024 * 1024


class Ids:
    """Snowflakes, each larger than the one before."""

    def __init__(self) -> None:
        self._last = int(time.time() * 1000) - 1_420_070_400_000 << 22

    def __call__(self) -> int:
        self._last += 1
        return self._last


@dataclass(frozen=True, slots=True)
class Somebody:
    """A member of the server."""

    id: int
    name: str
    roles: tuple[int, ...] = ()
    bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(slots=True)
class Server:
    """The one server: its people by id."""

    people: dict[int, Somebody] = field(default_factory=dict)

    def join(self, *people: Somebody) -> None:
        self.people.update((one.id, one) for one in people)


BURSAR = Somebody(APPLICATION, "Bursar", bot=True)


def user(one: Somebody) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "username": one.name.lower(),
        "discriminator": "0",
        "global_name": one.name,
        "avatar": None,
        "primary_guild": None,
        "bot": one.bot,
        "public_flags": 0,
        "flags": 0,
    }


def member(one: Somebody, *, with_user: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {
        "roles": [str(role) for role in one.roles],
        "nick": None,
        "avatar": None,
        "banner": None,
        "joined_at": NOW,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }
    return {**found, "user": user(one)} if with_user else found


def role(id_: int, name: str, permissions: int) -> dict[str, Any]:
    return {
        "id": str(id_),
        "name": name,
        "permissions": str(permissions),
        "position": 0 if id_ == SERVER else 1,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "flags": 0,
        "icon": None,
        "unicode_emoji": None,
    }


def channel(id_: int, name: str, overwrites: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    return {
        "id": str(id_),
        "guild_id": str(SERVER),
        "type": 0,
        "name": name,
        "position": 0,
        "permission_overwrites": list(overwrites),
        "parent_id": None,
        "topic": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }


_PRIVATE = (
    {"id": str(SERVER), "type": 0, "allow": "0", "deny": str(VIEW_CHANNEL)},
    {"id": str(MODERATORS), "type": 0, "allow": str(VIEW_CHANNEL), "deny": "0"},
    {"id": str(APPLICATION), "type": 1, "allow": str(BOT_PERMISSIONS), "deny": "0"},
)
CHANNELS = (channel(GENERAL, "general"), channel(STAFF, "staff-awards", _PRIVATE))


def guild(people: int) -> dict[str, Any]:
    """GUILD_CREATE of a server with so many members, of whom only the bot itself is told."""
    return {
        "id": str(SERVER),
        "name": "Lighthouse",
        "owner_id": "1",
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 1,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "vanity_url_code": None,
        "application_id": None,
        "max_members": 500000,
        "features": [],
        "emojis": [],
        "stickers": [],
        "roles": [role(SERVER, "@everyone", VIEW_CHANNEL), role(MODERATORS, "Moderators", MANAGE_GUILD)],
        "member_count": people,
        "large": False,
        "unavailable": False,
        "joined_at": NOW,
        "members": [member(BURSAR)],
        "channels": list(CHANNELS),
        "threads": [],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "premium_progress_bar_enabled": False,
    }


def application() -> dict[str, Any]:
    return {
        "id": str(APPLICATION),
        "name": "Bursar",
        "icon": None,
        "description": "",
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 0,
        "team": None,
        "owner": user(Somebody(1, "Owner")),
        "summary": "",
    }


def interaction(
    id_: int, token: str, kind: int, who: Somebody, data: Mapping[str, Any], message: Mapping[str, Any] | None
) -> dict[str, Any]:
    """INTERACTION_CREATE: somebody used a command (2), a component (3), an option being typed (4) or a form (5)."""
    found: dict[str, Any] = {
        "id": str(id_),
        "application_id": str(APPLICATION),
        "type": kind,
        "token": token,
        "version": 1,
        "data": dict(data),
        "guild_id": str(SERVER),
        "guild": {"id": str(SERVER), "locale": "en-US", "features": []},
        "channel_id": str(GENERAL),
        "channel": CHANNELS[0],
        "member": {**member(who), "permissions": str(EVERYTHING_HERE)},
        "locale": "en-US",
        "guild_locale": "en-US",
        "app_permissions": str(BOT_PERMISSIONS),
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(SERVER)},
        "context": 0,
        "attachment_size_limit": ATTACHMENT_LIMIT,
    }
    return found if message is None else {**found, "message": dict(message)}


def message(id_: int, channel_id: int, body: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A message of the bot's, from the body of the request that wrote it."""
    parts = body.get("components") or []
    for number, part in enumerate(walk(parts), start=1):
        part.setdefault("id", number)
    return {
        "id": str(id_),
        "channel_id": str(channel_id),
        "author": user(BURSAR),
        "content": body.get("content") or "",
        "timestamp": NOW,
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [dict(file) for file in files],
        "embeds": [],
        "components": parts,
        "pinned": False,
        "type": 0,
        "flags": int(body.get("flags") or 0),
        "application_id": str(APPLICATION),
        "webhook_id": str(APPLICATION),
    }


def walk(parts: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every component, those inside others too."""
    for part in parts:
        yield part
        yield from walk(part.get("components") or [])
        yield from walk([part[name] for name in ("accessory", "component") if isinstance(part.get(name), dict)])
