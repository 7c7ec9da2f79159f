"""The real bot on a simulated Discord: a server, its channels, the people, and what they can do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import discord
import simcord
from discord import app_commands
from simcord._clock import Clock
from simcord.backend import serializers
from simcord.backend.models import User
from simcord.interactions import base_payload

from bot.app import App, opened
from bot.client import PERMISSIONS, BursarClient
from bot.clock import SystemClock
from bot.demo.failures import DemoFailed
from bot.demo.people import Person
from bot.demo.shown import Shown, answer, shown
from bot.demo.standins import StandIns
from bot.errors import BursarError
from bot.settings import Settings
from bot.ui.answers import has_expired
from bot.ui.board import StaffBoard
from bot.ui.start_rule import start_rule

SERVER_ID: Final = 1_130_000_000_000_000_011
SETTLE_SECONDS: Final = 2.0
"""SimCord waits so long for the bot to be done with one action, and as long for the bot's timers that end within."""
SLOW_TIMES: Final = 15
"""How often it is waited for again, on a machine that is slow."""
PATIENCE_SECONDS: Final = 60.0
"""How long a batch may take. Even on a slow machine it is over within a few."""
LOOKING_UP: Final = "Looking up…"
"""What a preview has in the place of its main button meanwhile."""
_LOOK_EVERY: Final = 0.05
_PRESS: Final = 3
"""Discord's interaction type of a pressed button."""


