"""The only reader of the environment: ``.env`` in the current directory, beaten by the process environment."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast

from bot.customer_map import read_customer_map
from bot.domain import places
from bot.domain.lanes import Course
from bot.domain.model import Destination, Programme, ProviderKind, Unit
from bot.errors import SettingsError
from bot.reader import ID, Reader, is_amount
from bot.variables import BY_NAME, Stranger, Variables, full_name, merged

RatePlan = Literal["free", "pro", "enterprise"]
StatusContract = Literal["auto", "a", "b"]

DRIP_URL: Final = "https://api.drip.re"
GAMEBALL_URL: Final = "https://api.gameball.co"
DEFAULT_TEMPLATE: Final = "{discord_id}"
_OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{24}")
_SECRET: Final = re.compile(r"[!-~]{1,512}")
_SERVER: Final = re.compile(r"[0-9]{17,20}")


@dataclass(frozen=True, slots=True)
class DripAccount:
    """One Drip account. ``suffix`` is ``""`` or the name behind ``__``, lower case."""

    suffix: str
    api_key: str = field(repr=False)
    realm_id: str
    currency_id: str | None
    base_url: str
    rate_plan: RatePlan
    credentials_batch_size: int
    members_batch_size: int
    unresolved: Literal["reject", "credentials"]
    initiator_id: str | None
    member_courses: tuple[Course, ...] = ()
    """Rings, then witnesses."""
    credential_courses: tuple[Course, ...] = ()
    """Twins."""


@dataclass(frozen=True, slots=True)
class GameballAccount:
    """One Gameball account."""

    suffix: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    base_url: str
    unit: Unit | None
    customer_id_template: str
    customer_map: Mapping[str, str] | None = field(repr=False)
    customer_map_sha256: str | None
    batch_size: int
    status_contract: StatusContract
    once_up_to: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, checked. See ``.env.example`` for the meaning of each."""

    discord_token: str | None = field(repr=False)
    server_ids: frozenset[str] | None
    drip: tuple[DripAccount, ...]
    gameball: tuple[GameballAccount, ...]
    database: Path
    backup_dir: Path | None
    """Where daily copies go; ``None``: none are made."""
    backup_keep: int
    backup_command: tuple[str, ...]
    """Run with each new copy's path behind it; empty: nothing is run."""
    http_timeout: float
    settle_after: float
    job_wait: float
    max_rows: int
    max_file_bytes: int
    max_award: str | None
    """As written: its meaning depends on the programme's unit."""
    max_batch: str | None
    strangers: tuple[Stranger, ...] = ()

    @classmethod
    def load(cls, environ: Mapping[str, str], directory: Path) -> Settings:
        """Read ``directory/.env`` and ``environ`` (which wins; empty = unset).

        Raises ``SettingsError`` naming the variable and what it may be.
        """
        return _settings(Variables(merged(environ, directory)), directory)

    @classmethod
    def load_practice(
        cls, environ: Mapping[str, str], directory: Path, database: Path, keys: Mapping[str, str]
    ) -> Settings:
        """The same with the stand-ins' ``keys`` in the place of every Drip and Gameball variable, and ``database``, of
        which no daily copies are made: they would stand among those of the real ledger and go off the machine."""
        own = ("DRIP_", "GAMEBALL_", "BURSAR_BACKUP_")
        values = {name: value for name, value in merged(environ, directory).items() if not name.startswith(own)}
        return _settings(Variables({**values, **keys, "BURSAR_DATABASE": str(database)}), directory)

    def programmes(self) -> tuple[Programme, ...]:
        """Every programme that the keys allow, usable or saying why not. The unnamed account's come first."""
        found = [(drip.suffix, programme) for drip in self.drip for programme in _drip_programmes(drip)]
        found += [(gameball.suffix, _gameball_programme(gameball)) for gameball in self.gameball]
        return tuple(programme for _, programme in sorted(found, key=lambda pair: pair[0]))

    def dangers(self) -> tuple[str, ...]:
        """Values that are allowed each by itself and void a promise together, or keep a programme from being used; in
        sentences with what to do."""
        return (*self._judged_too_early(), *self._limits_of_some(), *self._copies_that_nobody_makes())

    def _judged_too_early(self) -> tuple[str, ...]:
        if self.settle_after >= self.http_timeout:
            return ()
        return (
            f"BURSAR_SETTLE_AFTER ({self.settle_after:g} s) is below BURSAR_HTTP_TIMEOUT ({self.http_timeout:g} s): a"
            " call without an answer would be judged, and perhaps made again, while the service may still be carrying"
            f" it out, so somebody could be paid twice. Set BURSAR_SETTLE_AFTER to {self.http_timeout:g} or more.",
        )

    def _limits_of_some(self) -> tuple[str, ...]:
        """Where amounts of only some programmes may have a fraction."""
        whole = " and ".join(one.name for one in self.programmes() if one.unusable is None and one.unit is Unit.POINTS)
        return tuple(
            f"{name} has a fraction, and {whole} cannot be used with it, since points are whole. Write a whole number."
            for name in self._fractions()
            if whole
        )

    def _copies_that_nobody_makes(self) -> tuple[str, ...]:
        """Whoever names the program that takes copies off the machine counts on there being some."""
        if not self.backup_command or self.backup_dir is not None:
            return ()
        return (
            "BURSAR_BACKUP_COMMAND is set, but BURSAR_BACKUP_DIR is not, so no daily copies are made and nothing is"
            " taken off this machine. Set BURSAR_BACKUP_DIR.",
        )

    def _fractions(self) -> tuple[str, ...]:
        """The limits that are no whole numbers, by name."""
        limits = {"BURSAR_MAX_AWARD": self.max_award, "BURSAR_MAX_BATCH": self.max_batch}
        return tuple(name for name, text in limits.items() if text is not None and not is_amount(text, Unit.POINTS))

    def refuse_useless_limits(self) -> None:
        """Raises ``SettingsError`` for a limit with a fraction where every account counts whole points. Without an
        account nothing is said of what amounts count."""
        counts_points = [True for _ in self.drip] + [account.unit is Unit.POINTS for account in self.gameball]
        for name in self._fractions():
            if counts_points and all(counts_points):
                raise SettingsError(
                    f"{name} is {BY_NAME[name].meaning}. It must be a whole number such as 500, since every programme"
                    " that is set up counts whole points."
                )

    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere."""
        keys = [self.discord_token] if self.discord_token else []
        keys += [account.api_key for account in self.drip]
        for account in self.gameball:
            keys += [account.api_key, account.secret_key]
        return tuple(keys)


# --- from variables to settings -----------------------------------------------------------------------------------


def _settings(variables: Variables, directory: Path) -> Settings:
    own = Reader(variables)
    settings = Settings(
        discord_token=own.text("DISCORD_TOKEN", _SECRET),
        server_ids=_server_ids(own),
        drip=tuple(_drip_accounts(variables)),
        gameball=tuple(_gameball_accounts(variables, directory)),
        database=_database(own, directory),
        backup_dir=_backup_dir(own, directory),
        backup_keep=own.whole("BURSAR_BACKUP_KEEP", 7),
        backup_command=_backup_command(own),
        http_timeout=own.seconds("BURSAR_HTTP_TIMEOUT", 60),
        settle_after=own.seconds("BURSAR_SETTLE_AFTER", 120),
        job_wait=own.seconds("BURSAR_JOB_WAIT", 900),
        max_rows=own.whole("BURSAR_MAX_ROWS", 100_000),
        max_file_bytes=own.whole("BURSAR_MAX_FILE_BYTES", 10_000_000),
        max_award=own.limit("BURSAR_MAX_AWARD"),
        max_batch=own.limit("BURSAR_MAX_BATCH"),
        strangers=tuple(variables.strangers),
    )
    settings.refuse_useless_limits()
    return settings


def _server_ids(own: Reader) -> frozenset[str] | None:
    value = own.text("BURSAR_SERVER_IDS")
    if value is None:
        return None
    ids = [part.strip() for part in value.split(",") if part.strip()]
    if not ids or not all(_SERVER.fullmatch(server_id) for server_id in ids):
        own.wrong("BURSAR_SERVER_IDS")
    return frozenset(ids)


def _database(own: Reader, directory: Path) -> Path:
    path = own.path("BURSAR_DATABASE", directory) or directory / "bursar.db"
    home = Path(os.path.realpath(path)).parent  # of what a link leads to, which may be on a disk that is not there
    if not _can_be_file(path) or not _is_folder(home):
        own.wrong("BURSAR_DATABASE")
    return path


def _backup_dir(own: Reader, directory: Path) -> Path | None:
    path = own.path("BURSAR_BACKUP_DIR", directory)
    if path is not None and not _is_folder(path):
        own.wrong("BURSAR_BACKUP_DIR")
    return path


def _is_folder(path: Path) -> bool:
    """Also of a path that the system will not even look at, such as one that is too long."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _can_be_file(path: Path) -> bool:
    """Whether it is a file or can become one. A folder, a pipe (whoever opens one waits for its other end) and a device
    cannot."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def _backup_command(own: Reader) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(own.text("BURSAR_BACKUP_COMMAND") or ""))
    except ValueError:
        own.wrong("BURSAR_BACKUP_COMMAND")


def _drip_accounts(variables: Variables) -> Iterator[DripAccount]:
    base_url = Reader(variables).url("DRIP_BASE_URL", DRIP_URL)
    for suffix in variables.suffixes("DRIP_"):
        read = Reader(variables, suffix)
        if not _has_keys(read, "DRIP_", ("DRIP_API_KEY", "DRIP_REALM_ID")):
            continue
        currency = _spelled(read.text("DRIP_CURRENCY_ID", ID))
        yield DripAccount(
            suffix=suffix,
            api_key=read.needed("DRIP_API_KEY", _SECRET, full_name("DRIP_REALM_ID", suffix)),
            realm_id=read.needed("DRIP_REALM_ID", _OBJECT_ID, full_name("DRIP_API_KEY", suffix)).lower(),
            currency_id=currency,
            base_url=read.url("DRIP_BASE_URL", base_url),
            rate_plan=cast("RatePlan", read.choice("DRIP_RATE_PLAN", ("free", "pro", "enterprise"), "free")),
            credentials_batch_size=read.whole("DRIP_CREDENTIALS_BATCH_SIZE", 100, 1000),
            members_batch_size=read.whole("DRIP_MEMBERS_BATCH_SIZE", 100, 100),
            unresolved=cast(
                "Literal['reject', 'credentials']",
                read.choice("DRIP_UNRESOLVED", ("reject", "credentials"), "reject"),
            ),
            initiator_id=read.text("DRIP_INITIATOR_ID", ID),
            member_courses=_member_courses(read, currency),
            credential_courses=read.courses("DRIP_TWINS", places.twins, currency),
        )


def _spelled(identity: str | None) -> str | None:
    """Drip's own ids are numbers to the base of 16, the same in either case: here they have one spelling, so that what
    was paid there before is found again."""
    return identity.lower() if identity is not None and _OBJECT_ID.fullmatch(identity) else identity


def _member_courses(read: Reader, currency: str | None) -> tuple[Course, ...]:
    """Rings and witnesses, which have no place in common."""
    rings = read.courses("DRIP_RING", places.rings, currency)
    witnesses = read.courses("DRIP_WITNESS", places.witnesses, currency)
    if {place for course in rings for place in course.places} & {
        place for course in witnesses for place in course.places
    }:
        read.wrong("DRIP_WITNESS")
    return (*rings, *witnesses)


def _gameball_accounts(variables: Variables, directory: Path) -> Iterator[GameballAccount]:
    base_url = Reader(variables).url("GAMEBALL_BASE_URL", GAMEBALL_URL)
    for suffix in variables.suffixes("GAMEBALL_"):
        read = Reader(variables, suffix)
        if not _has_keys(read, "GAMEBALL_", ("GAMEBALL_API_KEY", "GAMEBALL_SECRET_KEY")):
            continue
        template, customers, fingerprint = _customers(read, directory)
        unit = read.choice("GAMEBALL_AMOUNT_UNIT", ("points", "money", ""), "")
        yield GameballAccount(
            suffix=suffix,
            api_key=read.needed("GAMEBALL_API_KEY", _SECRET, full_name("GAMEBALL_SECRET_KEY", suffix)),
            secret_key=read.needed("GAMEBALL_SECRET_KEY", _SECRET, full_name("GAMEBALL_API_KEY", suffix)),
            base_url=read.url("GAMEBALL_BASE_URL", base_url),
            unit=Unit(unit) if unit else None,
            customer_id_template=template,
            customer_map=customers,
            customer_map_sha256=fingerprint,
            batch_size=read.whole("GAMEBALL_BATCH_SIZE", 1000, 1000),
            once_up_to=read.whole("GAMEBALL_MANUAL_UP_TO", 0, 1000, least=0),
            status_contract=cast("StatusContract", read.choice("GAMEBALL_STATUS_CONTRACT", ("auto", "a", "b"), "auto")),
        )


def _has_keys(read: Reader, family: str, keys: tuple[str, ...]) -> bool:
    """Whether the account exists. A named account of which only other settings exist is a slip of the pen."""
    if any(read.text(key) for key in keys):
        return True
    if read.suffix:
        needed = " and ".join(full_name(key, read.suffix) for key in keys)
        stray = read.variables.first_of(family, read.suffix)
        raise SettingsError(f"{stray} is set, but there is no account of that name: {needed} are not set.")
    return False


def _customers(read: Reader, directory: Path) -> tuple[str, Mapping[str, str] | None, str | None]:
    """Template, map and the map's fingerprint."""
    template = read.text("GAMEBALL_CUSTOMER_ID_TEMPLATE") or DEFAULT_TEMPLATE
    rest = template.replace(DEFAULT_TEMPLATE, "", 1)
    if rest == template or "{" in rest or "}" in rest or not template.isprintable():
        read.wrong("GAMEBALL_CUSTOMER_ID_TEMPLATE")
    file = read.path("GAMEBALL_CUSTOMER_MAP", directory)
    if file is None:
        return template, None, None
    map_name = full_name("GAMEBALL_CUSTOMER_MAP", read.suffix)
    if template != DEFAULT_TEMPLATE:
        other = full_name("GAMEBALL_CUSTOMER_ID_TEMPLATE", read.suffix)
        raise SettingsError(f"{map_name} and {other} both say how a customer is found; set only one of them.")
    found = read_customer_map(file, map_name)
    return template, found.customers, found.sha256


