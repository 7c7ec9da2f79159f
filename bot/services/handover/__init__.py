"""`bulk` beside a running bot: its batch is handed over through a local socket beside the ledger, and followed.

Only the holder of the ledger's lock writes. ``Desk`` is one batch as the command line goes through it, in this process
(``LocalDesk``) or in the one that holds the lock (``connected``, answered by ``serving``).
"""

from bot.services.handover.address import socket_path
from bot.services.handover.client import DriverGoneError, RemoteDesk, connected
from bot.services.handover.desk import Answer, Desk, LocalDesk, Order
from bot.services.handover.faults import kind_of
from bot.services.handover.server import serving

__all__ = [
    "Answer",
    "Desk",
    "DriverGoneError",
    "LocalDesk",
    "Order",
    "RemoteDesk",
    "connected",
    "kind_of",
    "serving",
    "socket_path",
]
