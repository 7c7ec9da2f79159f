"""What ``doctor`` finds around Bursar: clock, disk, temporary files, ledger file, the bot's application. Reads only."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bot.clock import Clock, milliseconds
from bot.domain.lanes import LaneKind
from bot.domain.model import Programme
from bot.domain.promises import Known, promise
from bot.errors import BursarError
from bot.ledger.health import examine
from bot.ledger.ledger import Ledger, is_there, refuse_without_log
from bot.providers.base import Finding, Health
from bot.services.laying import named
from bot.services.proving import plan_of

FREE_LOW: Final = 1_000_000_000
FREE_TOO_LOW: Final = 100_000_000
"""Bytes. 100,000 awards with their file and events are some tens of megabytes, and a migration copies the ledger."""

OLDEST_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
"""This program did not exist before."""

CLOCK_TOLERANCE_MS: Final = 60_000

_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "fuse.glusterfs"}
)
_MEMORY_FILE_SYSTEMS: Final = frozenset({"tmpfs", "ramfs"})
_MOUNTS: Final = Path("/proc/self/mounts")
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")
"""How that list writes a space, a tab, a line's end and a backslash (man 3 getmntent)."""


def clock_findings(now: float) -> list[Finding]:
    """Drafts, limits and Discord ids are judged by the machine's clock."""
    shown = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if now < OLDEST_TIME:
        return [Finding("Clock", Health.FAILED, f"it says {shown}", "Set the clock, and let NTP keep it.")]
    if Path("/run/systemd/timesync").is_dir() and not Path("/run/systemd/timesync/synchronized").exists():
        return [Finding("Clock", Health.WARNING, f"{shown}, not synchronised yet", "Let NTP keep the clock.")]
    return [Finding("Clock", Health.OK, shown)]


def disk_findings(database: Path) -> list[Finding]:
    """Room, a file system that SQLite's write-ahead log works on, and a folder that stays."""
    folder = database.resolve().parent
    findings = [_room(folder)]
    kind = file_system(folder)
    if kind in _NETWORK_FILE_SYSTEMS:
        message = f"{folder} is on a network file system ({kind}), where SQLite's write-ahead log is not safe"
        findings.append(Finding("Disk", Health.FAILED, message, "Put BURSAR_DATABASE on a local disk."))
    elif kind in _MEMORY_FILE_SYSTEMS or _is_temporary(folder):
        message = f"{folder} looks temporary; the ledger is the only record of what was paid"
        findings.append(Finding("Disk", Health.WARNING, message, "Put BURSAR_DATABASE into a folder that is kept."))
    if not os.access(folder, os.W_OK):
        findings.append(
            Finding("Disk", Health.FAILED, f"{folder} cannot be written", "Give Bursar the right to write it.")
        )
    return findings


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:,.1f} GB free in {folder}"
    if free < FREE_TOO_LOW:
        return Finding("Disk", Health.FAILED, words, "Make room: a ledger that cannot be written sends nothing.")
    return Finding("Disk", Health.WARNING if free < FREE_LOW else Health.OK, words)


def _is_temporary(folder: Path) -> bool:
    try:
        return folder.is_relative_to(Path(tempfile.gettempdir()).resolve())
    except FileNotFoundError:
        return False


