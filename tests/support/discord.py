"""The whole real thing, on a simulated Discord: ledger file, stand-ins, services, dispatcher, staff board, client.

``discord_world`` is used as ``async with`` inside a test, not as a fixture: SimCord's clock and its HTTP adapter live
in the context of the task that enters it. Dispatcher and board are tasks outside the client, as in production, so
SimCord does not wait for them; ``World.until`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import discord
import simcord
from discord import app_commands
from simcord.backend.serializers import message_payload
from simcord.components import walk_components
from simcord.interactions import base_payload

from bot.app import App, opened
from bot.client import BursarClient
from bot.domain.model import Actor
from bot.errors import BursarError
from bot.services.rules import Capability
from bot.settings import Settings
from bot.ui import board, receipts
from bot.ui.answers import has_expired
from bot.ui.board import StaffBoard
from bot.ui.start_rule import start_rule
from tests.support.calendar import Calendar
from tests.support.patience import PATIENCE, until
from tests.support.sandbox import Sandbox, running_sandbox
from tests.support.specification import violations

SERVER_ID = 111111111111111111
DELAY = 300.0
"""Seconds before a first call, of a batch that begins when the test says so (``World.begin``)."""
EDIT_EVERY = 0.3
"""Seconds between two edits of a board: what is under way is shown soon, so that it need not be under way for long."""
_TEXT, _BUTTON, _FILE, _FRAME = 10, 2, 13, 17
_MENUS = (3, 5, 6, 7, 8)


@dataclass(frozen=True)
class Shown:
    """A message as a person sees it: its texts, and what can be pressed."""

    message: Any
    """What SimCord's actors take: a response or a channel message."""
    parts: Sequence[Mapping[str, Any]]

    @property
    def text(self) -> str:
        return "\n".join(part["content"] for part in self.parts if part["type"] == _TEXT)

    @property
    def buttons(self) -> list[str]:
        """Labels of the buttons that can be pressed, in order."""
        return [part["label"] for part in self.parts if part["type"] == _BUTTON and not part.get("disabled")]

    @property
    def menus(self) -> list[Mapping[str, Any]]:
        return [part for part in self.parts if part["type"] in _MENUS]

    @property
    def files(self) -> list[str]:
        """Names of the attached files that the card shows."""
        return [
            str(part.get("name") or part["file"]["url"].rsplit("/", 1)[-1])
            for part in self.parts
            if part["type"] == _FILE
        ]

    def style(self, label: str) -> int:
        """A button's style: 1 primary, 2 secondary, 4 danger."""
        return next(int(part["style"]) for part in self.parts if part["type"] == _BUTTON and part["label"] == label)


def shown(message: Any) -> Shown:
    """A response or a channel message, looked at."""
    if isinstance(message, discord.Message):
        raw = [component.to_dict() for component in message.components]
    else:
        raw = message.components
    return Shown(message, list(walk_components(raw)))


