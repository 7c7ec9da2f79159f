"""Our own result file, corrected and sent again; /batch retry; chains of awards that end at most once."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.model import Actor, Decision, Duplicates
from bot.errors import DestinationChanged, Refused
from bot.services.previewing import Preview
from bot.services.rules import Limits
from tests.services.office import MOD, NO_LIMITS, OTHER, Door, Office, file_of, members, paying
from tests.support.sandbox import Sandbox

IDS = members(10)
ALONE = {"DRIP_CREDENTIALS_BATCH_SIZE": "1"}
"""One award a call: what an answer with good and bad items means is tested with the provider."""
STRANGERS = members(4, first=100)


@pytest.fixture(autouse=True)
async def everybody(sandbox: Sandbox) -> None:
    await sandbox.seed(discord_ids=IDS, balance=1000)


async def retry(office: Office, batch_id: int, *, actor: Actor = MOD, limits: Limits = NO_LIMITS) -> Preview:
    services = office.app.services
    batch = await office.batch(batch_id)
    programme = services.programmes.get(batch.programme)
    preview = await services.submitting.draft_retry(batch_id, programme, actor, limits)
    if preview.totals.pending:
        preview = await services.submitting.look_up(preview.draft.id, actor, limits)
    return preview


async def test_a_result_file_of_a_paid_batch_sends_nothing(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(IDS))
        preview = await office.draft(await office.result_bytes(first))
        assert (preview.totals.rows, preview.totals.problems) == (0, 0)
        (warning,) = [one for one in preview.warnings if one.kind == "already-awarded"]
        assert (len(warning.lines), "in doubt by their award_id" in warning.message) == (10, True)
        with pytest.raises(Refused, match="no rows"):
            await office.confirm(preview)


async def test_a_result_file_sends_only_what_was_refused_and_only_once(door: Door) -> None:
    async with door.open(**ALONE) as office:
        first = await office.send(paying([*IDS[:3], *STRANGERS[:2]]))
        assert await office.states(first) == "AAARR"
        content = await office.result_bytes(first)
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in STRANGERS])
        drafts = [await office.draft(content), await office.draft(content, actor=OTHER)]
        assert [one.totals.rows for one in drafts] == [2, 2]
        second = await office.confirm(drafts[0])
        with pytest.raises(Refused):
            await office.confirm(drafts[1], actor=OTHER, again=True)
        await office.quiet()
        assert await office.states(second.batch_id) == "AA"
        assert [award.continues for award in await office.awards(second.batch_id)] == [4, 5]
        assert (await office.draft(content)).totals.rows == 0
        await office.check_books()


async def test_rows_that_are_planned_or_in_doubt_are_never_sent_from_a_result_file(door: Door) -> None:
    await door.sandbox.faults(
        {"match": {"path": "/transaction", "nth": 1}, "kind": "reset-after-apply"},
        {"match": {"path": "/transaction", "nth": 2}, "kind": "401"},
    )
    async with door.open(DRIP_CREDENTIALS_BATCH_SIZE="5") as office:
        first = await office.send(paying(IDS))
        assert await office.states(first) == "UUUUUPPPPP"
        content = await office.result_bytes(first)
        preview = await office.draft(content)
        assert preview.totals.rows == 0
        # Stopped is another matter: those were not paid, and nobody will. What was written off may have been.
        for doubt in await office.app.services.batches.doubts(first, MOD):
            ids = [award.id for award in doubt.awards]
            await office.app.services.batches.resolve(first, ids, Decision.WRITE_OFF, MOD, reason="checked by hand")
        await office.app.services.batches.stop(first, MOD)
        assert await office.states(first) == "WWWWWCCCCC"
        preview = await office.draft(content)
        assert (preview.totals.rows, preview.totals.problems) == (5, 5)
        assert {one.kind for one in await office.problems(preview)} == {"written-off"}


async def test_an_award_of_another_server_or_of_nowhere_is_a_problem_of_its_row(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:2]))
        content = await office.result_bytes(first)
        elsewhere = Actor(OTHER.id, OTHER.name, "700000000000000002")
        preview = await office.draft(content, actor=elsewhere)
        assert [one.kind for one in await office.problems(preview)] == ["unknown-award", "unknown-award"]
        preview = await office.draft(file_of([(IDS[0], 5, 99999999)], "discord_id,amount,award_id"))
        assert [(one.line, one.column, one.kind) for one in await office.problems(preview)] == [
            (2, "award_id", "unknown-award")
        ]


async def test_one_award_is_continued_for_one_recipient_only(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:1]))
        (refused,) = await office.awards(first)
        rows = [(STRANGERS[0], 10, refused.id), (IDS[0], 10, refused.id)]
        preview = await office.draft(file_of(rows, "discord_id,amount,award_id"))
        assert [(one.line, one.kind) for one in await office.problems(preview)] == [(3, "repeated-award")]
        recorded = await office.confirm(preview, good_rows=True)
        assert recorded.awards == 1


@pytest.mark.parametrize("policy", [Duplicates.SUM, Duplicates.APART, Duplicates.ONCE])
async def test_the_rows_of_one_refused_award_become_that_award_again(policy: Duplicates, door: Door) -> None:
    rows = [(STRANGERS[0], 10), (IDS[0], 5), (STRANGERS[0], 20)]
    async with door.open() as office:
        first = await office.send(file_of(rows))
        assert [award.amount for award in await office.awards(first)] == [30, 5]
        content = await office.result_bytes(first)
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in STRANGERS])
        second = await office.send(content, duplicates=policy)
        (award,) = await office.awards(second)
        assert (award.amount, award.lines, award.continues) == (30, (2, 4), 1)
        assert (await office.draft(content, duplicates=policy)).totals.rows == 0
        await office.check_books()


async def test_rows_that_were_paid_once_are_not_summed_when_they_come_back(door: Door) -> None:
    rows = [(STRANGERS[0], 10), (STRANGERS[0], 10)]
    async with door.open() as office:
        first = await office.send(file_of(rows), duplicates=Duplicates.ONCE)
        assert [award.amount for award in await office.awards(first)] == [10]
        second = await office.draft(await office.result_bytes(first))
        assert (second.totals.rows, second.totals.total) == (1, 10)


async def test_rows_that_continue_different_awards_are_not_merged_into_one(door: Door) -> None:
    rows = [(STRANGERS[0], 10), (STRANGERS[0], 20)]
    async with door.open() as office:
        first = await office.send(file_of(rows), duplicates=Duplicates.APART)
        assert await office.states(first) == "RR"
        content = await office.result_bytes(first)
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in STRANGERS])
        preview = await office.draft(content)
        assert (preview.totals.rows, preview.totals.total) == (2, 30)
        assert [one.lines for one in preview.warnings if "stay awards of their own" in one.message] == [(2, 3)]
        await office.confirm(preview)
        await office.quiet()
        await office.check_books()
        assert (await office.draft(content)).totals.rows == 0
        assert (await office.app.services.batches.view(first, MOD)).retryable == 0


async def test_a_new_row_beside_a_continued_one_is_known_when_the_file_comes_again(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:1]))
        (refused,) = await office.awards(first)
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in STRANGERS])
        content = file_of([(STRANGERS[0], 10, refused.id), (STRANGERS[0], 20, "")], "discord_id,amount,award_id")
        await office.send(content)
        again = await office.draft(content)
        assert (again.totals.rows, again.blocking_matches) == (1, 1)
        await office.check_books()


async def test_a_retry_sends_the_refused_rows_as_a_linked_batch_and_only_once(door: Door) -> None:
    async with door.open(**ALONE) as office:
        first = await office.send(paying([*IDS[:3], *STRANGERS[:2]]))
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": STRANGERS[0]}])
        previews = [await retry(office, first), await retry(office, first, actor=OTHER)]
        recorded = await office.confirm(previews[0])
        with pytest.raises(Refused):
            await office.confirm(previews[1], actor=OTHER, again=True)
        await office.quiet()
        assert await office.states(recorded.batch_id) == "AR"
        view = await office.app.services.batches.view(first, MOD)
        assert ([child.id for child in view.children], view.retryable) == ([recorded.batch_id], 0)
        with pytest.raises(Refused, match="not already taken up"):
            await retry(office, first)
        assert (await retry(office, recorded.batch_id)).totals.rows == 1
        await office.check_books()


async def test_a_retry_leaves_out_what_another_batch_has_taken_up(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:2]))
        lines = (await office.result_bytes(first)).splitlines()
        await office.send(b"\n".join(lines[:2]))  # refused once more
        preview = await retry(office, first)
        assert [row.line for row in preview.sample] == [3]


async def test_a_retry_looks_members_up_afresh(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying([*IDS[:2], STRANGERS[0]]), "drip-members")
        assert await office.states(first) == "AAR"
        await door.sandbox.seed(discord_ids=STRANGERS[:1])
        await office.confirm(await retry(office, first))
        await office.quiet()
        await office.check_books()
        assert [award.state.value for award in await office.awards()] == ["applied"] * 2 + ["rejected", "applied"]


async def test_a_retry_is_judged_like_new_rows(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(file_of([(STRANGERS[0], 10), (STRANGERS[1], 500), (MOD.id, 10)]))
        assert await office.states(first) == "RRR"
        preview = await retry(office, first, limits=Limits(max_award=100, may_award_self=False))
        assert {(one.line, one.kind) for one in await office.problems(preview)} == {
            (3, "over-limit"),
            (4, "self-award"),
        }
        assert preview.totals.rows == 1


async def test_the_result_file_of_a_retry_can_be_sent_again_without_counting_twice(door: Door) -> None:
    rows = [(STRANGERS[0], 10), (IDS[0], 5), (STRANGERS[0], 20)]
    async with door.open() as office:
        first = await office.send(file_of(rows))
        recorded = await office.confirm(await retry(office, first))
        await office.quiet()
        assert await office.states(recorded.batch_id) == "R"
        (line,) = await office.result(recorded.batch_id)
        assert (line["amount"], line["status"]) == ("30", "rejected")
        preview = await office.draft(await office.result_bytes(recorded.batch_id))
        assert (preview.totals.rows, preview.totals.total) == (1, 30)


async def test_a_retry_and_the_result_file_cannot_both_pay(door: Door) -> None:
    async with door.open() as office:
        first = await office.send(paying(STRANGERS[:2]))
        content = await office.result_bytes(first)
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in STRANGERS])
        drafts = [await office.draft(content), await retry(office, first)]
        answers = await asyncio.gather(*(office.confirm(one, again=True) for one in drafts), return_exceptions=True)
        assert sum(isinstance(answer, Refused) for answer in answers) == 1
        await office.quiet()
        await office.check_books()


async def test_rows_of_a_retry_that_was_stopped_are_paid_once_however_they_are_sent_again(door: Door) -> None:
    async with door.open() as office:
        batches = office.app.services.batches
        first = await office.send(paying(STRANGERS[:2]))
        await door.sandbox.seed(credentials=[{"type": "discord-id", "value": one} for one in STRANGERS])
        waiting = Limits(start_delay_seconds=600.0)
        stopped = (await office.confirm(await retry(office, first, limits=waiting), limits=waiting)).batch_id
        await batches.stop(stopped, MOD)
        assert await office.states(stopped) == "CC"
        assert [(await batches.view(one, MOD)).retryable for one in (first, stopped)] == [0, 2]
        files = [await office.draft(await office.result_bytes(one)) for one in (first, stopped)]
        drafts = [*files, await retry(office, stopped), await retry(office, stopped, actor=OTHER)]
        sent = (
            office.confirm(one, actor=who, again=True) for one, who in zip(drafts, (MOD, MOD, MOD, OTHER), strict=True)
        )
        answers = await asyncio.gather(*sent, return_exceptions=True)
        assert sum(isinstance(answer, Refused) for answer in answers) == 3
        await office.quiet()
        await office.check_books()
        assert [award.state.value for award in await office.awards()].count("applied") == 2
        assert (await batches.view(stopped, MOD)).retryable == 0


async def test_the_result_file_has_one_line_for_every_original_row(door: Door) -> None:
    rows = [
        (IDS[0], 10, "a", "kept"),
        (IDS[1], "abc", "b", "kept"),
        (STRANGERS[0], 5, "c", "kept"),
        (IDS[0], 4, "d", "kept"),
        (IDS[2], "", "e", "kept"),
    ]
    async with door.open(**ALONE) as office:
        batch_id = await office.send(file_of(rows, "discord_id,amount,reason,remark"), confirm={"good_rows": True})
        result = await office.result(batch_id)
        assert [row["reason"] for row in result] == ["a", "b", "c", "d", "e"]
        assert {row["remark"] for row in result} == {"kept"}
        assert [row["status"] for row in result] == ["applied", "not sent", "rejected", "applied", "no award"]
        assert [row["award_id"] for row in result] == ["1", "", "2", "1", ""]
        assert all(row["detail"] for row in result if row["status"] in ("not sent", "rejected"))
        assert all(row["time"] for row in result if row["award_id"])


@pytest.mark.parametrize(
    ("programme", "before", "after"),
    [
        ("gameball", {"GAMEBALL_AMOUNT_UNIT": "money"}, {"GAMEBALL_AMOUNT_UNIT": "points"}),
        ("gameball", {}, {"GAMEBALL_CUSTOMER_ID_TEMPLATE": "discord_{discord_id}"}),
        ("gameball", {}, {"GAMEBALL_API_KEY": "another-key-of-another-account"}),
        ("drip-credentials", {}, {"DRIP_CURRENCY_ID": "f" * 24}),
        ("drip-credentials", {}, {"DRIP_REALM_ID": "e" * 24}),
    ],
)
async def test_a_retry_never_follows_changed_settings(
    door: Door, programme: str, before: dict[str, str], after: dict[str, str]
) -> None:
    async with door.open(**before) as office:
        first = await office.send(paying(STRANGERS[:2]), programme)
        assert await office.states(first) == "RR"
    async with door.open(**{**before, **after}) as office:
        with pytest.raises(DestinationChanged, match="not the ones that batch 1 was recorded for; nothing was sent"):
            await retry(office, first)
