"""Words for an exchange that failed on its way. For people only: what a failure proves is decided in ``http``."""

from __future__ import annotations

from typing import Final

import aiohttp

_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    # The first that fits counts: subclasses stand before their bases.
    (aiohttp.ClientConnectorDNSError, "its name could not be looked up"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no secure connection could be made"),
    (aiohttp.ConnectionTimeoutError, "it did not take the connection in time"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (TimeoutError, "it did not answer in time"),
    (aiohttp.ClientPayloadError, "its answer broke off"),
    (aiohttp.ServerDisconnectedError, "it closed the connection without an answer"),
    (aiohttp.ClientResponseError, "its answer was no HTTP"),
    (OSError, "the connection broke"),
)


def trouble_of(error: BaseException) -> str:
    """What went wrong, as the end of a sentence that begins with the service's name."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return "it refused the connection"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    return "the request failed"
