"""What can happen to a call. The names are those of the campaign's statistics."""

from __future__ import annotations

from typing import Final

ON_THE_WAY: Final = (
    "no-connection",
    "dies-in-body",  # the connection breaks while the body is written
    "dies-before-last-byte",  # it is found dead before the last byte
    "dies-at-last-byte",  # everything arrived, and only then it breaks
)
WRITE_FAULTS: Final = (
    *ON_THE_WAY,
    "lost-before",  # received whole, never acted on, no answer
    "reset-before",
    "reset-after",
    "hang-before",
    "hang-after",
    "late",  # no answer in time; carried out after that
    "late-reset",
    "429",
    "503-before",
    "503-after",
    "504-late",
    "502-after",
    "cut",  # carried out, the answer breaks off
    "garbage",  # carried out, the answer is no JSON
    "empty",
    "partial",  # carried out, the answer forgets an item
    "some",  # the service dies midway: of an item-by-item call a part was carried out
    "early-503",  # refused before the call was complete
    "401",
    "403",
    "quota",
    "413",
    "slow",
)
JOB_FAULTS: Final = (
    "job-late",
    "job-very-late",
    "job-never",
    "job-lost-applied",
    "job-lost-unapplied",
    "job-partial",
    "job-stopped",
)
READ_FAULTS: Final = (
    "no-connection",
    "reset-before",
    "hang-before",
    "503-before",
    "429",
    "cut",
    "garbage",
    "slow",
    "404",
)
