"""``demo``: the whole job on the stand-ins, played by the real bot on a simulated Discord."""

from bot.demo.entry import main

__all__ = ["main"]
