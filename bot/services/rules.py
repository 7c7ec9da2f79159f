"""What a server allows, typed: the stored settings of ``/settings`` with the operator's limits above them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bot.domain.amounts import parse_amount
from bot.domain.model import Actor, Programme, Unit
from bot.errors import SettingsError, UsageError
from bot.ledger.ledger import Ledger
from bot.ledger.server_settings import DECIDING

START_DELAY_MAX_SECONDS: Final = 3600.0
ROWS_MAX: Final = 10_000_000


class Capability(StrEnum):
    """What a role may be allowed to do. Each is given by its own list of roles."""

    AWARD = "award"  # /award
    BULK = "bulk"  # /bulk, drafts, confirming them
    MANAGE = "manage"  # pause, stop, resume, retry, resolve
    APPROVE = "approve"  # give leave to what others prepared, where the server asks for it
    LOOK = "look"  # /batch list and show, results


@dataclass(frozen=True, slots=True)
class ServerRules:
    """One server's settings. Defaults are the closed ones: until roles are set, only administrators may do anything."""

    default_programme: str | None = None
    programme_titles: Mapping[str, str] = field(default_factory=dict)
    """The name moderators see, by programme name."""
    roles: Mapping[Capability, frozenset[str]] = field(default_factory=dict)
    staff_channel_id: str | None = None
    max_award: str | None = None
    """As written; parsed with the programme's unit."""
    max_batch: str | None = None
    self_award_roles: frozenset[str] = frozenset()
    """Members with one of these roles may award themselves (default nobody, administrators included)."""
    quick_award: str | None = None
    """One member's award up to this amount needs no confirmation; ``None`` = every award is confirmed."""
    start_delay_seconds: float = 10.0
    approve_amount: str | None = None
    """A batch that moves more than this needs the leave of a second person; as written."""
    approve_rows: int | None = None
    """So does one with more awards than this."""
    approve_first_use: bool = False
    """So does the server's first batch in an account and currency."""
    post_head: bool = False
    """The head of the ledger's history is posted in the staff channel every day."""
    plain_cards: bool = False
    """Cards in the staff channel have no frame, since Discord failed to list its messages. Bursar's own doing."""
    currencies: Mapping[str, str] = field(default_factory=dict)
    """Drip currency chosen from the real list, by programme name; beats ``DRIP_CURRENCY_ID``."""
    deciding: Mapping[str, object] | None = field(default=None, compare=False, repr=False)
    """``server_settings.DECIDING`` as stored."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, object]) -> ServerRules:
        """From ``ledger.settings.all``. Unknown names are ignored; what has a wrong shape counts as unset (closed)."""
        values: dict[str, object] = {}
        for name, read in _READERS.items():
            if stored.get(name) is None:
                continue
            try:
                values[name] = read(stored[name])
            except UsageError:
                continue
        values["deciding"] = {name: value for name, value in stored.items() if name in DECIDING}
        return cls(**values)  # type: ignore[arg-type]  # every reader returns its field's own type


async def rules_of(ledger: Ledger, server_id: str | None) -> ServerRules:
    """The rules of a server as they are now; of the command line (``None``), which has no server, the defaults."""
    return ServerRules() if server_id is None else ServerRules.from_stored(await ledger.settings.all(server_id))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        raise UsageError("this setting is a short text")
    return value.strip()


def _identifier(value: object) -> str:
    text = _text(value)
    if not (text.isascii() and text.isdigit()):
        raise UsageError("this setting is a Discord id")
    return text


def _identifiers(value: object) -> frozenset[str]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise UsageError("this setting is a list of Discord ids")
    return frozenset(_identifier(one) for one in value)


def _roles(value: object) -> Mapping[Capability, frozenset[str]]:
    if not isinstance(value, Mapping):
        raise UsageError("roles are given for each of: " + ", ".join(Capability))
    try:
        return {Capability(name): _identifiers(ids) for name, ids in value.items()}
    except ValueError as error:
        raise UsageError("roles are given for each of: " + ", ".join(Capability)) from error


def _texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise UsageError("this setting is a text for each programme")
    return {_text(name): _text(text) for name, text in value.items()}


def _amount(value: object) -> str:
    text = _text(value)
    try:
        amount = parse_amount(text, Unit.MONEY)
    except ValueError as error:
        raise UsageError(f"this setting is an amount: {error}") from error
    if amount <= 0:
        raise UsageError("this setting is an amount above 0")
    return text


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= START_DELAY_MAX_SECONDS:
        raise UsageError(f"this setting is a number of seconds from 0 to {START_DELAY_MAX_SECONDS:.0f}")
    return float(value)


def _rows(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= ROWS_MAX:
        raise UsageError(f"this setting is a number of rows from 1 to {ROWS_MAX:,}")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError("this setting is yes or no")
    return value


_READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "default_programme": _text,
    "programme_titles": _texts,
    "roles": _roles,
    "staff_channel_id": _identifier,
    "max_award": _amount,
    "max_batch": _amount,
    "self_award_roles": _identifiers,
    "quick_award": _amount,
    "start_delay_seconds": _seconds,
    "approve_amount": _amount,
    "approve_rows": _rows,
    "approve_first_use": _switch,
    "post_head": _switch,
    "plain_cards": _switch,
    "currencies": _texts,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for one draft, in the programme's smallest unit: the stricter of operator and server."""

    max_award: int | None = None
    max_batch: int | None = None
    may_award_self: bool = True
    start_delay_seconds: float = 0.0
    roles: frozenset[str] = frozenset()
    """Discord roles of the person: their budgets hold for them."""
    deciding: Mapping[str, object] | None = field(default=None, compare=False, repr=False)
    """The server's settings that were judged by, as stored; ``None``: of no server."""


