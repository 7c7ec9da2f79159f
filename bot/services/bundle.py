"""Everything that a command needs, in one object. Made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.ledger.boards import Boards
from bot.ledger.steering import Steering
from bot.services.approving import Approving
from bot.services.batches import Batches
from bot.services.budgeting import Budgeting
from bot.services.daily_heads import DailyHeads
from bot.services.dispatching import Dispatcher
from bot.services.halting import Halting
from bot.services.leading import Leading
from bot.services.programmes import Programmes
from bot.services.promising import Promises
from bot.services.receipts import Receipts
from bot.services.rules import Servers
from bot.services.submitting import Submitting


@dataclass(frozen=True, slots=True)
class Services:
    """The use-cases, wired. ``cogs``, ``ui`` and the command line get nothing else."""

    programmes: Programmes
    submitting: Submitting
    batches: Batches
    dispatcher: Dispatcher
    servers: Servers
    halting: Halting
    leading: Leading
    approving: Approving
    budgeting: Budgeting
    promises: Promises
    receipts: Receipts
    daily_heads: DailyHeads
    boards: Boards
    """Where progress messages stand."""
    steering: Steering
    """For ``note``: events that change nothing else."""
    clock: Clock
    practice: bool
    """Everything goes to the stand-ins; every card says so."""