@dataclass
class Stage:
    """A running Bursar in a server with an administrator, a moderator and the community."""

    app: App
    client: BursarClient
    env: simcord.Env
    guild: simcord.GuildHandle
    mods: simcord.ChannelHandle
    staff: simcord.ChannelHandle
    role: simcord.RoleHandle
    admin: simcord.MemberActor
    mod: simcord.MemberActor

    async def slash(self, who: simcord.MemberActor, command: str, **options: Any) -> Shown:
        """A slash command in #mods; the private answer."""
        return answer(await self._done(who.slash(self.mods, command, **options)))

    async def press(self, who: simcord.MemberActor, card: Shown, label: str) -> Shown:
        """Press a button; the answer, or the card as it is then."""
        return answer(await self._done(who.click(card.message, label=label)), card)

    async def press_twice(self, who: simcord.MemberActor, card: Shown, label: str) -> list[Shown]:
        """A double click: both presses are under way before the bot answers either."""
        button = next(part for part in card.parts if part.get("label") == label)
        backend, results = self.env.backend, []
        message = backend.get_message(card.message.channel.id if isinstance(card.message, discord.Message)
                                      else card.message.channel_id, card.message.id)  # fmt: skip
        for _ in range(2):
            record, payload = base_payload(
                backend,
                type=_PRESS,
                channel_id=message.channel_id,
                guild_id=self.guild.id,
                user_id=who.id,
                data={"custom_id": button["custom_id"], "component_type": button["type"]},
            )
            record.source_message_id = message.id
            payload["message"] = dict(serializers.message_payload(backend, message))
            backend.emit("INTERACTION_CREATE", payload)
            results.append(simcord.InteractionResult(self.env, record))
        await calm(self.env)
        return [answer(result, card) for result in results]

    async def choose(self, who: simcord.MemberActor, card: Shown, menu: str, *values: Any) -> Shown:
        """Choose in a menu, by its custom id."""
        return answer(await self._done(who.select(card.message, values, custom_id=menu)), card)

    async def fill(self, who: simcord.MemberActor, card: Shown, label: str, values: Mapping[str, Any]) -> Shown:
        """Press a button that opens a form, and send the form."""
        form = await self._done(who.click(card.message, label=label))
        if form.modal is None:
            raise DemoFailed(f"“{label}” should open a form")
        return answer(await self._done(who.submit_modal(form, dict(values))), card)

    async def _done(self, action: Awaitable[simcord.InteractionResult]) -> simcord.InteractionResult:
        """What came of an action; a bot that is not done with it in time gets more of it."""
        try:
            return await action
        except TimeoutError:
            backend = self.env.backend
            record = backend.interactions[max(backend.interactions)]
            await calm(self.env)
            return simcord.InteractionResult(self.env, record)

    async def looked_up(self, card: Shown) -> Shown:
        """The preview once its recipients are looked up."""

        async def done() -> bool:
            return not any(part.get("label") == LOOKING_UP for part in self.again(card).parts)

        await self.until(done, "the end of a look-up")
        return self.again(card)

    def again(self, card: Shown) -> Shown:
        """The same message as it looks now."""
        return shown(card.message)

    def said_by_staff_channel(self) -> list[Shown]:
        """Everything in the staff channel, oldest first."""
        return [shown(message) for message in self.staff.history()]

    def file(self, card: Shown, name: str) -> str:
        """The text of an attached file. Raises ``DemoFailed``."""
        content = self.env.backend.cdn.get(card.files.get(name, ""))
        if content is None:
            raise DemoFailed(f"the file {name} should be attached to the card")
        return content.decode("utf-8-sig")

    async def until(self, met: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for the dispatcher or the staff board. Raises ``DemoFailed`` naming ``what`` did not come."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await met():  # noqa: ASYNC110 - the simulated Discord has nothing that could be awaited
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            raise DemoFailed(f"{what} did not come within {PATIENCE_SECONDS:.0f} seconds") from None

    def name(self, kind: str, id_: int) -> str | None:
        """What a mention (``user``, ``role``, ``channel``) is called; ``None`` for nobody that this server knows."""
        backend = self.env.backend
        if kind == "user":
            user = backend.users.get(id_)
            return None if user is None else user.global_name or user.name
        known = backend.channels if kind == "channel" else backend.get_guild(self.guild.id).roles
        return known[id_].name if id_ in known else None

    def unexpected(self) -> list[BaseException]:
        """What the bot raised that is neither a refusal in plain words nor an answer that came too late."""
        roots = [_root(error) for error in self.env.errors]
        return [error for error in roots if not isinstance(error, BursarError) and not has_expired(error)]


async def calm(env: simcord.Env) -> None:
    """Return when the bot is done with what it was told."""
    for _ in range(SLOW_TIMES):
        with contextlib.suppress(TimeoutError):
            await env.settle()
            return
        # A timer that was due while SimCord waited in vain is waited for ever after, unless its clock goes on.
        with contextlib.suppress(TimeoutError):
            await env.advance_time(env.settle_timeout)
    raise DemoFailed("the bot did not get done with an interaction")


@contextlib.asynccontextmanager
async def staged(directory: Path, standins: StandIns, community: Sequence[Person]) -> AsyncIterator[Stage]:
    """Start the bot with a ledger of its own in ``directory``. Nothing of it reaches beyond this machine."""
    values = {**standins.variables(), "BURSAR_SERVER_IDS": str(SERVER_ID)}
    settings = Settings.load(values, directory)
    async with opened(settings, SystemClock(), patient=True) as app:
        client = BursarClient(app.services, settings)
        async with simcord.run(client, check_errors=False, settle_timeout=SETTLE_SECONDS) as env:
            env.backend.clock = _Today()
            stage = _populated(app, client, env, community)
            await env.settle()
            async with _at_work(stage):
                yield stage


class _Today(Clock):
    """SimCord's clock stands still at the beginning of 2026; people and messages of the demo are of today."""

    def __init__(self) -> None:
        super().__init__()
        self._began = datetime.now(UTC)

    def now(self) -> datetime:
        """The moment at which the demo began, and what SimCord added to it."""
        return self._began + timedelta(seconds=self.elapsed)


def _populated(app: App, client: BursarClient, env: simcord.Env, community: Sequence[Person]) -> Stage:
    env.backend.edit_bot_profile("Bursar")
    guild = env.create_guild("Lighthouse", id=SERVER_ID)
    boss = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    role = guild.create_role("Moderators", permissions=discord.Permissions(manage_guild=True))
    hidden: dict[Any, discord.PermissionOverwrite] = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        role: discord.PermissionOverwrite(view_channel=True),
        client.user: discord.PermissionOverwrite.from_pair(PERMISSIONS, discord.Permissions.none()),
    }
    for person in community:
        user = User(id=int(person.id), name=person.name)
        env.backend.users[user.id] = user
        guild.add_member(simcord.UserHandle(env, user))
    return Stage(
        app=app,
        client=client,
        env=env,
        guild=guild,
        mods=guild.create_text_channel("mods", overwrites=hidden),
        staff=guild.create_text_channel("staff-awards", overwrites=hidden),
        role=role,
        admin=guild.add_member(env.create_user("admin"), roles=[boss]),
        mod=guild.add_member(env.create_user("mod"), roles=[role]),
    )


@contextlib.asynccontextmanager
async def _at_work(stage: Stage) -> AsyncIterator[None]:
    """The dispatcher and the staff board, beside the client, as ``run`` starts them."""
    app = stage.app
    board = StaffBoard(app.services, lambda: stage.client)
    app.watchers.add(board)
    app.start_rule.ask = start_rule(app.services, lambda: stage.client)
    task = asyncio.create_task(board.run(), name="board")
    try:
        async with app.dispatching():
            yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _root(error: BaseException) -> BaseException:
    while isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    return error
