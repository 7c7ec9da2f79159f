"""A Discord on loopback: one gateway connection and the REST calls that Bursar makes, for many people at once.

It judges what Discord judges about answering: an interaction is answered once, and only an answered one can be edited.
When each interaction was sent and first answered is written down; nothing here waits or hurries.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiohttp import WSMsgType, web

from tests.gateway import payloads
from tests.gateway.launcher import API, GATEWAY
from tests.gateway.payloads import Ids, Server, Somebody
from tests.support.specification import violations

COMMAND, COMPONENT, TYPED, FORM = 2, 3, 4, 5
"""Kinds of interactions."""
DEFERRED, DEFERRED_UPDATE, CHOICES, MODAL = 5, 6, 8, 9
"""Kinds of answers."""
_DISPATCH, _HEARTBEAT, _IDENTIFY, _RESUME, _HELLO, _ACK = 0, 1, 2, 6, 10, 11
PATIENCE: Final = 100.0
"""Seconds until a test is told that somebody waits in vain: no statement about speed."""


class Asked:
    """One interaction, and what became of it."""

    def __init__(self, kind: int, who: Somebody, about: str, source: dict[str, Any] | None) -> None:
        self.kind = kind
        self.who = who
        self.about = about
        """What was done, for reports."""
        self.sent = time.perf_counter()
        self.answered: float | None = None
        """When the first answer came (``perf_counter``)."""
        self.filled: float | None = None
        """When there was something to read: a card, a form, choices."""
        self.answer: dict[str, Any] | None = None
        self.message: dict[str, Any] | None = source
        """What stands where the answer belongs: the card whose button was pressed, or the private answer."""
        self.followups: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def note(self) -> None:
        """Something was written."""
        self._news.set()

    @property
    def seconds(self) -> float:
        """From sending to the first answer."""
        assert self.answered is not None, f"{self.about}: never answered"
        return self.answered - self.sent

    async def until(self, met: Callable[[Asked], object]) -> Asked:
        """Wait for something to be written that fulfils ``met``."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not met(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.about} of {self.who.name}: {self.text or 'nothing was shown'}") from None
        return self

    async def card(self) -> Asked:
        """Wait until there is something to read."""
        return await self.until(lambda asked: asked.filled is not None)

    @property
    def text(self) -> str:
        """Everything that can be read, followups last."""
        return "\n".join(text_of(one) for one in (self.message, *self.followups) if one is not None)

    @property
    def choices(self) -> list[str]:
        """Values that an autocompletion offered."""
        assert self.answer is not None
        return [choice["value"] for choice in self.answer["data"]["choices"]]


def text_of(message: Mapping[str, Any]) -> str:
    """The words of a card."""
    return "\n".join(part["content"] for part in payloads.walk(message["components"]) if part["type"] == 10)


def button(message: Mapping[str, Any], label: str) -> dict[str, Any] | None:
    """The button that begins with these words, if it can be pressed."""
    for part in payloads.walk(message["components"]):
        if part["type"] == 2 and str(part.get("label", "")).startswith(label) and not part.get("disabled"):
            return part
    return None


