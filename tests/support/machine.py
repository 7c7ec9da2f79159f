"""What a process that a test starts keeps of the machine it runs on."""

from __future__ import annotations

import os
from typing import Final

_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")


def kept() -> dict[str, str]:
    """The few variables that are kept: none of Bursar's, and no certificates (``tests/conftest.py``)."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}