@dataclass
class World:
    """A running Bursar in a server with an administrator, a moderator, members and a bot."""

    app: App
    calendar: Calendar
    """The app's clock. SimCord's own stands still."""
    client: BursarClient
    env: simcord.Env
    sandbox: Sandbox
    guild: simcord.GuildHandle
    general: simcord.ChannelHandle
    staff: simcord.ChannelHandle
    role: simcord.RoleHandle
    admin: simcord.MemberActor
    mod: simcord.MemberActor
    members: list[simcord.MemberActor]
    helper: simcord.MemberActor
    """A bot."""
    _expected: list[type[BaseException]] = field(default_factory=list)

    async def restart(self) -> None:
        """Another client on the same ledger, as after a restart of the program."""
        self.client = BursarClient(self.app.services, self.app.settings)
        await self.env.restart_bot(self.client)

    def begin(self, batch_id: int) -> None:
        """Let the ``DELAY`` before a batch's first call be over."""
        self.calendar.let_pass(DELAY)
        self.app.services.dispatcher.wake(batch_id)

    async def setting(self, name: str, value: object) -> None:
        """Change one of the server's settings."""
        actor = Actor(str(self.admin.id), "admin", str(self.guild.id))
        await self.app.services.servers.change(str(self.guild.id), name, value, actor)

    async def award(self, actor: simcord.MemberActor, **options: Any) -> Shown:
        """``/award`` as somebody; the private answer."""
        return self.answer(await actor.slash(self.general, "award", **options))

    async def bulk(self, actor: simcord.MemberActor, **options: Any) -> Shown:
        """``/bulk`` as somebody; the private answer."""
        return self.answer(await actor.slash(self.general, "bulk", **options))

    async def press(self, actor: simcord.MemberActor, card: Shown, label: str) -> Shown:
        """Press a button by its label; the answer, or the pressed card where that was changed."""
        return self.answer(await actor.click(card.message, label=label), card)

    def send_press(self, actor: simcord.MemberActor, card: Shown, label: str) -> simcord.InteractionResult:
        """Press a button and wait for nothing; ``env.settle`` waits for all that were pressed."""
        backend = self.env.backend
        posted = isinstance(card.message, discord.Message)
        channel_id = card.message.channel.id if posted else card.message.channel_id
        stored = backend.get_message(channel_id, card.message.id)
        part = next(part for part in card.parts if part.get("label") == label)
        data = {"custom_id": part["custom_id"], "component_type": _BUTTON}
        record, payload = base_payload(
            backend, type=3, channel_id=stored.channel_id, guild_id=self.guild.id, user_id=actor.id, data=data
        )
        record.source_message_id = stored.id
        backend.emit("INTERACTION_CREATE", {**payload, "message": dict(message_payload(backend, stored))})
        return simcord.InteractionResult(self.env, record)

    async def press_at_once(self, actor: simcord.MemberActor, card: Shown, label: str, times: int) -> list[Shown]:
        """The same button several times before anything is answered, as a double click; every answer."""
        results = [self.send_press(actor, card, label) for _ in range(times)]
        await self.env.settle()
        return [self.answer(result, card) for result in results]

    async def submit_at_once(
        self, opened: Sequence[tuple[simcord.MemberActor, Shown, Any]], reason: str
    ) -> list[Shown]:
        """Several people's forms with one field, sent before anything is answered; every answer. ``opened``: who, the
        card whose form it is, the form."""
        backend, records = self.env.backend, []
        for who, card, form in opened:
            stored = backend.get_message(card.message.channel_id, card.message.id)
            typed = [
                {**part, "component": {**part["component"], "value": reason}} for part in form.modal["components"][1:]
            ]
            data = {"custom_id": form.modal["custom_id"], "components": [form.modal["components"][0], *typed]}
            record, payload = base_payload(
                backend, type=5, channel_id=stored.channel_id, guild_id=self.guild.id, user_id=who.id, data=data
            )
            record.source_message_id = stored.id
            backend.emit("INTERACTION_CREATE", {**payload, "message": dict(message_payload(backend, stored))})
            records.append((record, card))
        await self.env.settle()
        return [self.answer(simcord.InteractionResult(self.env, record), card) for record, card in records]

    async def pick(self, actor: simcord.MemberActor, card: Shown, value: str, menu: int = 0) -> Shown:
        """Choose an option of a menu."""
        result = await actor.select(card.message, [value], custom_id=card.menus[menu]["custom_id"])
        return self.answer(result, card)

    def answer(self, result: simcord.InteractionResult, before: Shown | None = None) -> Shown:
        """What the person sees now. Whatever answers an interaction has to be private."""
        assert result.acknowledged, "the interaction was never answered"
        if result.followups:
            message = result.followups[-1]
        elif result.response is not None:
            message = result.response
        else:
            assert before is not None
            message = before.message
        assert message.flags.ephemeral, "an answer to a command or button is private"
        return shown(message)

    def again(self, card: Shown) -> Shown:
        """The same message as it looks now."""
        return shown(card.message)

    def staff_messages(self) -> list[Shown]:
        """Everything in the staff channel, oldest first."""
        return [shown(message) for message in self.staff.history()]

    def file(self, card: Shown, name: str) -> str:
        """The text of an attached file."""
        attachments = {one.filename: one.url for one in card.message.attachments}
        return (self.env.backend.cdn.get(attachments[name]) or b"").decode("utf-8-sig")

    async def until(self, met: Callable[[], bool]) -> None:
        """Wait for the dispatcher or the board, which SimCord does not wait for."""

        async def ask() -> bool:
            return met()

        await until(ask)

    async def quiet(self) -> None:
        """Wait until the dispatcher has nothing more to do."""
        async with asyncio.timeout(PATIENCE):
            await self.app.services.dispatcher.until_quiet()

    async def paid(self, service: str = "drip") -> dict[str, int]:
        """The stand-in's own books: points by recipient."""
        sums: dict[str, int] = {}
        for entry in await self.sandbox.applied(service):
            sums[entry["recipient"]] = sums.get(entry["recipient"], 0) + entry["effect"]
        return sums

    async def calls(self, service: str = "drip") -> int:
        """Write calls that reached the stand-in."""
        return sum(1 for call in await self.sandbox.calls(service) if call["method"] != "GET")

    @contextlib.contextmanager
    def failing_lists(self) -> Iterator[None]:
        """While inside, Discord answers 500 for every list of messages that has one with a container (discord-api-docs
        issue 8611). One by one they can be read."""
        fault = _FrameListed(self.env.backend)
        self.env.backend.faults.append(fault)
        try:
            yield
        finally:
            self.env.backend.faults.remove(fault)

    def renumber(self, card: Shown, was: object, now: object) -> Shown:
        """A card as it stands there from a ledger that was replaced by one with other numbers."""
        posted = isinstance(card.message, discord.Message)
        channel_id = card.message.channel.id if posted else card.message.channel_id
        stored = self.env.backend.get_message(channel_id, card.message.id)
        for part in walk_components(stored.components):
            if str(part.get("custom_id", "")).endswith(f":{was}"):
                part["custom_id"] = part["custom_id"].removesuffix(str(was)) + str(now)
        if not posted:
            return self.again(card)
        return next(one for one in self.staff_messages() if one.message.id == card.message.id)

    @contextlib.contextmanager
    def cut_off(self, path: str) -> Iterator[None]:
        """While inside, nothing is answered at this path of Discord's API."""
        fault = _Unreachable(self.env.backend, path)
        self.env.backend.faults.append(fault)
        try:
            yield
        finally:
            self.env.backend.faults.remove(fault)

    def refusable(self) -> list[str]:
        """What Discord itself would not have taken of all that the client sent until now."""
        sent = ((entry.method, entry.path, entry.json) for entry in self.env.http_requests)
        return violations(sent, {str(id_): one.type for id_, one in self.env.backend.interactions.items()})

    def unexpected(self) -> list[BaseException]:
        """What the client raised that is neither a refusal in plain words nor an answer that came too late."""
        roots = (_root(error) for error in self.env.errors)
        expected = (BursarError, *self._expected)
        return [error for error in roots if not isinstance(error, expected) and not has_expired(error)]

    def expected(self, kind: type[BaseException]) -> None:
        """Let the client raise this without failing the test at its end."""
        self._expected.append(kind)


