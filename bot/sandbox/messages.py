"""One request and one answer, as a stand-in sees them: without the HTTP server around."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.sandbox.kinds import Fault

_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Logged:
    """What ``GET /calls`` tells of one request."""

    id: int
    service: str
    method: str
    path: str
    query: str
    at: float
    """Unix seconds when its head was read."""
    status: int | None = None
    """The status line that was sent; ``None`` when none was."""
    items: int = 0
    """Awards named in the body, as far as it could be read."""
    applied: int = 0
    """Changes that it has made to balances so far."""
    fault: str | None = None
    initiator: str | None = None
    """Drip's ``initiatorId``, Gameball's ``username``."""


@dataclass(slots=True)
class Call:
    """One request whose head, and later body, has been read."""

    log: Logged
    method: str
    path: str
    """Not yet percent-decoded, so that a slash inside an id stays apart from a slash between ids."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    limits: dict[str, str] = field(default_factory=dict)
    """The rate headers of its answer."""
    share: float = 1.0
    """Only this part of its awards, the first in order of processing, is carried out: a server that dies midway."""
    fault: Fault | None = None

    def json(self) -> Any:
        """The body. Raises ``ValueError`` when it is not JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Reply:
    """One answer. ``payload`` is JSON; ``raw`` takes its place where the answer is something else."""

    status: int
    payload: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"

    def encoded(self) -> bytes:
        """The body as bytes; empty where there is neither payload nor raw."""
        if self.raw is not None:
            return self.raw
        return b"" if self.payload is None else _encode(self.payload).encode()


class Service(Protocol):
    """What ``front.Front`` serves."""

    name: str

    def admit(self, call: Call) -> Reply | None:
        """From the head alone: route, key, permission, rate. ``None`` = go on; sets ``call.limits``."""
        ...

    def perform(self, call: Call) -> Reply:
        """Carry an admitted request out."""
        ...

    def canned(self, fault: Fault) -> Reply:
        """An error answer as this service would word it, for the fault kinds that are statuses."""
        ...
