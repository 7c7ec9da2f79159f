"""``python -m bot.sandbox``: start both stand-ins, say on one line where they are, run until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from bot.sandbox import seeding, snapshot, switches
from bot.sandbox.control import application
from bot.sandbox.world import World

_LAST_PORT: Final = 65535


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bot.sandbox",
        description="Loopback stand-ins for Drip Rewards and Gameball. Prints one JSON line with addresses and keys.",
    )
    parser.add_argument(
        "--port", type=_port, default=0, help="Drip here, Gameball one up, control two up; 0 = any free"
    )
    parser.add_argument("--drip-plan", choices=("free", "pro", "enterprise", "unlimited"), default="free")
    parser.add_argument("--gameball-rate", choices=("documented", "unlimited"), default="documented")
    parser.add_argument("--gameball-contract", choices=("a", "b", "both"), default="b", help="status contract")
    parser.add_argument("--gameball-unit", choices=("points", "money"), default="points", help="what amount means")
    parser.add_argument("--members", type=int, default=0, metavar="N", help="start with N plausible members")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same keys, ids and members")
    parser.add_argument("--open", action="store_true", help="every well-formed id is a member, credential and customer")
    parser.add_argument("--state", type=Path, metavar="FILE", help="remember the world in this file")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help="write the settings that lead here into this new file, as .env"
    )
    parser.add_argument("--die-with-parent", action="store_true", help="stop at the end of standard input")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    """One that has two more behind it."""
    port = int(text)
    if not 0 <= port <= _LAST_PORT - 2:
        raise argparse.ArgumentTypeError(f"a port is from 0 to {_LAST_PORT - 2}, not {port}")
    return port


def _world(options: argparse.Namespace) -> World:
    world = World(options.seed)
    drip, gameball = world.realm.switches, world.accounts.switches
    drip.plan, drip.open = options.drip_plan, options.open
    gameball.contract, gameball.rate, gameball.unit = (
        options.gameball_contract,
        options.gameball_rate,
        options.gameball_unit,
    )
    gameball.open = options.open
    world.defaults = {"drip": switches.show(drip), "gameball": switches.show(gameball)}
    return world


@contextlib.asynccontextmanager
async def _serving(world: World, port: int) -> AsyncIterator[dict[str, str]]:
    """All three ports open; the addresses."""
    runner = web.AppRunner(application(world), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        drip, gameball = world.fronts
        urls = {
            "drip_url": await drip.start(port),
            "gameball_url": await gameball.start(port and port + 1),
        }
        site = web.TCPSite(runner, "127.0.0.1", port and port + 2)
        await site.start()
        yield {**urls, "control_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    finally:
        world.timers.clear()
        for front in world.fronts:
            await front.stop()
        await runner.cleanup()


def _settings(urls: Mapping[str, str], world: World) -> str:
    """Lines of a ``.env`` with which Bursar talks to these stand-ins."""
    keys = world.keys()
    drip, gameball = keys["drip"], keys["gameball"]
    plan = world.realm.switches.plan
    values = {
        "DRIP_API_KEY": drip["api_key"],
        "DRIP_REALM_ID": drip["realm_id"],
        "DRIP_CURRENCY_ID": drip["currency_id"],
        "DRIP_BASE_URL": urls["drip_url"],
        "DRIP_RATE_PLAN": "enterprise" if plan == "unlimited" else plan,
        "GAMEBALL_API_KEY": gameball["api_key"],
        "GAMEBALL_SECRET_KEY": gameball["secret_key"],
        "GAMEBALL_BASE_URL": urls["gameball_url"],
        "GAMEBALL_AMOUNT_UNIT": world.accounts.switches.unit,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _watch_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set ``stop`` when standard input ends. A thread, because not every kind of input can be polled."""

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop is already closed
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read, daemon=True).start()


async def _run(options: argparse.Namespace) -> int:
    world = _world(options)
    if options.state is None or not snapshot.restore(world, options.state):
        seeding.populate(world, options.members)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.die_with_parent:
        _watch_parent(loop, stop)
    async with _serving(world, options.port) as urls:
        if options.settings is not None:
            options.settings.touch(0o600, exist_ok=False)  # never over one
            options.settings.write_text(_settings(urls, world))
        print(json.dumps({**urls, **world.keys()}), flush=True)
        keeper = None if options.state is None else asyncio.create_task(snapshot.keep(world, options.state))
        await stop.wait()
        if keeper is not None:
            keeper.cancel()
            snapshot.save(world, options.state)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 stopped, 2 cannot start."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    try:
        return asyncio.run(_run(_options(arguments)))
    except (OSError, snapshot.StateFileError) as error:
        print(f"The sandbox did not start: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