class _FrameListed(dict[str, Any]):
    """A fault of SimCord's whose path is the one that was asked for, where a container is in what that would list."""

    def __init__(self, backend: Any) -> None:
        super().__init__(method="GET", status=500, code=0, message="500: Internal Server Error", times=None)
        self._backend = backend

    def __getitem__(self, key: str) -> Any:
        if key != "path":
            return super().__getitem__(key)
        asked = self._backend.http_requests[-1]
        match = re.fullmatch(r"/channels/([0-9]+)/messages", asked.path)
        return asked.path if match is not None and self._has_frame(int(match[1]), asked.params) else "nothing"

    def _has_frame(self, channel_id: int, params: Mapping[str, Any]) -> bool:
        before, after = int(params.get("before", 2**63)), int(params.get("after", 0))
        found = [one for id_, one in self._backend.messages[channel_id].items() if after < id_ < before]
        page = sorted(found, key=lambda one: one.id, reverse="after" not in params)[: int(params.get("limit", 50))]
        return any(part["type"] == _FRAME for message in page for part in message.components)


class _Unreachable(dict[str, Any]):
    """A fault of SimCord's that answers nothing at all."""

    def __init__(self, backend: Any, path: str) -> None:
        super().__init__(method="*", status=0, code=0, message="", times=None)
        self._backend, self._path = backend, path

    def __getitem__(self, key: str) -> Any:
        if key == "path" and self._backend.http_requests[-1].path == self._path:
            raise aiohttp.ServerDisconnectedError
        return "nothing" if key == "path" else super().__getitem__(key)


def _root(error: BaseException) -> BaseException:
    while isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    return error


@contextlib.asynccontextmanager
async def discord_world(
    directory: Path,
    *,
    members: int = 8,
    practice: bool = False,
    plan: str = "pro",
    settling: bool = False,
    edit_every: float = EDIT_EVERY,
    **environ: str,
) -> AsyncIterator[World]:
    """Start everything in ``directory``. ``edit_every``: seconds, of the staff channel's messages. ``environ``: more
    settings, by their variables.

    Fails at the end when the client raised anything but a refusal, or sent what Discord would not take.
    """
    # SimCord waits for timers that are due within its patience: every receipt of a batch that is not over has one.
    with (
        mock.patch.multiple(receipts, STEP_SECONDS=600.0, START_SECONDS=600.0),
        mock.patch.object(board, "EDIT_EVERY_SECONDS", edit_every),
    ):
        async with running_sandbox("--drip-plan", plan) as sandbox:
            values = {**sandbox.environ(), "DRIP_RATE_PLAN": plan, "BURSAR_SERVER_IDS": str(SERVER_ID), **environ}
            settings = Settings.load(values, directory)
            calendar = Calendar()
            async with opened(settings, calendar, patient=True, practice=practice, settling=settling) as app:
                client = BursarClient(app.services, settings)
                async with simcord.run(client, check_errors=False, settle_timeout=PATIENCE) as env:
                    world = _populate(app, calendar, client, env, sandbox, members)
                    await _bind(world)
                    async with _at_work(world):
                        yield world
                    assert world.unexpected() == []
                    refusable = world.refusable()
                    assert not refusable, "\n".join(refusable)


