"""What a programme can promise, where moderators meet it: ``/settings show`` and ``/batch show``."""

from __future__ import annotations

from pathlib import Path

from tests.support.batches import batch, record
from tests.support.discord import World, discord_world


async def atomic(world: World) -> None:
    """As after a probe of Drip's members."""
    destination = world.app.services.programmes.get("drip-members").destination
    for name in ("overdraft", "unknown-member"):
        await world.app.ledger.capabilities.store(destination.account, destination.kind, name, "refused-whole", {})


async def test_the_settings_say_of_each_programme_what_it_can_promise(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        before = world.answer(await world.admin.slash(world.general, "settings show")).text
        assert "Not probed (doctor --probe), so Bursar assumes the worst: a member who is not there may" in before
        await atomic(world)
        after = world.answer(await world.admin.slash(world.general, "settings show")).text
        assert "A call that fails for one row fails for all (probed " in after
        assert "one bad row may leave a call" not in after
        assert "more than a card can hold" not in before + after


async def test_a_batch_says_what_its_programme_can_promise(tmp_path: Path) -> None:
    async with discord_world(tmp_path) as world:
        batch_id = await record(world, [50])
        await world.quiet()
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "Not probed (doctor --probe), so Bursar assumes the worst" in shown.text
        await atomic(world)
        shown = await batch(world, world.mod, "show", batch=str(batch_id))
        assert "A call that fails for one row fails for all (probed " in shown.text
