"""Boards, cached members, settings of servers."""

from __future__ import annotations

from pathlib import Path

from bot.ledger.boards import Board
from bot.ledger.ledger import Ledger
from tests.ledger.making import ADA, BOB, REALM, HandClock, batch_of, query

# --- boards ---------------------------------------------------------------------------------------------------------


async def test_a_board_is_registered_once_and_remembers_its_message(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    assert await ledger.boards.get(batch_id) is None
    assert await ledger.boards.open(batch_id, "77") == Board(batch_id, "77", None, False)
    await ledger.boards.posted(batch_id, "555")
    assert await ledger.boards.open(batch_id, "88") == Board(batch_id, "77", "555", False)
    assert await ledger.boards.get(batch_id) == Board(batch_id, "77", "555", False)


async def test_unfinished_boards_come_oldest_batch_first(ledger: Ledger):
    batches = [await batch_of(ledger, 1) for _ in range(3)]
    for batch_id in reversed(batches):
        await ledger.boards.open(batch_id, "77")
    await ledger.boards.close(batches[1])
    assert [board.batch_id for board in await ledger.boards.unfinished()] == [batches[0], batches[2]]
    assert (await ledger.boards.get(batches[1])) == Board(batches[1], "77", None, True)
    await ledger.boards.reopen(batches[1])
    assert len(await ledger.boards.unfinished()) == 3


async def test_a_board_can_go_on_in_another_channel(ledger: Ledger):
    batch_id = await batch_of(ledger, 1)
    await ledger.boards.open(batch_id, "77")
    await ledger.boards.posted(batch_id, "555")
    assert await ledger.boards.move(batch_id, "88") == Board(batch_id, "88", None, False)


# --- members --------------------------------------------------------------------------------------------------------


async def test_members_are_known_by_account_until_they_are_too_old(ledger: Ledger, clock: HandClock):
    await ledger.members.remember(REALM, {"discord-id:1": "d1", "discord-id:2": "d2"})
    clock.at += 60
    await ledger.members.remember(REALM, {"discord-id:2": "d2b"})
    await ledger.members.remember(REALM, {})
    keys = ["discord-id:1", "discord-id:2", "discord-id:3"]
    assert await ledger.members.known(REALM, keys, max_age_seconds=60) == {"discord-id:1": "d1", "discord-id:2": "d2b"}
    assert await ledger.members.known(REALM, keys, max_age_seconds=59) == {"discord-id:2": "d2b"}
    assert await ledger.members.known(REALM, keys[:1], max_age_seconds=60) == {"discord-id:1": "d1"}
    assert await ledger.members.known("elsewhere", keys, max_age_seconds=60) == {}
    assert await ledger.members.known(REALM, [], max_age_seconds=60) == {}


async def test_a_wrong_finding_is_forgotten(ledger: Ledger):
    await ledger.members.remember(REALM, {"a": "1", "b": "2"})
    await ledger.members.forget(REALM, ["a", "c"])
    await ledger.members.forget("elsewhere", ["b"])
    await ledger.members.forget(REALM, [])
    assert await ledger.members.known(REALM, ["a", "b"], max_age_seconds=1) == {"b": "2"}


# --- settings -------------------------------------------------------------------------------------------------------


async def test_settings_are_kept_by_server_and_every_change_is_in_the_history(
    ledger: Ledger, path: Path, clock: HandClock
):
    assert await ledger.settings.change("900", "staff_channel_id", "77", ADA) is None
    assert await ledger.settings.change("900", "roles", {"award": ["1", "2"]}, ADA) is None
    assert await ledger.settings.change("901", "staff_channel_id", "99", BOB) is None
    assert await ledger.settings.change("900", "staff_channel_id", "78", BOB) == "77"
    assert await ledger.settings.all("900") == {"roles": {"award": ["1", "2"]}, "staff_channel_id": "78"}
    assert await ledger.settings.change("900", "staff_channel_id", None, ADA) == "78"
    assert await ledger.settings.change("900", "staff_channel_id", None, ADA) is None
    assert await ledger.settings.all("900") == {"roles": {"award": ["1", "2"]}}
    assert await ledger.settings.all("902") == {}
    told = query(path, "SELECT kind, server_id, actor_name, detail FROM events WHERE seq > 1 ORDER BY seq")
    assert len(told) == 6
    assert told[3] == (
        "setting-changed",
        "900",
        "Bob",
        '{"name": "staff_channel_id", "before": "77", "after": "78"}',
    )
    assert query(path, "SELECT changed_at, changed_by FROM server_settings WHERE server_id = '901'") == [
        (clock.ms, "22")
    ]
