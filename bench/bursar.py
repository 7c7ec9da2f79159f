"""The whole path through Bursar's own services: file, check, draft, confirm, send, finished ledger.

Run as a process of its own: prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.measure import Measured
from bot.app import opened
from bot.clock import SystemClock
from bot.console.entry import stay_quick
from bot.console.session import read_upload
from bot.domain.model import Actor
from bot.services.submitting import Choice, Upload, Wish
from bot.settings import Settings

PROGRAMME = "drip-credentials"
ACTOR = Actor("bench", "bench", None)


def settings_of(job: Mapping[str, str]) -> Settings:
    return Settings.load(
        {
            "DRIP_API_KEY": job["api_key"],
            "DRIP_REALM_ID": job["realm_id"],
            "DRIP_CURRENCY_ID": job["currency_id"],
            "DRIP_BASE_URL": job["url"],
            "DRIP_RATE_PLAN": "enterprise",
            "DRIP_CREDENTIALS_BATCH_SIZE": job["per_call"],
            "BURSAR_DATABASE": job["database"],
            "BURSAR_SETTLE_AFTER": job.get("settle_after", ""),
            "BURSAR_MAX_ROWS": "2000000",
            "BURSAR_MAX_FILE_BYTES": "200000000",
        },
        Path(job["database"]).parent,
    )


async def main(job: dict[str, str]) -> None:
    settings = settings_of(job)
    stay_quick()
    async with Measured(job) as measured:
        rows = await send(settings, Path(job["file"]))
    measured.tell(rows)


async def send(settings: Settings, file: Path) -> int:
    async with opened(settings, SystemClock(), patient=False) as app:
        services = app.services
        programme = services.programmes.get(PROGRAMME)
        limits = services.servers.limits(programme, None, may_award_self=True)
        upload = Upload(file.name, await asyncio.to_thread(read_upload, file, settings.max_file_bytes), "cli")
        preview = await services.submitting.draft_file(upload, Wish(programme), ACTOR, limits)
        del upload  # as every caller's own is gone by then
        again = preview.matches.rows > 0
        choice = Choice(preview.draft.content_hash or "", again=again, matches_seen=preview.matches.mark)
        async with app.dispatching():
            recorded = await services.submitting.confirm(preview.draft.id, choice, ACTOR, limits)
            await services.dispatcher.until_quiet([recorded.batch_id])
        view = await services.batches.view(recorded.batch_id, ACTOR)
        if view.counts.applied != view.batch.awards:
            raise RuntimeError(f"not everything was applied: {view.counts}")
        return view.counts.applied


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
