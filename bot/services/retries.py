"""The draft of a retry: what was definitely rejected, or stopped in an earlier retry of it, judged as new rows are."""

from __future__ import annotations

from bot.domain.model import Batch, Programme, Row
from bot.errors import DestinationChanged, Refused
from bot.ledger.ledger import Ledger
from bot.services.staging import Stager, within_limit


async def check_retry(ledger: Ledger, batch: Batch, programme: Programme) -> None:
    """Whether anything of the batch can be sent again to where it was recorded for. Raises ``Refused``,
    ``DestinationChanged``."""
    if batch.source == "undo":
        raise Refused(
            f"batch {batch.id} took points back; what was refused is not simply sent again",
            hint=f"/batch undo of batch {batch.parent_id} takes up what was not taken back.",
        )
    if programme.destination != batch.destination:
        raise DestinationChanged(
            f"the settings of {batch.programme} are not the ones that batch {batch.id} was recorded for;"
            " nothing was sent",
            hint="Restore them and retry, or upload its result file to send the rows with the settings of now.",
        )
    if not await ledger.queries.retryable(batch):
        raise Refused(await _nothing_again(ledger, batch), hint=await _where_instead(ledger, batch))


async def _nothing_again(ledger: Ledger, batch: Batch) -> str:
    if (await ledger.queries.counts(batch.id)).rejected:
        return f"batch {batch.id} has no rejected award that was not already taken up by a later batch"
    return f"batch {batch.id} has no rejected award, so there is nothing to send again"


async def _where_instead(ledger: Ledger, batch: Batch) -> str | None:
    """Who takes rows up is not the same as who pays them: they may have been refused once more, or stopped."""
    retries = [child.id for child in await ledger.queries.children(batch.id) if child.source == "retry"]
    if retries:
        return f"/batch retry of batch {retries[-1]} takes up what was refused or stopped there."
    counts = await ledger.queries.counts(batch.id)
    if counts.unknown:
        return "Its awards in doubt are settled with /batch resolve."
    return "Its result file, sent with /bulk, sends the rows that were stopped." if counts.cancelled else None


async def stage_retry(ledger: Ledger, stager: Stager, batch: Batch) -> None:
    """Fill the draft with the awards that no later batch has taken up."""
    async for awards in ledger.queries.awards(batch.id, states=batch.sent_again):
        newest = await ledger.queries.continued([award.id for award in awards], stager.actor.server_id)
        again = [award for award in awards if newest[award.id].id == award.id]
        stager.again = {award.line: award for award in again if len(award.lines) > 1}
        rows = [Row(award.line, award.recipient, award.amount, award.reason, award.id) for award in again]
        await stager.stage(within_limit(rows, stager.provider.programme, stager.limits))
