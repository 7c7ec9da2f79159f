"""The month's quota: no header tells what is left of it, so the preview counts what the ledger knows of."""

from __future__ import annotations

import sqlite3
from functools import partial

from bot.services.previewing import Preview
from bot.services.rules import Limits
from tests.services.office import MOD, Door, members, pauses, paying
from tests.support.sandbox import Sandbox


async def test_a_preview_warns_when_the_month_would_not_suffice(door: Door, sandbox: Sandbox) -> None:
    ids = members(4)
    await sandbox.seed(discord_ids=ids)
    async with door.open(DRIP_RATE_PLAN="free") as office:
        assert (await office.draft(paying(ids))).warnings == ()
        sent = await office.send(paying(ids))
        account = (await office.app.ledger.queries.batch(sent, None)).destination.account
        assert await office.app.ledger.queries.calls_since(account, 0) == 1
        assert await office.app.ledger.queries.calls_since("f" * 24, 0) == 0
        await office.app.ledger.database.write(partial(_as_if_sent_so_often, 100_000))
        preview = await office.draft(paying(ids))
        (notice,) = [one for one in preview.warnings if one.kind == "month-quota"]
        assert "1 request is needed, and at most 0 of this month's 100,000 are left" in notice.message
        later = office.app.clock.now() * 1000 + 1
        assert await office.app.ledger.queries.calls_since(account, int(later)) == 0


async def test_what_recorded_batches_still_need_is_taken_off_the_month(door: Door, sandbox: Sandbox) -> None:
    ids = members(25)
    await sandbox.seed(discord_ids=ids)
    async with door.open(DRIP_RATE_PLAN="free") as office:
        await office.send(paying(ids[:1], 1))
        await office.confirm(await office.draft(paying(ids)), limits=Limits(start_delay_seconds=3600))
        await office.app.ledger.database.write(partial(_as_if_sent_so_often, 99_992))
        assert quota(await office.draft(paying(ids[:1], 20))) is None, "one request of seven, three of them spoken for"
        message = quota(await office.draft(paying(ids[:21], 20)))
        assert message is not None
        assert "at most 4 of this month's 100,000 are left" in message


async def test_a_spent_month_pauses_once_warns_whoever_comes_next_and_is_over_when_the_next_begins(
    door: Door, sandbox: Sandbox
) -> None:
    ids = members(40)
    await sandbox.seed(discord_ids=ids)
    async with door.open(DRIP_RATE_PLAN="enterprise") as office:
        await office.send(paying(ids[:1], 1))  # what is asked once in a process is asked
        await sandbox.switches(drip={"quota_left": 2 + 40})
        batch_id = await office.send(paying(ids))
        states = await office.states(batch_id)
        assert states.count("A") > 0
        assert states.count("P") > 0
        assert set(states) == {"A", "P"}
        assert await office.state(batch_id) == "paused:quota"
        assert pauses(office.told) == [(batch_id, "quota")]
        message = quota(await office.draft(paying(ids, 20)))
        assert message is not None
        assert message.startswith(f"batch {batch_id} is paused because the account's requests were used up")

        await office.app.services.batches.resume(batch_id, MOD)  # too early
        await office.quiet()
        assert await office.states(batch_id) == states
        assert pauses(office.told) == [(batch_id, "quota")] * 2, "who pressed Resume is told"

        door.calendar.days = 31
        await sandbox.switches(drip={"quota_left": 100_000})
        await office.app.services.batches.resume(batch_id, MOD)
        await office.quiet()
        assert await office.states(batch_id) == "A" * 40
        assert await office.state(batch_id) == "finished"
        assert quota(await office.draft(paying(ids, 20))) is None
        await office.check_books()


async def test_what_was_used_up_in_an_earlier_month_is_told_of_no_later_one(door: Door, sandbox: Sandbox) -> None:
    ids = members(40)
    await sandbox.seed(discord_ids=ids)
    async with door.open(DRIP_RATE_PLAN="enterprise") as office:
        await office.send(paying(ids[:1], 1))
        await sandbox.switches(drip={"quota_left": 2 + 40})
        batch_id = await office.send(paying(ids))
        assert await office.state(batch_id) == "paused:quota"
        door.calendar.days = 31
        assert await office.state(batch_id) == "paused:quota", "nobody has resumed it"
        assert quota(await office.draft(paying(ids, 20))) is None


def quota(preview: Preview) -> str | None:
    """What the preview says of the month."""
    return next((one.message for one in preview.warnings if one.kind == "month-quota"), None)


def _as_if_sent_so_often(times: int, connection: sqlite3.Connection) -> None:
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO attempts (batch_id, state, verdict, claimed_at, closed_at, token, awards, body_sha256)"
        " SELECT batch_id, 'closed', 'applied', claimed_at, closed_at, 'token ' || i, '[]', body_sha256"
        " FROM attempts, n WHERE id = 1",
        (times,),
    )
