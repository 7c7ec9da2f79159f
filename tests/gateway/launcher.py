"""``python -m bot …`` whose Discord is the one that ``BURSAR_TEST_DISCORD`` names: ``http://127.0.0.1:PORT``.

Nothing else differs from the command line as it is started in earnest.
"""

from __future__ import annotations

import os
import sys

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.console.entry import main

VARIABLE = "BURSAR_TEST_DISCORD"
API = "/api/v10"
GATEWAY = "/gateway"


def redirected(address: str) -> None:
    """Every request and the gateway's connection of discord.py go there from now on."""
    Route.BASE = address + API
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address.replace("http", "ws", 1) + GATEWAY)


if __name__ == "__main__":
    redirected(os.environ[VARIABLE])
    sys.exit(main(sys.argv[1:]))