def temporary_findings(max_file_bytes: int) -> list[Finding]:
    """The folder in which an upload is copied (``bot.spool``), and what the ledger keeps of it beside that."""
    try:
        folder = Path(tempfile.gettempdir())  # writes a file in each folder that comes into question, until it can
    except FileNotFoundError as error:
        action = "Give Bursar the right to write in one of them, make room there, or let TMPDIR name another folder."
        return [Finding("Temporary files", Health.FAILED, f"no folder can be written ({error.strerror})", action)]
    free = shutil.disk_usage(folder).free
    if free >= 2 * max_file_bytes:
        return [Finding("Temporary files", Health.OK, f"{free / 1e9:,.1f} GB free in {folder}")]
    health = Health.FAILED if free < max_file_bytes else Health.WARNING
    words = f"{free / 1e6:,.1f} MB free in {folder}, and a file may have {max_file_bytes / 1e6:,.1f} MB"
    action = "Make room there, let TMPDIR name another folder, or lower BURSAR_MAX_FILE_BYTES."
    return [Finding("Temporary files", health, words, action)]


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """The kind of file system by Linux's list of mounts; ``None`` where there is none."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return None
    found: tuple[int, str] = (-1, "")
    for line in lines:
        _, point, kind, *_ = line.split(b" ")
        place = os.fsdecode(_OCTAL.sub(lambda digits: bytes([int(digits[1], 8)]), point))
        if folder.is_relative_to(place) and len(place) >= found[0]:
            found = len(place), os.fsdecode(kind)
    return found[1] or None


async def ledger_findings(database: Path, clock: Clock) -> list[Finding]:
    """The ledger file: there, whole, of a version that this program understands, not from the future."""
    try:
        if not await asyncio.to_thread(is_there, database):
            return [Finding("Ledger", Health.OK, f"{database} is not there yet; the first batch makes it")]
        ledger = await Ledger.read(database, clock)
        try:
            # While a reader has the log open, nobody who ends meanwhile can take it away.
            await asyncio.to_thread(refuse_without_log, database)
            health = await examine(ledger.database)
            practice = await ledger.queries.is_practice()
            newest = await ledger.queries.batches(None, limit=1)
            waiting = await ledger.restorations.in_force()
        finally:
            await ledger.close()
    except BursarError as error:
        return [Finding("Ledger", Health.FAILED, error.message, error.hint or "Keep the file, and restore a copy.")]
    if health.trouble is not None:
        action = "Stop Bursar, keep the file, and restore the newest whole copy."
        return [Finding("Ledger", Health.FAILED, f"{database} is damaged: {health.trouble}", action)]
    kind = "practice ledger, " if practice else ""
    batches = f"newest batch {newest[0].id}" if newest else "no batch yet"
    findings = [Finding("Ledger", Health.OK, f"{kind}whole, schema {health.schema}, {batches}")]
    if waiting is not None:
        action = "Take in what it lacks by restore --take-in, compare, then restore --sign-off NAME."
        findings.append(Finding("Ledger", Health.FAILED, f"it was {waiting.message}", action))
    if health.journal != "wal" and waiting is None:  # as a copy is, until Bursar opens it for writing
        message = f"its journal mode is {health.journal}; the next start of Bursar sets it to wal"
        findings.append(Finding("Ledger", Health.WARNING, message, "Find out which program changed the file."))
    if newest and newest[0].recorded_at > milliseconds(clock.now()) + CLOCK_TOLERANCE_MS:
        message = "the newest batch was recorded later than it is now: the clock went back"
        findings.append(Finding("Clock", Health.FAILED, message, "Set the clock, and let NTP keep it."))
    return findings


async def promise_findings(
    database: Path, clock: Clock, programmes: Sequence[Programme], failed: Collection[str]
) -> list[Finding]:
    """What is known of each usable programme's service, and what it cannot promise; one that a probe contradicts.
    ``failed``: lanes that were found not to stand as they should, as ``laying.named`` calls them."""
    found = [programme for programme in programmes if programme.unusable is None]
    known: list[Mapping[str, Known]] = [{} for _ in found]
    lanes: list[LaneKind | None] = [None for _ in found]
    disturbed = [False for _ in found]
    if await asyncio.to_thread(database.exists):
        try:
            ledger = await Ledger.read(database, clock)
            try:
                known = [await ledger.capabilities.all(one.destination.account, one.kind) for one in found]
                lanes = [(await plan_of(ledger, one)).kind for one in found]
                disturbed = [
                    any(named(one, course) in failed for course in one.courses if course.kind is lane)
                    for one, lane in zip(found, lanes, strict=True)
                ]
            finally:
                await ledger.close()
        except BursarError:
            return []  # the ledger has a finding of its own
    findings = []
    for programme, answers, lane, out_of_order in zip(found, known, lanes, disturbed, strict=True):
        once_up_to = programme.once_up_to
        card = promise(programme.kind, answers, programme.unit, lane, once_up_to, disturbed=out_of_order)
        if card.conflicts:
            action = "Correct the setting, or probe again by doctor --probe."
            findings.append(Finding(programme.name, Health.FAILED, " ".join(card.conflicts), action))
        findings.append(Finding(programme.name, Health.OK, " ".join(card.sentences)))
    return findings


async def staff_channels(database: Path, clock: Clock, server_ids: frozenset[str] | None) -> Mapping[str, str]:
    """The staff channel of each server, as ``/settings`` has it; empty where no ledger or no list of servers is."""
    if server_ids is None or not await asyncio.to_thread(database.exists):
        return {}
    try:
        ledger = await Ledger.read(database, clock)
        try:
            stored = {server_id: await ledger.settings.all(server_id) for server_id in sorted(server_ids)}
        finally:
            await ledger.close()
    except BursarError:
        return {}
    channels = {server_id: values.get("staff_channel_id") for server_id, values in stored.items()}
    return {server_id: channel for server_id, channel in channels.items() if isinstance(channel, str)}


def application_of(token: str) -> int | None:
    """The bot's user id, which is the first part of its token in base64 and the id of its application, too
    (docs.discord.com/developers/reference, "Authentication"). ``None`` for a text that is no token."""
    first = token.split(".", 1)[0]
    try:
        digits = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return int(digits) if digits.isdigit() else None
