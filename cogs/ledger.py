"""``/verify``: what a receipt code proves; and the button with which a machine that stands by takes over."""

from __future__ import annotations

from discord import app_commands

from bot.ui import taking_over, verifying
from bot.ui.answers import Interaction
from bot.ui.parts import Parts


@app_commands.command(name="verify", description="What became of a receipt, and its place in the ledger's history")
@app_commands.describe(code="The code on the receipt: 7Q2K9-M4TZA, or 7Q2K9-M4TZA.3 for one row")
@app_commands.guild_only()
async def verify(interaction: Interaction, code: app_commands.Range[str, 1, 60]) -> None:
    """For everybody: members see their own awards only."""
    await verifying.show_place(interaction, code)


async def setup(client: Parts) -> None:
    """Add the command, and the button that survives restarts."""
    client.tree.add_command(verify)
    client.add_dynamic_items(*taking_over.ITEMS)