class Loopback:
    """Discord, as far as Bursar can see it."""

    def __init__(self) -> None:
        self.server = Server()
        self.server.join(payloads.BURSAR)
        self.address = ""
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        """Answers that Discord would not have taken."""
        self.requests: list[tuple[str, str, Any]] = []
        """Method, path and body of what the bot wrote."""
        self.posted: dict[int, dict[int, dict[str, Any]]] = {payloads.GENERAL: {}, payloads.STAFF: {}}
        """Messages by channel and id."""
        self.commands: list[dict[str, Any]] = []
        self.lists_frames = True
        """Whether messages with a container can be listed (discord-api-docs issue 8611)."""
        self.ready = asyncio.Event()
        """A client is connected, knows the server, and its commands are registered."""
        self._ids = Ids()
        self._by_token: dict[str, Asked] = {}
        self._files: dict[str, bytes] = {}
        self._sequence = itertools.count(1)
        self._gateway: web.WebSocketResponse | None = None

    # --- people --------------------------------------------------------------------------------------------------

    def people(self, count: int, name: str, *roles: int) -> list[Somebody]:
        """New members."""
        found = [Somebody(self._ids() - (100_000_000_000 << 22), f"{name} {n}", roles) for n in range(count)]
        self.server.join(*found)
        return found

    async def slash(self, who: Somebody, command: str, **options: object) -> Asked:
        """``/command`` with options; a file is ``(name, content)``."""
        data, resolved = self._command(command, options)
        return await self.ask(COMMAND, who, f"/{command}", {**data, "resolved": resolved})

    async def typing(self, who: Somebody, command: str, option: str, typed: str, **options: object) -> Asked:
        """An option with suggestions, being typed."""
        data, _ = self._command(command, {**options, option: typed})
        leaf = data
        while leaf["options"][0].get("type") == 1:
            leaf = leaf["options"][0]
        next(one for one in leaf["options"] if one["name"] == option)["focused"] = True
        return await self.ask(TYPED, who, f"/{command} {option}:…", data)

    async def press(self, who: Somebody, message: Mapping[str, Any], label: str) -> Asked:
        """A button of a message that stands there, or once stood there."""
        part = button(message, label)
        assert part is not None, f"there is no button {label!r} on:\n{text_of(message)}"
        return await self.component(who, message, part["custom_id"], label)

    async def component(self, who: Somebody, message: Mapping[str, Any], custom_id: str, about: str) -> Asked:
        """A press by the button's own id."""
        data = {"custom_id": custom_id, "component_type": 2}
        return await self.ask(COMPONENT, who, about, data, dict(message))

    async def submit(self, asked: Asked, **values: str) -> Asked:
        """Send the form that answered."""
        assert asked.answer is not None and asked.answer["type"] == MODAL, asked.text
        form = asked.answer["data"]
        filled = [self._field(part, values) for part in form["components"]]
        data = {"custom_id": form["custom_id"], "components": filled}
        return await self.ask(FORM, asked.who, "form", data, asked.message)

    def _field(self, part: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
        inner = part["component"]
        filled: dict[str, Any] = {"type": inner["type"], "custom_id": inner["custom_id"], "id": 1}
        if inner["type"] == 4:
            filled["value"] = values.get(inner["custom_id"], inner.get("value") or "")
        else:
            filled["values"] = []
        return {"type": part["type"], "id": 2, "component": filled}

    def _command(self, command: str, options: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
        first, *inner = command.split()
        resolved: dict[str, Any] = {"users": {}, "members": {}}
        filled = []
        for name, value in options.items():
            if isinstance(value, tuple):
                file_name, content = value
                filled.append({"name": name, "type": 11, "value": self._upload(file_name, content, resolved)})
            else:
                filled.append({"name": name, "type": 3, "value": value})
        for one in self.server.people.values():
            if one.mention in str(options.get("members", "")):
                resolved["users"][str(one.id)] = payloads.user(one)
                resolved["members"][str(one.id)] = {
                    **payloads.member(one, with_user=False), "permissions": str(payloads.VIEW_CHANNEL)
                }  # fmt: skip
        for name in reversed(inner):
            filled = [{"name": name, "type": 1, "options": filled}]
        registered = next(one for one in self.commands if one["name"] == first)
        return {"id": registered["id"], "name": first, "type": 1, "options": filled}, resolved

    def _upload(self, name: str, content: bytes, resolved: dict[str, Any]) -> str:
        id_ = str(self._ids())
        resolved.setdefault("attachments", {})[id_] = self._stored(id_, name, content)
        return id_

    def _stored(self, id_: str, name: str, content: bytes) -> dict[str, Any]:
        path = f"/files/{id_}/{name}"
        self._files[path] = content
        url = self.address + path
        return {"id": id_, "filename": name, "size": len(content), "url": url, "proxy_url": url}

    async def ask(
        self, kind: int, who: Somebody, about: str, data: Mapping[str, Any], source: dict[str, Any] | None = None
    ) -> Asked:
        """Any interaction at all."""
        id_ = self._ids()
        token = f"token-{id_}"
        payload = payloads.interaction(id_, token, kind, who, data, source)
        asked = Asked(kind, who, about, source)
        self._by_token[token] = asked
        self.asked.append(asked)
        await self._dispatch("INTERACTION_CREATE", payload)
        return asked

    # --- the gateway ---------------------------------------------------------------------------------------------

    async def _dispatch(self, event: str, data: object) -> None:
        assert self._gateway is not None, "no client is connected"
        await self._gateway.send_str(
            json.dumps({"op": _DISPATCH, "t": event, "s": next(self._sequence), "d": data}, separators=(",", ":"))
        )

    async def _serve_gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": _HELLO, "d": {"heartbeat_interval": 41_250}})
        self._gateway = socket
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._hear(socket, json.loads(frame.data))
        finally:
            if self._gateway is socket:
                self._gateway = None
                self.ready.clear()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, said: Mapping[str, Any]) -> None:
        if said["op"] == _HEARTBEAT:
            await socket.send_json({"op": _ACK})
        elif said["op"] in (_IDENTIFY, _RESUME):  # a session is never kept: who resumes begins anew
            await self._dispatch(
                "READY",
                {
                    "v": 10,
                    "user": payloads.user(payloads.BURSAR),
                    "guilds": [{"id": str(payloads.SERVER), "unavailable": True}],
                    "session_id": "session",
                    "resume_gateway_url": self.address.replace("http", "ws", 1) + GATEWAY,
                    "application": {"id": str(payloads.APPLICATION), "flags": 0},
                    "shard": [0, 1],
                },
            )
            await self._dispatch("GUILD_CREATE", payloads.guild(len(self.server.people)))
            self.ready.set()

    # --- REST ----------------------------------------------------------------------------------------------------

    async def _callback(self, request: web.Request) -> web.Response:
        body, files = await self._body(request)
        asked = self._by_token[request.match_info["token"]]
        if asked.answered is not None:
            self.refused.append(f"{asked.about}: answered twice")
            return _error(400, 40060, "Interaction has already been acknowledged.")
        asked.answered, asked.answer = time.perf_counter(), body
        kind, data = body["type"], body.get("data") or {}
        flags = int(data.get("flags") or 0)
        told: dict[str, Any] = {"id": request.match_info["id"], "type": asked.kind}
        answer: dict[str, Any] = {"interaction": told}
        if kind in (CHOICES, MODAL):
            asked.filled = asked.answered
        elif kind != DEFERRED_UPDATE:
            loading = payloads.LOADING if kind == DEFERRED else 0
            asked.message = payloads.message(self._ids(), payloads.GENERAL, {**data, "flags": flags | loading}, files)
            asked.filled = None if loading else asked.answered
            told["response_message_id"] = asked.message["id"]
            told["response_message_loading"] = bool(loading)
            told["response_message_ephemeral"] = bool(flags & payloads.EPHEMERAL)
            answer["resource"] = {"type": kind, "message": asked.message}
        asked.note()
        return _json(answer)

    async def _edit_original(self, request: web.Request) -> web.Response:
        body, files = await self._body(request)
        asked = self._by_token[request.match_info["token"]]
        if asked.message is None or asked.answered is None:
            self.refused.append(f"{asked.about}: edited before it was answered")
            return _error(404, 10015, "Unknown Webhook")
        kept = asked.message["attachments"] if "attachments" not in body else files
        flags = asked.message["flags"] & ~payloads.LOADING | int(body.get("flags") or 0)
        asked.message = payloads.message(int(asked.message["id"]), payloads.GENERAL, {**body, "flags": flags}, kept)
        asked.filled = asked.filled or time.perf_counter()
        asked.note()
        return _json(asked.message)

    async def _follow_up(self, request: web.Request) -> web.Response:
        body, files = await self._body(request)
        asked = self._by_token[request.match_info["token"]]
        asked.followups.append(payloads.message(self._ids(), payloads.GENERAL, body, files))
        asked.filled = asked.filled or time.perf_counter()
        asked.note()
        return _json(asked.followups[-1])

    async def _post(self, request: web.Request) -> web.Response:
        body, files = await self._body(request)
        channel = int(request.match_info["channel"])
        posted = payloads.message(self._ids(), channel, body, files)
        self.posted[channel][int(posted["id"])] = posted
        return _json(posted)

    async def _edit(self, request: web.Request) -> web.Response:
        body, files = await self._body(request)
        channel, id_ = int(request.match_info["channel"]), int(request.match_info["message"])
        if id_ not in self.posted[channel]:
            return _error(404, 10008, "Unknown Message")
        kept = self.posted[channel][id_]["attachments"] if "attachments" not in body else files
        self.posted[channel][id_] = payloads.message(id_, channel, body, kept)
        return _json(self.posted[channel][id_])

    async def _messages(self, request: web.Request) -> web.Response:
        """The newest, before one where that is asked for."""
        before = int(request.query.get("before", 2**63))
        posted = self.posted[int(request.match_info["channel"])]
        page = [posted[id_] for id_ in sorted(posted, reverse=True) if id_ < before]
        page = page[: int(request.query.get("limit", "50"))]
        if not self.lists_frames and any(part["type"] == 17 for one in page for part in one["components"]):
            return _error(500, 0, "500: Internal Server Error")
        return _json(page)

    async def _message(self, request: web.Request) -> web.Response:
        found = self.posted[int(request.match_info["channel"])].get(int(request.match_info["message"]))
        return _error(404, 10008, "Unknown Message") if found is None else _json(found)

    async def _delete(self, request: web.Request) -> web.Response:
        found = self.posted[int(request.match_info["channel"])].pop(int(request.match_info["message"]), None)
        return _error(404, 10008, "Unknown Message") if found is None else web.Response(status=204)

    async def _member(self, request: web.Request) -> web.Response:
        one = self.server.people.get(int(request.match_info["user"]))
        return _error(404, 10007, "Unknown Member") if one is None else _json(payloads.member(one))

    async def _user(self, request: web.Request) -> web.Response:
        one = self.server.people.get(int(request.match_info["user"]))
        return _error(404, 10013, "Unknown User") if one is None else _json(payloads.user(one))

    async def _register(self, request: web.Request) -> web.Response:
        body, _ = await self._body(request)
        self.commands = [
            {**one, "id": str(self._ids()), "application_id": str(payloads.APPLICATION), "version": "1"} for one in body
        ]
        return _json(self.commands)

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self._files[request.path])

    async def _body(self, request: web.Request) -> tuple[Any, list[dict[str, Any]]]:
        """The JSON of a request, and the files that came with it."""
        files: list[dict[str, Any]] = []
        if request.content_type != "multipart/form-data":
            body = await request.json()
        else:
            form = await request.post()
            body = json.loads(str(form["payload_json"]))
            uploads = (one for one in form.values() if isinstance(one, web.FileField))
            files = [self._stored(str(self._ids()), one.filename, one.file.read()) for one in uploads]
        self.requests.append((request.method, request.path, body))
        return body, files

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Loopback]:
        """Listening on a port of this machine."""
        app = web.Application(client_max_size=2**25)
        webhook = f"{API}/webhooks/{payloads.APPLICATION}/{{token}}"
        channel = f"{API}/channels/{{channel}}/messages"
        app.add_routes([
            web.get(GATEWAY, self._serve_gateway),
            web.get(f"{API}/users/@me", _always(payloads.user(payloads.BURSAR))),
            web.get(f"{API}/oauth2/applications/@me", _always(payloads.application())),
            web.put(f"{API}/applications/{payloads.APPLICATION}/commands", self._register),
            web.post(f"{API}/interactions/{{id}}/{{token}}/callback", self._callback),
            web.patch(f"{webhook}/messages/@original", self._edit_original),
            web.post(webhook, self._follow_up),
            web.post(channel, self._post),
            web.get(channel, self._messages),
            web.get(f"{channel}/{{message}}", self._message),
            web.patch(f"{channel}/{{message}}", self._edit),
            web.delete(f"{channel}/{{message}}", self._delete),
            web.get(f"{API}/guilds/{payloads.SERVER}/members/{{user}}", self._member),
            web.get(f"{API}/users/{{user}}", self._user),
            web.get("/files/{id}/{name}", self._file),
        ])  # fmt: skip
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            if self._gateway is not None:
                with suppress(ConnectionError):
                    await self._gateway.close()
            await runner.cleanup()

    # --- looking -------------------------------------------------------------------------------------------------

    def staff_messages(self) -> Sequence[dict[str, Any]]:
        """Everything in the staff channel, oldest first."""
        return list(self.posted[payloads.STAFF].values())

    def refusable(self) -> list[str]:
        """What Discord itself would not have taken of all that the bot wrote until now."""
        kinds = {token.removeprefix("token-"): asked.kind for token, asked in self._by_token.items()}
        return violations(((method, path.removeprefix(API), body) for method, path, body in self.requests), kinds)

    def unanswered(self) -> list[Asked]:
        """Interactions without a first answer."""
        return [asked for asked in self.asked if asked.answered is None]


def _always(body: Mapping[str, Any]) -> Callable[[web.Request], Any]:
    async def answer(_request: web.Request) -> web.Response:
        return _json(body)

    return answer


def _json(body: object, status: int = 200) -> web.Response:
    # discord.py takes an answer for JSON only where nothing stands behind the type.
    return web.Response(body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json"})


def _error(status: int, code: int, text: str) -> web.Response:
    return _json({"code": code, "message": text}, status)
