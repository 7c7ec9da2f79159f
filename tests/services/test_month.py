"""The month's quota: no header tells what is left of it, so the preview counts what the ledger knows of."""

from __future__ import annotations

from tests.services.office import Door, members, paying
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
        await office.app.ledger.database.write(_as_if_sent_so_often)
        preview = await office.draft(paying(ids))
        (notice,) = [one for one in preview.warnings if one.kind == "month-quota"]
        assert "1 request is needed, and at most 0 of this month's 100,000 are left" in notice.message
        later = office.app.clock.now() * 1000 + 1
        assert await office.app.ledger.queries.calls_since(account, int(later)) == 0


def _as_if_sent_so_often(connection) -> None:  # type: ignore[no-untyped-def]  # a sqlite3 connection
    connection.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO attempts (batch_id, state, verdict, claimed_at, closed_at, token, awards, body_sha256)"
        " SELECT batch_id, 'closed', 'applied', claimed_at, closed_at, 'token ' || i, '[]', body_sha256"
        " FROM attempts, n WHERE id = 1"
    )
