"""Limits, awards to oneself, other servers, drafts in several hands, settings that change."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.domain.model import Actor, Decision, Duplicates
from bot.errors import DestinationChanged, DraftGone, LimitExceeded, NotAllowed, NotFound, Refused, UsageError
from bot.services.rules import Limits
from bot.services.submitting import Upload, Wish, template_file
from tests.services.office import CLI, MOD, NO_LIMITS, OTHER, SERVER, Door, file_of, members, paying
from tests.support.sandbox import Sandbox

IDS = members(6)
ELSEWHERE = Actor("900000000000000003", "stranger", "700000000000000002")


@pytest.fixture(autouse=True)
async def everybody(sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=[*IDS, MOD.id, OTHER.id], balance=1000)


# --- limits -----------------------------------------------------------------------------------------------------------


RULES: list[tuple[str, object]] = [
    ("max_award", "5"),
    ("max_batch", "5"),
    ("self_award_roles", ["700000000000000009"]),
    ("roles", {"bulk": ["700000000000000009"]}),
]


@pytest.mark.parametrize(("name", "value"), RULES)
async def test_rules_that_change_between_the_judging_and_the_recording_hold(
    name: str, value: object, door: Door
) -> None:
    async with door.open() as office:
        servers, programme = office.app.services.servers, office.app.services.programmes.get("drip-credentials")
        await servers.change(SERVER, "max_award", "100", OTHER)

        async def limits() -> Limits:
            return servers.limits(programme, await servers.rules(SERVER), may_award_self=False)

        judged_by = await limits()
        preview = await office.draft(paying(IDS[:2]), limits=judged_by)
        await servers.change(SERVER, "staff_channel_id", "700000000000000008", OTHER)  # about nobody's awards
        before = await servers.change(SERVER, name, value, OTHER)
        with pytest.raises(Refused, match="the rules of this server were changed"):
            await office.confirm(preview, limits=judged_by)
        assert not await office.awards()
        await servers.change(SERVER, name, before, OTHER)
        recorded = await office.confirm(preview, limits=await limits())
        assert await office.states(recorded.batch_id)


async def test_a_limit_on_one_award_holds_for_rows_and_for_sums(door: Door) -> None:
    limits = Limits(max_award=100)
    rows = [(IDS[0], 101), (IDS[1], 60), (IDS[2], 50), (IDS[1], 60), (IDS[3], -101)]
    async with door.open() as office:
        preview = await office.draft(file_of(rows), limits=limits)
        assert [(one.line, one.kind) for one in await office.problems(preview)] == [
            (2, "over-limit"),
            (3, "over-limit"),
            (5, "over-limit"),
            (6, "over-limit"),
        ]
        assert preview.totals.rows == 1
        apart = await office.draft(file_of(rows), limits=limits, duplicates=Duplicates.APART)
        assert apart.totals.rows == 3


async def test_a_limit_on_the_batch_counts_what_moves_in_either_direction(door: Door) -> None:
    limits = Limits(max_batch=100)
    async with door.open() as office:
        preview = await office.draft(file_of([(IDS[0], 60), (IDS[1], -60)]), limits=limits)
        assert preview.over_limit is not None
        assert "120" in preview.over_limit
        with pytest.raises(LimitExceeded):
            await office.confirm(preview, limits=limits)
        assert await office.app.ledger.queries.batches(None) == []


async def test_a_limit_that_was_lowered_since_holds_when_the_draft_is_confirmed(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(file_of([(IDS[0], 60), (IDS[1], 500)]))
        lowered = Limits(max_award=100)
        again = await office.app.services.submitting.preview(preview.draft.id, MOD, lowered)
        assert again.over_limit is not None
        assert "line 3" in again.over_limit
        with pytest.raises(LimitExceeded, match="line 3"):
            await office.confirm(preview, limits=lowered)


async def test_a_limit_of_members_and_an_amount_of_nothing_are_problems(door: Door) -> None:
    async with door.open() as office:
        submitting = office.app.services.submitting
        wish = Wish(office.app.services.programmes.get("drip-credentials"), reason="Quest")
        members_named = [(IDS[0], 50), (IDS[1], 101), (IDS[2], 0), (IDS[0], 25)]
        preview = await submitting.draft_members(members_named, wish, MOD, Limits(max_award=100))
        assert {(one.line, one.kind) for one in await office.problems(preview)} == {
            (2, "over-limit"),
            (3, "nothing-to-pay"),
        }
        assert (preview.totals.rows, preview.totals.total) == (1, 75)
        recorded = await office.confirm(preview, good_rows=True)
        await office.quiet()
        (line,) = await office.result(recorded.batch_id)
        assert (line["discord_id"], line["amount"], line["reason"]) == (f"'{IDS[0]}", "75", "Quest")
        await office.check_books()


# --- awards to oneself ------------------------------------------------------------------------------------------------

STRICT = Limits(may_award_self=False)


async def test_nobody_awards_themselves_unless_they_may(door: Door) -> None:
    rows = [(MOD.id, 10), (IDS[0], 10), (OTHER.id, -10)]
    async with door.open() as office:
        preview = await office.draft(file_of(rows), limits=STRICT)
        assert [(one.line, one.kind) for one in await office.problems(preview)] == [(2, "self-award")]
        assert (await office.draft(file_of(rows))).totals.problems == 0
        own_loss = await office.draft(file_of([(MOD.id, -10)]), limits=STRICT)
        assert own_loss.totals.problems == 0
        await office.confirm(own_loss, limits=STRICT)


@pytest.mark.parametrize("programme", ["drip-credentials", "drip-members", "gameball"])
async def test_a_draft_that_somebody_else_made_does_not_help(programme: str, door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(file_of([(IDS[0], 10), (MOD.id, 10)]), programme, actor=OTHER, limits=STRICT)
        assert preview.totals.problems == 0
        with pytest.raises(NotAllowed, match="award for yourself"):
            await office.confirm(preview, limits=STRICT)
        assert await office.app.ledger.queries.batches(None) == []
        await office.confirm(preview, actor=OTHER, limits=STRICT)


async def test_another_name_for_oneself_does_not_help(door: Door) -> None:
    seeded = await door.sandbox.seed(discord_ids=[MOD.id])
    async with door.open() as office:
        by_customer = await office.draft(file_of([(MOD.id, 10)], "customer_id,amount"), "gameball", limits=STRICT)
        with pytest.raises(NotAllowed):
            await office.confirm(by_customer, limits=STRICT)
        await office.draft(file_of([(MOD.id, 10)]), "drip-members", actor=OTHER)  # the member is known from now on
        by_member = await office.draft(
            file_of([(seeded["members"][0], 10)], "drip_id,amount"), "drip-members", limits=STRICT
        )
        with pytest.raises(NotAllowed):
            await office.confirm(by_member, limits=STRICT)


# --- other servers ----------------------------------------------------------------------------------------------------


async def test_what_is_another_servers_is_not_found(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(paying(IDS))
        batch_id = await office.send(paying(IDS, 5))
        submitting, batches = office.app.services.submitting, office.app.services.batches
        programme = office.app.services.programmes.get("drip-credentials")
        draft_id = preview.draft.id
        wish = await submitting.wish_of(preview.draft)
        for attempt in (
            submitting.preview(draft_id, ELSEWHERE, NO_LIMITS),
            submitting.draft(draft_id, ELSEWHERE),
            submitting.relabel(draft_id, "x", ELSEWHERE, NO_LIMITS),
            submitting.reread(draft_id, wish, ELSEWHERE, NO_LIMITS),
            submitting.look_up(draft_id, ELSEWHERE, NO_LIMITS),
            submitting.cancel(draft_id, ELSEWHERE),
            office.confirm(preview, actor=ELSEWHERE),
            submitting.draft_retry(batch_id, programme, ELSEWHERE, NO_LIMITS),
            batches.view(batch_id, ELSEWHERE),
            batches.history(batch_id, ELSEWHERE),
            batches.first_awards(batch_id, ELSEWHERE),
            batches.doubts(batch_id, ELSEWHERE),
            batches.pause(batch_id, ELSEWHERE),
            batches.resume(batch_id, ELSEWHERE),
            batches.stop(batch_id, ELSEWHERE),
            batches.resolve(batch_id, [1], Decision.LANDED, ELSEWHERE, reason="x"),
            office.result_bytes(batch_id, ELSEWHERE),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert await submitting.open_drafts(ELSEWHERE) == []
        assert await batches.list(ELSEWHERE) == []
        with pytest.raises(NotFound):
            _ = [piece async for piece in submitting.problems_file(draft_id, ELSEWHERE)]
        assert [view.batch.id for view in await batches.list(CLI)] == [batch_id]  # the operator sees every server


# --- drafts -----------------------------------------------------------------------------------------------------------


async def test_a_draft_is_read_again_in_another_way(door: Door) -> None:
    content = file_of([(IDS[0], 10, 7), (IDS[0], 20, 8), (IDS[1], 30, 9)], "discord_id,amount,bonus")
    async with door.open() as office:
        preview = await office.draft(content, reason="Quest")
        assert (preview.totals.rows, preview.totals.total) == (2, 60)
        submitting = office.app.services.submitting
        wish = await submitting.wish_of(preview.draft)
        assert (wish.reason, wish.duplicates) == ("Quest", Duplicates.SUM)
        other = replace(wish, amount_column="bonus", duplicates=Duplicates.APART)
        again = await submitting.reread(preview.draft.id, other, MOD, NO_LIMITS)
        assert (again.totals.rows, again.totals.total) == (3, 24)
        assert again.draft.content_hash != preview.draft.content_hash
        with pytest.raises(DraftGone):
            await office.confirm(preview)  # what was shown is not what would be recorded
        await office.confirm(again)
        await office.quiet()
        await office.check_books()


async def test_the_programme_of_a_draft_stays_its_own(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(paying(IDS), "drip-members")
        submitting = office.app.services.submitting
        other = replace(
            await submitting.wish_of(preview.draft), programme=office.app.services.programmes.get("gameball")
        )
        again = await submitting.reread(preview.draft.id, other, MOD, NO_LIMITS)
        assert again.programme.name == "drip-members"
        assert all(len(row.target or "") == 24 for row in again.sample)


async def test_a_draft_that_is_read_twice_at_once_is_read_one_after_the_other(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(paying(IDS), "drip-members")
        submitting = office.app.services.submitting
        wish = await submitting.wish_of(preview.draft)
        done = await asyncio.gather(
            *(submitting.reread(preview.draft.id, replace(wish, label=f"Week {n}"), MOD, NO_LIMITS) for n in range(4))
        )
        assert {one.totals.rows for one in done} == {6}
        assert len({one.draft.content_hash for one in done}) == len({one.draft.label for one in done}) == 4


async def test_a_recorded_or_cancelled_draft_cannot_be_changed_any_more(door: Door) -> None:
    async with door.open() as office:
        submitting = office.app.services.submitting
        preview = await office.draft(paying(IDS))
        wish = await submitting.wish_of(preview.draft)
        recorded = await office.confirm(preview)
        with pytest.raises(DraftGone) as gone:
            await submitting.reread(preview.draft.id, wish, MOD, NO_LIMITS)
        assert gone.value.batch_id == recorded.batch_id
        with pytest.raises(DraftGone):
            await submitting.relabel(preview.draft.id, "Week 1", MOD, NO_LIMITS)
        with pytest.raises(DraftGone):
            await submitting.cancel(preview.draft.id, MOD)
        cancelled = await office.draft(paying(IDS, 3))
        await submitting.cancel(cancelled.draft.id, MOD)
        with pytest.raises(DraftGone):
            await office.confirm(cancelled)
        late = await office.draft(paying(IDS, 4))
        door.calendar.days = 1.1
        with pytest.raises(DraftGone):
            await office.confirm(late)


async def test_a_draft_without_a_file_cannot_be_read_again(door: Door) -> None:
    async with door.open() as office:
        submitting = office.app.services.submitting
        wish = Wish(office.app.services.programmes.get("drip-credentials"))
        preview = await submitting.draft_members([(IDS[0], 5)], wish, MOD, NO_LIMITS)
        with pytest.raises(UsageError):
            await submitting.reread(preview.draft.id, wish, MOD, NO_LIMITS)
        assert [piece async for piece in submitting.problems_file(preview.draft.id, MOD)] == []


async def test_bad_rows_stop_a_batch_until_the_good_ones_are_asked_for(door: Door) -> None:
    rows = [(IDS[0], 10), ("123", 10), (IDS[1], "1e3"), (IDS[2], 10)]
    async with door.open() as office:
        preview = await office.draft(file_of(rows))
        assert (preview.totals.rows, preview.totals.problems) == (2, 2)
        with pytest.raises(Refused, match="2 rows of this draft have problems"):
            await office.confirm(preview)
        submitting = office.app.services.submitting
        problems = b"".join([piece async for piece in submitting.problems_file(preview.draft.id, MOD)]).decode(
            "utf-8-sig"
        )
        assert len(problems.splitlines()) == 3
        assert problems.splitlines()[0].split(",")[-1] == "problem"
        recorded = await office.confirm(preview, good_rows=True)
        assert recorded.awards == 2
        assert (await office.app.ledger.queries.events(recorded.batch_id))[0].detail["good_rows"] is True


async def test_a_refused_file_is_a_draft_that_says_why_and_cannot_be_confirmed(door: Door) -> None:
    async with door.open(BURSAR_MAX_FILE_BYTES="2000") as office:
        for content in (b"", b"PK\x03\x04 an .xlsx file", b"who,what\n1,2\n", paying(members(200))):
            preview = await office.draft(content)
            assert preview.refused is not None
            assert preview.draft.state.value == "refused"
            with pytest.raises(Refused):
                await office.confirm(preview)


async def test_an_amount_that_is_none_is_a_mistake_of_usage(door: Door) -> None:
    async with door.open() as office:
        for amount in ("ten", "0", "1.5"):
            with pytest.raises(UsageError):
                await office.draft(b"discord_id\n" + IDS[0].encode(), amount=amount)
        preview = await office.draft(b"discord_id\n" + IDS[0].encode() + b"\n", amount="25")
        assert preview.totals.total == 25


async def test_the_template_can_be_read_and_pays_nobody(door: Door) -> None:
    async with door.open() as office:
        preview = await office.draft(template_file())
        assert preview.totals.rows == 0


# --- settings that change ---------------------------------------------------------------------------------------------


async def test_a_changed_setting_stops_a_draft_and_a_batch_and_redirects_neither(door: Door) -> None:
    async with door.open() as office:
        draft = await office.draft(paying(IDS, 3))
        stuck = await office.confirm(await office.draft(paying(IDS)), limits=Limits(start_delay_seconds=3600))
    second = door.sandbox.drip["second_currency_id"]
    door.calendar.days = 0.1
    async with door.open(DRIP_CURRENCY_ID=second) as office:
        await office.quiet()
        assert await office.state(stuck.batch_id) == "paused:settings"
        with pytest.raises(DestinationChanged):
            await office.confirm(draft)
        with pytest.raises(DestinationChanged):
            await office.app.services.submitting.preview(draft.draft.id, MOD, NO_LIMITS)
        with pytest.raises(DestinationChanged):
            await office.app.services.batches.resume(stuck.batch_id, MOD)
        view = await office.app.services.batches.view(stuck.batch_id, MOD)
        assert view.seconds_left is None
        assert await office.writes() == []
    async with door.open(DRIP_API_KEY="", DRIP_REALM_ID="", DRIP_CURRENCY_ID="") as office:
        await office.quiet()
        view = await office.app.services.batches.view(stuck.batch_id, MOD)
        assert (view.calls_left, view.seconds_left) == (0, None)
    async with door.open() as office:
        await office.app.services.batches.resume(stuck.batch_id, MOD)
        await office.quiet()
        assert await office.states(stuck.batch_id) == "A" * 6
        await office.check_books()


async def test_a_currency_that_a_server_chooses_stops_its_batches_at_once(door: Door) -> None:
    async with door.open() as office:
        stuck = await office.confirm(await office.draft(paying(IDS)), limits=Limits(start_delay_seconds=1.0))
        second = door.sandbox.drip["second_currency_id"]
        servers = office.app.services.servers
        await servers.change(MOD.server_id or "", "currencies", {"drip-credentials": second}, MOD)
        await office.quiet()
        assert (await office.states(stuck.batch_id), await office.state(stuck.batch_id)) == (
            "PPPPPP",
            "paused:settings",
        )
        await servers.change(MOD.server_id or "", "currencies", None, MOD)
        await office.app.services.batches.resume(stuck.batch_id, MOD)
        await office.quiet()
        assert await office.states(stuck.batch_id) == "A" * 6


async def test_a_currency_makes_no_gameball_programme_usable(door: Door) -> None:
    from bot.errors import SettingsError

    async with door.open(GAMEBALL_AMOUNT_UNIT="") as office:
        with pytest.raises(SettingsError, match="GAMEBALL_AMOUNT_UNIT"):
            office.app.services.programmes.get("gameball", currency="a" * 24)


async def test_first_awards_are_for_receipts(door: Door) -> None:
    async with door.open() as office:
        batch_id = await office.send(paying(IDS))
        awards = await office.app.services.batches.first_awards(batch_id, MOD, 2)
        assert [award.line for award in awards] == [2, 3]


async def test_an_upload_has_a_name_and_a_source(door: Door) -> None:
    async with door.open() as office:
        wish = Wish(office.app.services.programmes.get("drip-credentials"))
        upload = Upload("cells", b"discord_id\tamount\n" + IDS[0].encode() + b"\t5\n", "paste")
        preview = await office.app.services.submitting.draft_file(upload, wish, MOD, NO_LIMITS)
        recorded = await office.confirm(preview)
        batch = await office.batch(recorded.batch_id)
        assert (batch.source, batch.file_name, batch.actor) == ("paste", "cells", MOD)


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_batches_are_listed_newest_first_in_pages_and_in_brief(door: Door) -> None:
    async with door.open() as office:
        for amount in range(1, 6):
            await office.send(paying(IDS[:2], amount))
        batches = office.app.services.batches
        assert [view.batch.id for view in await batches.list(MOD, limit=2)] == [5, 4]
        assert [view.batch.id for view in await batches.list(MOD, limit=2, before=4)] == [3, 2]
        page = await batches.page(MOD, number=1, size=2)
        assert ([view.batch.id for view in page.views], page.total) == ([3, 2], 5)
        assert [(batch.id, counts.applied) for batch, counts in await batches.brief(MOD, limit=2)] == [(5, 2), (4, 2)]
        assert await batches.at_work() == []


async def test_a_draft_gets_another_label_and_keeps_it_when_none_is_given(door: Door) -> None:
    async with door.open() as office:
        submitting = office.app.services.submitting
        preview = await office.draft(paying(IDS), label="Week 31")
        renamed = await submitting.relabel(preview.draft.id, "  Week 32 ", MOD, NO_LIMITS)
        assert renamed.draft.label == "Week 32"
        kept = await submitting.relabel(preview.draft.id, " ", MOD, NO_LIMITS)
        assert (kept.draft.label, kept.draft.content_hash) == ("Week 32", renamed.draft.content_hash)
        with pytest.raises(DraftGone, match="was changed after it was shown"):
            await office.confirm(preview)
        batch_id = (await office.confirm(kept)).batch_id
        assert (await office.batch(batch_id)).label == "Week 32"


async def test_a_customer_map_pays_whom_it_names_and_says_whom_it_does_not(door: Door) -> None:
    await door.sandbox.seed(customers=[{"id": "shop-1"}])
    (door.directory / "map.csv").write_text(f"discord_id,customer_id\n{IDS[0]},shop-1\n", encoding="utf-8")
    async with door.open(GAMEBALL_CUSTOMER_MAP="map.csv") as office:
        preview = await office.draft(paying(IDS[:2]), "gameball", limits=STRICT)
        assert [(one.line, one.kind) for one in await office.problems(preview)] == [(3, "wrong-type")]
        await office.confirm(preview, limits=STRICT, good_rows=True)
        await office.quiet()
        assert await office.states(1) == "A"
        await office.check_books()
