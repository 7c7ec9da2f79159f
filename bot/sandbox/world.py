"""Both stand-ins with all that they share: timers, faults, the log of calls."""

from __future__ import annotations

from typing import Any

from bot.sandbox.drip.realm import Realm
from bot.sandbox.drip.service import Drip
from bot.sandbox.faults import Faults
from bot.sandbox.front import CallLog, Front, Timers
from bot.sandbox.gameball.accounts import Accounts
from bot.sandbox.gameball.jobs import Jobs
from bot.sandbox.gameball.service import Gameball
from bot.sandbox.switches import DripSwitches, GameballSwitches


class World:
    """Everything that one sandbox process holds. The same ``seed`` gives the same keys and ids."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.timers = Timers()
        self.calls = CallLog()
        self.faults = Faults()
        self.realm = Realm(seed, DripSwitches())
        self.accounts = Accounts(seed, GameballSwitches())
        self.jobs = Jobs(self.accounts, self.timers.later)
        self.drip = Drip(self.realm)
        self.gameball = Gameball(self.accounts, self.jobs)
        self.defaults: dict[str, dict[str, Any]] = {}
        """The switches as they were when the process was ready."""
        self.fronts = (
            Front(self.drip, self.calls, self.faults, self.timers.later),
            Front(self.gameball, self.calls, self.faults, self.timers.later),
        )

    def reset(self) -> None:
        """Nobody, nothing, no faults; keys, ids and switches stay."""
        self.timers.clear()
        self.calls.clear()
        self.faults.clear()
        self.realm.clear()
        self.accounts.clear()
        self.jobs.clear()
        self.drip.clear()
        self.gameball.clear()

    def keys(self) -> dict[str, Any]:
        """What a client needs besides the addresses."""
        return {
            "drip": {
                "api_key": self.realm.api_key,
                "realm_id": self.realm.id,
                "currency_id": self.realm.main.id,
                "second_currency_id": self.realm.second.id,
            },
            "gameball": {"api_key": self.accounts.api_key, "secret_key": self.accounts.secret_key},
        }
