"""The client itself: invite link, errors, start, and what ``doctor`` asks of Discord."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import discord
import pytest
from aiohttp import web
from discord import app_commands

from bot import client as client_module
from bot.app import opened
from bot.client import PERMISSIONS, BursarClient, examine, invite_url, stay_connected
from bot.clock import SystemClock
from bot.providers.base import Health
from bot.settings import Settings
from bot.ui.answers import think
from tests.support.discord import discord_world
from tests.support.patience import PATIENCE

BOT, SERVER, CHANNEL = "700000000000000001", "700000000000000002", "700000000000000003"


def test_the_invite_link_asks_for_four_permissions_and_both_scopes() -> None:
    query = parse_qs(urlsplit(invite_url(42)).query)
    assert query["client_id"] == ["42"]
    assert set(query["scope"][0].split()) == {"bot", "applications.commands"}
    granted = discord.Permissions(int(query["permissions"][0]))
    assert {name for name, on in granted if on} == {
        "read_messages", "send_messages", "attach_files", "read_message_history",
    }  # fmt: skip


async def test_a_discord_that_cannot_be_reached_is_tried_again_and_nothing_stays_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discord.http.Route, "BASE", "http://127.0.0.1:1/api/v10")
    monkeypatch.setattr(client_module, "CONNECT_AGAIN_SECONDS", 0.01)
    settings = Settings.load({}, tmp_path)
    async with opened(settings, SystemClock(), patient=True) as app:
        client = BursarClient(app.services, settings)
        with caplog.at_level(logging.WARNING):
            connection = asyncio.create_task(stay_connected(client, "token"))
            async with asyncio.timeout(PATIENCE):
                while caplog.text.count("Discord cannot be reached") < 3:  # noqa: ASYNC110 - only the log tells
                    await asyncio.sleep(0.01)
            sessions = [one for one in gc.get_objects() if type(one) is aiohttp.ClientSession]
            still_open = [one for one in sessions if not one.closed]
            await client.close()
            await connection
    assert len(still_open) <= 1, "that of a try under way"


async def test_a_discord_that_hangs_up_at_the_login_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{port}/api/v10")
    monkeypatch.setattr(client_module, "CONNECT_AGAIN_SECONDS", 0.01)
    settings = Settings.load({}, tmp_path)
    async with server, opened(settings, SystemClock(), patient=True) as app:
        client = BursarClient(app.services, settings)
        with caplog.at_level(logging.WARNING):
            connection = asyncio.create_task(stay_connected(client, "token"))
            async with asyncio.timeout(PATIENCE):
                while caplog.text.count("Discord cannot be reached") < 2 and not connection.done():  # noqa: ASYNC110 # a log tells nobody
                    await asyncio.sleep(0.01)
            assert not connection.done()
            await client.close()
            await connection


async def test_only_the_intent_for_servers_is_asked_for_and_nobody_is_pinged_by_default(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        assert {name for name, on in world.client.intents if on} == {"guilds"}
        assert world.client.allowed_mentions is not None
        assert world.client.allowed_mentions.to_dict() == {"parse": []}
        for member in world.members:
            assert member.member is None, "no member is kept in memory"


async def test_an_unexpected_error_is_plain_words_with_the_id_of_its_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @app_commands.command(name="broken", description="A defect")
    async def broken(interaction: discord.Interaction) -> None:
        await think(interaction)
        raise ZeroDivisionError("a secret detail")

    async with discord_world(tmp_path) as world:
        world.client.tree.add_command(broken)
        await world.client.tree.sync()
        with caplog.at_level(logging.ERROR):
            card = world.answer(await world.mod.slash(world.general, "broken"))
        assert "Something went wrong inside Bursar" in card.text
        assert "nothing is sent twice" in card.text
        assert "secret" not in card.text and "ZeroDivision" not in card.text
        (line,) = [record for record in caplog.records if record.message.startswith("error ")]
        assert f"-# Error {line.message.removeprefix('error ')}" in card.text
        assert line.exc_info is not None
        assert [type(error) for error in world.unexpected()] == [ZeroDivisionError]
        world.expected(ZeroDivisionError)


async def test_commands_that_cannot_be_registered_do_not_keep_the_bot_from_its_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with discord_world(tmp_path) as world:
        world.env.inject_error("PUT", "/applications/*/commands", status=500)
        with caplog.at_level(logging.WARNING):
            await world.restart()
        assert "the commands could not be registered" in caplog.text
        card = await world.award(world.mod, members=world.members[0].mention, amount="5")
        assert card.buttons[0] == "Send 5 points to @Ada"


# --- doctor -----------------------------------------------------------------------------------------------------------


def _guild(permissions: int) -> dict[str, object]:
    role = {"id": SERVER, "name": "@everyone", "permissions": str(permissions), "position": 0, "color": 0,
            "hoist": False, "managed": False, "mentionable": False, "flags": 0}  # fmt: skip
    return {
        "id": SERVER, "name": "Lighthouse", "owner_id": "1", "roles": [role], "emojis": [], "stickers": [],
        "features": [], "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0,
        "mfa_level": 0, "system_channel_flags": 0, "premium_tier": 0, "nsfw_level": 0, "preferred_locale": "en-US",
        "afk_timeout": 300, "region": "", "premium_progress_bar_enabled": False,
    }  # fmt: skip


@asynccontextmanager
async def rest(
    monkeypatch: pytest.MonkeyPatch, *, permissions: int, overwrite: int = 0, private: bool = True
) -> AsyncIterator[None]:
    """As much of Discord's REST interface as ``doctor`` asks."""
    user = {"id": BOT, "username": "bursar", "discriminator": "0", "avatar": None, "bot": True}
    member = {"user": user, "roles": [], "joined_at": None, "deaf": False, "mute": False, "flags": 0}
    hidden = {"id": SERVER, "type": 0, "allow": "0", "deny": str(discord.Permissions(view_channel=True).value)}
    own = {"id": BOT, "type": 1, "allow": str(PERMISSIONS.value & ~overwrite), "deny": str(overwrite)}
    channel = {"id": CHANNEL, "type": 0, "guild_id": SERVER, "name": "staff", "position": 0, "nsfw": False,
               "permission_overwrites": [hidden, own][not private :], "parent_id": None, "topic": None}  # fmt: skip
    application = {"id": BOT, "name": "Bursar", "icon": None, "description": "", "bot_public": False,
                   "bot_require_code_grant": False, "verify_key": "", "summary": "", "team": None,
                   "owner": user, "flags": 0}  # fmt: skip
    answers = {
        "/users/@me": user,
        "/oauth2/applications/@me": application,
        "/users/@me/guilds": [_guild(permissions)],
        f"/guilds/{SERVER}": _guild(permissions),
        f"/guilds/{SERVER}/members/{BOT}": member,
        f"/channels/{CHANNEL}": channel,
    }

    async def answer(request: web.Request) -> web.Response:
        if request.headers["Authorization"] != "Bot good-token":
            return web.Response(status=401, text='{"message": "401: Unauthorized", "code": 0}',
                                headers={"Content-Type": "application/json"})  # fmt: skip
        if request.path not in answers:
            return web.json_response({"message": "Unknown Channel", "code": 10003}, status=404)
        body = web.json_response(answers[request.path])
        body.headers["Content-Type"] = "application/json"  # discord.py takes no other spelling for JSON
        return body

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    monkeypatch.setattr(discord.http.Route, "BASE", f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield
    finally:
        await runner.cleanup()


async def test_doctor_finds_everything_well_and_prints_the_invite_link(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rest(monkeypatch, permissions=PERMISSIONS.value):
        found = await examine("good-token", staff_channels={SERVER: CHANNEL})
    assert {finding.health for finding in found} == {Health.OK}
    assert invite_url(int(BOT)) in [finding.message for finding in found]
    assert found[-1].message == "all permissions are there in #staff"


async def test_doctor_names_the_permissions_that_are_missing_in_the_staff_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    denied = discord.Permissions(attach_files=True).value
    async with rest(monkeypatch, permissions=PERMISSIONS.value, overwrite=denied):
        found = await examine("good-token", staff_channels={SERVER: CHANNEL})
    assert (found[-1].health, found[-1].message) == (Health.FAILED, "missing in #staff: attach files")
    assert found[-1].action is not None


async def test_doctor_refuses_a_staff_channel_that_everyone_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rest(monkeypatch, permissions=PERMISSIONS.value, private=False):
        found = await examine("good-token", staff_channels={SERVER: CHANNEL})
    assert found[-1].health is Health.FAILED
    assert found[-1].message == "everyone can read the staff channel #staff, so nothing is posted there"


async def test_doctor_tells_a_server_without_a_staff_channel_and_a_channel_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rest(monkeypatch, permissions=PERMISSIONS.value):
        unset = await examine("good-token")
        gone = await examine("good-token", staff_channels={SERVER: "700000000000000009"})
        elsewhere = await examine("good-token", server_ids=frozenset({"700000000000000008"}))
    assert (unset[-1].health, unset[-1].message) == (
        Health.WARNING,
        "no staff channel is set: no progress messages, and a second machine would not be noticed",
    )
    assert (gone[-1].health, gone[-1].message) == (Health.FAILED, "the staff channel cannot be seen")
    assert "is not in server 700000000000000008" in elsewhere[-1].message


async def test_doctor_says_what_to_do_about_a_token_that_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with rest(monkeypatch, permissions=0):
        (found,) = await examine("bad-token")
    assert found.health is Health.FAILED
    assert found.action is not None and "DISCORD_TOKEN" in found.action
    assert "bad-token" not in found.message


def test_every_cog_is_loaded_by_name_and_the_client_imports_none() -> None:
    assert client_module.COGS == ("cogs.rewards", "cogs.batches", "cogs.ledger", "cogs.settings")