_NAMES = ("Ada", "Grace", "Linus", "Barbara", "Ken", "Dennis", "Radia", "Niklaus")


def _name(number: int) -> str:
    return _NAMES[number] if number < len(_NAMES) else f"Member {number}"


def _populate(
    app: App, calendar: Calendar, client: BursarClient, env: simcord.Env, sandbox: Sandbox, members: int
) -> World:
    guild = env.create_guild("Lighthouse", id=SERVER_ID)
    role = guild.create_role("Moderators", permissions=discord.Permissions(manage_guild=True))
    boss = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    people = [guild.add_member(env.create_user(f"member{n}", global_name=_name(n))) for n in range(members)]
    return World(
        app=app,
        calendar=calendar,
        client=client,
        env=env,
        sandbox=sandbox,
        guild=guild,
        general=guild.create_text_channel("general"),
        staff=private_channel(client, guild, role, "staff-awards"),
        role=role,
        admin=guild.add_member(env.create_user("admin"), roles=[boss]),
        mod=guild.add_member(env.create_user("mod"), roles=[role]),
        members=people,
        helper=guild.add_member(env.create_user("helper", bot=True)),
    )


def private_channel(
    client: BursarClient, guild: simcord.GuildHandle, role: simcord.RoleHandle, name: str
) -> simcord.ChannelHandle:
    """A channel for one role and the bot, which has all that it needs there."""
    hidden = {guild.default_role: discord.PermissionOverwrite(view_channel=False)}
    staff_role = {role: discord.PermissionOverwrite(view_channel=True)}
    bot = {client.user: discord.PermissionOverwrite(
        view_channel=True, send_messages=True, attach_files=True, read_message_history=True
    )}  # fmt: skip
    return guild.create_text_channel(name, overwrites={**hidden, **staff_role, **bot})  # type: ignore[dict-item]  # three kinds of targets


async def _bind(world: World) -> None:
    """The server's settings, and the members' accounts at the stand-ins."""
    await world.env.settle()
    role = [str(world.role.id)]
    await world.setting("roles", {capability.value: role for capability in Capability})
    await world.setting("staff_channel_id", str(world.staff.id))
    await world.setting("default_programme", "drip-members")
    ids = [str(member.id) for member in world.members]
    await world.sandbox.seed(discord_ids=ids, balance=1000)


@contextlib.asynccontextmanager
async def _at_work(world: World) -> AsyncIterator[None]:
    """The dispatcher and the staff board, beside the client."""
    app = world.app
    staff_board = StaffBoard(app.services, lambda: world.client)
    app.watchers.add(staff_board)
    app.start_rule.ask = start_rule(app.services, lambda: world.client)
    task = asyncio.create_task(staff_board.run(), name="board")
    try:
        async with app.dispatching():
            yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def rows(world: World, amount: int = 50, count: int | None = None) -> list[tuple[object, object]]:
    """One row for each of the members, or the first ``count`` of them."""
    return [(member.id, amount) for member in world.members[:count]]


def csv_of(world: World, rows: Sequence[tuple[object, object]], header: str = "discord_id,amount") -> bytes:
    """A CSV of these rows."""
    return "\n".join([header, *(f"{who},{amount}" for who, amount in rows)]).encode()


async def allow_files(world: World, allowed: bool) -> None:
    """Give the bot the permission *Attach Files* in the staff channel, or take it away."""
    bot, backend = world.client.user, world.env.backend
    assert bot is not None
    (own,) = [one for one in backend.get_channel(world.staff.id).overwrites if one.target_id == bot.id]
    files = discord.Permissions(attach_files=True).value
    allow, deny = (own.allow | files, own.deny & ~files) if allowed else (own.allow & ~files, own.deny | files)
    backend.set_overwrite(world.staff.id, replace(own, allow=allow, deny=deny))
    await world.env.settle()