class Servers:
    """The servers that Bursar works in, and what each allows."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        server_ids: frozenset[str] | None,
        max_award: str | None,
        max_batch: str | None,
        changed: Callable[[], None],
    ) -> None:
        """``server_ids`` from ``BURSAR_SERVER_IDS``; the two limits are the operator's, as written.

        ``changed`` is called after every change (a batch may have to stop because of it).
        """
        self._ledger = ledger
        self._changed = changed
        self._server_ids = server_ids
        self._max_award = max_award
        self._max_batch = max_batch

    def serves(self, server_id: str, joined: frozenset[str]) -> bool:
        """Whether the operator's accounts may be used in this server.

        Without a list: only while the bot is in exactly one server (``joined`` = every server it is in), and it is
        this one.
        """
        if self._server_ids is not None:
            return server_id in self._server_ids
        return joined == {server_id}

    async def rules(self, server_id: str) -> ServerRules:
        """The rules in force now."""
        return await rules_of(self._ledger, server_id)

    async def change(self, server_id: str, name: str, value: object, actor: Actor) -> object:
        """Store one setting under its field name in ``ServerRules``, with an event; returns the value before.

        ``value`` is JSON-able; ``None`` goes back to the default. Raises ``UsageError`` for an unknown name or a value
        of the wrong shape.
        """
        read = _READERS.get(name)
        if read is None:
            raise UsageError(f"there is no setting called {name}")
        if value is not None:
            read(value)
        before = await self._ledger.settings.change(server_id, name, value, actor)
        self._changed()
        return before

    def limits(self, programme: Programme, rules: ServerRules | None, *, may_award_self: bool) -> Limits:
        """The stricter of operator and server, in the programme's unit; ``rules`` None = command line.

        Raises ``SettingsError`` naming the limit that cannot be read in this unit.
        """
        unit = programme.unit
        return Limits(
            max_award=_stricter(unit, self._max_award, "BURSAR_MAX_AWARD", rules.max_award if rules else None),
            max_batch=_stricter(unit, self._max_batch, "BURSAR_MAX_BATCH", rules.max_batch if rules else None),
            may_award_self=may_award_self,
            start_delay_seconds=rules.start_delay_seconds if rules else 0.0,
            deciding=rules.deciding if rules else None,
        )


def _stricter(unit: Unit, operator: str | None, variable: str, server: str | None) -> int | None:
    limits = []
    for text, name in ((operator, variable), (server, "the limit in /settings")):
        if text is None:
            continue
        try:
            limits.append(parse_amount(text, unit))
        except ValueError as error:
            raise SettingsError(f"{name} is {text}, which this programme cannot use: {error}") from error
    return min(limits, default=None)
