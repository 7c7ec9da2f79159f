"""What the services leave open or document twice, as switches; changed at run time by ``POST /switches``.

The defaults are the documented behaviour where there is one, else the one that is hardest on a careless client.
"""

from __future__ import annotations

import types
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Plan = Literal["free", "pro", "enterprise", "unlimited"]
Contract = Literal["a", "b", "both"]


@dataclass(slots=True)
class DripSwitches:
    """Drip. What is documented and what is open: docs/services.md."""

    plan: Plan = "free"
    rate_limit: int | None = None  # instead of the plan's
    rate_window: float = 60.0
    refused_count: bool = False  # whether a 429 uses up a slot (not documented)
    rate_body: Literal["limits-page", "errors-page"] = "limits-page"  # of a 429; both are documented
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    quota_left: int | None = None  # requests left this month; unset = plenty
    error_shape: Literal["reference", "guide"] = "reference"  # both are documented
    open: bool = False  # every well-formed id is a member and a credential
    auto_create: bool = False  # an unknown credential is created by a balance update
    verified_credentials: bool = True  # credential calls reach members who connected the login themselves
    overdraft: Literal["400", "422", "allow", "cap"] = "400"  # "cap": takes what there is, and calls it done
    credentials_cap: int | None = None  # no limit is documented
    members_cap: int = 100
    members_atomic: bool = True  # off: rows before the one that fails stay carried out, against the documentation
    search_cap: int = 50
    search_limit: int = 20  # page size of a search that names none; undocumented, may be below 50
    unknown_currency: Literal["400", "404", "item"] = "400"
    pays: Literal["asked", "default"] = "asked"  # "default": as where a name for the currency is not known any more
    unknown_credential: Literal["item", "400", "404"] = "item"  # of a batch; a guide answers 404 for one alone
    unknown_member: Literal["400", "404", "skip"] = "400"
    duplicates: Literal["sum", "refuse"] = "sum"
    order: Literal["given", "shuffled"] = "given"  # in which a credentials call is worked off
    balance_field: Literal["before", "after"] = "before"  # meaning of ``balance`` beside ``newBalance``
    new_balance: Literal["after", "before", "absent"] = "after"  # meaning of ``newBalance``
    credentials_access: Literal["granted", "denied", "forbidden", "hidden"] = "granted"  # three refusals
    fuzzy_search: bool = False  # a search also returns somebody who was not asked for
    absent_balances: bool = False  # leave out balances that were never written, instead of 0
    tells_linked: bool = False  # ``accounts/find`` knows logins that the API tied to an account
    stale_reads: bool = False  # reads show each balance as it was before its last change
    find_shows: int | None = None  # what ``credentials/find`` shows of everybody, whatever there is
    max_amount: int | None = None  # an error sample says 1,000,000
    max_body: int = 1_048_576
    forbidden: list[str] = field(default_factory=list)  # parts of "METHOD path" that answer 403


@dataclass(slots=True)
class GameballSwitches:
    """Gameball. What is documented and what is open: docs/services.md."""

    contract: Contract = "b"  # of a job's status
    rate: Literal["documented", "unlimited"] = "documented"
    per_second: int | None = None  # instead of the documented numbers of every bucket
    per_30_seconds: int | None = None
    unit: Literal["points", "money"] = "points"  # what the batch's ``amount`` counts
    redemption_factor: float = 0.1  # currency per point
    overdraft: Literal["cap", "fail", "allow"] = "cap"  # a deduction of more than there is
    unknown_customer: Literal["fail", "create"] = "fail"
    open: bool = False  # every customer id exists
    job_delay: float = 0.1  # seconds until a job starts
    job_seconds: float = 0.1  # seconds that it runs
    job_steps: int = 4  # parts in which it is worked off
    job_stop: Literal["stops", "ignored"] = "stops"  # what asking a job to stop does
    stopped_report: Literal["lost", "kept"] = "lost"  # of a job that was stopped
    status_case: Literal["lower", "title"] = "lower"
    failure_key: Literal["message", "error", "mixed"] = "mixed"  # both occur in one documented sample
    balance_fields: Literal["misspelled", "documented"] = "misspelled"  # live and documented
    duplicate_transaction: Literal["9004", "accept"] = "9004"  # a manual transaction's id once more
    reason_cut: int | None = None  # characters of ``reason`` that reach the transaction list
    plan_refused: bool = False  # 403, code 8000
    disabled: bool = False  # the loyalty program is switched off: 200 without effect
    batch_cap: int = 1000


def change(switches: DripSwitches | GameballSwitches, values: Any) -> None:
    """Set switches from JSON, all or none. Raises ``ValueError`` naming the switch and what it takes."""
    if not isinstance(values, dict):
        raise ValueError("switches are an object of name and value")
    hints = get_type_hints(type(switches))
    for name, value in values.items():
        if name not in hints:
            raise ValueError(f"there is no switch {name!r}; known are {', '.join(sorted(hints))}")
        if not _fits(value, hints[name]):
            raise ValueError(f"switch {name!r} takes {_words(hints[name])}, not {value!r}")
    for name, value in values.items():
        setattr(switches, name, value)


def show(switches: DripSwitches | GameballSwitches) -> dict[str, Any]:
    """All switches with their values."""
    return asdict(switches)


def _fits(value: object, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is Literal:
        return "one of " + ", ".join(repr(one) for one in get_args(hint))
    if origin in (Union, types.UnionType):
        return " or ".join(_words(one) for one in get_args(hint))
    if origin is list:
        return "a list of strings"
    return "null" if hint is type(None) else str(hint.__name__)