# --- programmes ---------------------------------------------------------------------------------------------------


def _named(kind: ProviderKind, suffix: str) -> str:
    return f"{kind.value}-{suffix}" if suffix else kind.value


def _drip_programmes(account: DripAccount) -> Iterator[Programme]:
    unusable = None
    if account.currency_id is None:
        name = full_name("DRIP_CURRENCY_ID", account.suffix)
        unusable = f"No currency is chosen for it. Set {name}, or choose one with /settings."
    kinds = {
        ProviderKind.DRIP_CREDENTIALS: (account.credentials_batch_size, account.credential_courses),
        ProviderKind.DRIP_MEMBERS: (account.members_batch_size, account.member_courses),
    }
    for kind, (size, courses) in kinds.items():
        destination = Destination(kind, account.realm_id, account.currency_id, Unit.POINTS, None)
        yield Programme(_named(kind, account.suffix), destination, size, unusable, courses)


def _gameball_programme(account: GameballAccount) -> Programme:
    unusable = None
    if account.unit is None:
        name = full_name("GAMEBALL_AMOUNT_UNIT", account.suffix)
        unusable = f"{name} is not set: say whether amounts of this Gameball account count points or money."
    fingerprint = hashlib.sha256(account.api_key.encode()).hexdigest()[:16]
    template = account.customer_id_template
    if account.customer_map_sha256 is not None:
        template = f"map:{account.customer_map_sha256[:12]}"
    destination = Destination(ProviderKind.GAMEBALL, fingerprint, None, account.unit or Unit.POINTS, template)
    name = _named(ProviderKind.GAMEBALL, account.suffix)
    return Programme(name, destination, account.batch_size, unusable, once_up_to=account.once_up_to)
