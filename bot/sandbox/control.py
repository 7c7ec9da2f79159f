"""The control port: books, log, switches, faults, seeds. Faults never hit it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

from aiohttp import web

from bot.sandbox import seeding, switches
from bot.sandbox.books import Book
from bot.sandbox.world import World

_LARGEST_BODY: Final = 256 * 1024 * 1024
_LINES_AT_ONCE: Final = 1000
_CLOSING_SECONDS: Final = 0.02  # in which dropped connections are closed, so that the asker will not use them
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(world: World) -> web.Application:
    """The control port's routes."""
    control = _Control(world)
    app = web.Application(client_max_size=_LARGEST_BODY)
    app.add_routes(
        [
            web.get("/books", control.books),
            web.get("/books/totals", control.totals),
            web.get("/books/applied", control.applied),
            web.get("/calls", control.calls),
            web.get("/switches", control.show_switches),
            web.post("/switches", control.change_switches),
            web.get("/faults", control.show_faults),
            web.post("/faults", control.install_faults),
            web.post("/seed", control.seed),
            web.post("/outside", control.outside),
            web.post("/reset", control.reset),
        ]
    )
    return app


def _wrong(error: Exception) -> web.Response:
    said = f"missing {error}" if isinstance(error, KeyError) else str(error)
    return web.json_response({"error": said}, status=400)


def _everybody(request: web.Request) -> bool:
    """Whether changes by others than the API are asked for."""
    return request.query.get("outside", "0") not in ("", "0")


class _Control:
    def __init__(self, world: World) -> None:
        self._world = world

    def _book(self, service: str) -> Book:
        return self._world.realm.book if service == "drip" else self._world.accounts.book

    async def books(self, _: web.Request) -> web.Response:
        """Everything: recipients, balances, and what was applied to each."""
        realm, accounts = self._world.realm, self._world.accounts
        known = set(realm.credentials) | {one for held in realm.balances.values() for one in held}
        named = {*known, *(change.recipient for change in realm.book.changes(outside=True))} - set(realm.members)
        members = {
            one: {
                "discord_id": member.discord_id,
                "balances": {currency: realm.balance(one, currency) for currency in realm.currencies},
                "applied": _applied(realm.book, one),
            }
            for one, member in realm.members.items()
        }
        credentials = {
            key: {
                "linked": None if (holder := realm.holder(key)) == key else holder,
                "balances": {currency: realm.balance(holder or key, currency) for currency in realm.currencies},
                "applied": _applied(realm.book, key),
            }
            for key in sorted(named)
        }
        customers = {
            one: {"balance": balance, "applied": _applied(accounts.book, one)}
            for one, balance in accounts.balances.items()
        }
        drip = {"members": members, "credentials": credentials}
        return web.json_response({"drip": drip, "gameball": {"unit": accounts.unit, "customers": customers}})

    async def totals(self, request: web.Request) -> web.Response:
        """Counts and sums by service and currency; ``?recipients=1`` adds them by recipient."""
        wanted = {"outside": _everybody(request), "recipients": request.query.get("recipients") == "1"}
        return web.json_response({name: self._book(name).totals(**wanted) for name in ("drip", "gameball")})

    async def applied(self, request: web.Request) -> web.StreamResponse:
        """``?service=drip|gameball``: one JSON object a line and change, in order."""
        service = request.query.get("service", "")
        if service not in ("drip", "gameball"):
            return _wrong(ValueError("service is drip or gameball"))
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        changes = self._book(service).changes(outside=_everybody(request))
        while part := list(islice(changes, _LINES_AT_ONCE)):
            await response.write("".join(json.dumps(one.as_json()) + "\n" for one in part).encode())
        await response.write_eof()
        return response

    async def calls(self, request: web.Request) -> web.Response:
        """The log of requests; ``?service=`` and ``?after=<id>`` narrow it."""
        service, text = request.query.get("service"), request.query.get("after", "0")
        try:
            after = int(text)
        except ValueError as error:
            return _wrong(error)
        entries = (one for one in self._world.calls.entries if one.id > after and service in (None, one.service))
        return web.json_response([asdict(one) for one in entries])

    async def show_switches(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "drip": switches.show(self._world.realm.switches),
                "gameball": switches.show(self._world.accounts.switches),
            }
        )

    async def change_switches(self, request: web.Request) -> web.Response:
        """``{"drip": {...}, "gameball": {...}}``; the answer has all of them."""
        try:
            document = await request.json()
            if not isinstance(document, dict) or set(document) - {"drip", "gameball"}:
                raise ValueError("switches are an object with drip and gameball")
            switches.change(self._world.realm.switches, document.get("drip", {}))
            switches.change(self._world.accounts.switches, document.get("gameball", {}))
        except ValueError as error:
            return _wrong(error)
        return await self.show_switches(request)

    async def show_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.faults.show())

    async def install_faults(self, request: web.Request) -> web.Response:
        """A script or a campaign in place of the one in force; ``{}`` ends all faults."""
        try:
            self._world.faults.install(await request.json())
        except (ValueError, TypeError) as error:
            return _wrong(error)
        for front in self._world.fronts:
            front.drop_idle()
        await asyncio.sleep(_CLOSING_SECONDS)
        return await self.show_faults(request)

    async def seed(self, request: web.Request) -> web.Response:
        return await self._told(request, seeding.seed)

    async def outside(self, request: web.Request) -> web.Response:
        return await self._told(request, seeding.outside)

    async def _told(self, request: web.Request, act: Callable[[World, Any], dict[str, Any]]) -> web.Response:
        try:
            return web.json_response(act(self._world, await request.json()))
        except (ValueError, KeyError, TypeError) as error:
            return _wrong(error)

    async def reset(self, request: web.Request) -> web.Response:
        """Empty the world; with ``{"switches": true}`` the switches are again as at the start."""
        try:
            document = await request.json() if request.can_read_body else {}
            if not isinstance(document, dict):
                raise ValueError("a reset takes an object with switches")
        except ValueError as error:
            return _wrong(error)
        self._world.reset()
        if document.get("switches"):
            switches.change(self._world.realm.switches, self._world.defaults["drip"])
            switches.change(self._world.accounts.switches, self._world.defaults["gameball"])
        return web.json_response({})


def _applied(book: Book, recipient: str) -> list[dict[str, Any]]:
    return [book.change(position).as_json() for position in book.positions(recipient)]
