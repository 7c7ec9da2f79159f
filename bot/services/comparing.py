"""Before the first call after a start: does the service know of payments that this ledger does not? Reads only.

A ledger that was put back by hand, or that is not the only one, must not go on as if nothing had happened. Gameball
lists transactions, and each of ours carries the token of its call: a token that this ledger never made is another
ledger's, for certain. Drip lists none; a balance alone proves nothing, since members earn elsewhere. Only where every
one of several recipients has moved by exactly what a batch from before the start is about to give them, that batch is
paused for a person to look. What cannot be read is no reason not to send.

Ordinary activity of others hardly ever does that: whoever earned, spent or got anything else, or nothing, ends the
look, and those are looked at whose amounts differ, because nobody else gives each of them just theirs. One case is
left: the batch gives everybody the same, and another bot has given just as much to everybody who is looked at since
their balances were last told. Balances cannot tell that from another ledger at work, and every rule that would let such
a batch pass (others who moved alike, balances that are old) would let one pass as well that was paid already. So it is
paused, the pause names that explanation, and *Resume* goes on: a batch that was looked at is not asked about again by
the same process.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from bot.clock import Clock, lies_ahead
from bot.domain.model import Batch, Pause, PauseKind
from bot.ledger.evidence import Late
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.foresight import Decided

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS: Final = 3600.0
"""How often Gameball's list is looked at again while calls are made."""
SAMPLE: Final = 5
"""Recipients whose balances are read: that many requests for a batch that a start found."""
ENOUGH: Final = 3
"""So many have to tell the same."""

PAID: Final = (
    "it looks as if another ledger has paid this batch: the balances of all {number} recipients looked at have"
    " moved by exactly what they are to get since they were last told, so nothing more is sent. Look at one of them at"
    " the service: if something else moved it (another bot gave everybody as much), resume"
)
LATE: Final = (
    "Gameball lists a call of batch #{batch} now (attempt {attempt}, awards: {awards}) that counted as not landed: if"
    " its awards were sent again, they are paid twice. Compare that batch with Gameball, and take back there what is"
    " too much; then resume this one"
)


class Comparer:
    """One account's."""

    def __init__(self, ledger: Ledger, clock: Clock, began: int) -> None:
        """``began``: when this process did (Unix milliseconds); what was recorded since is its own."""
        self._ledger = ledger
        self._clock = clock
        self._began = began
        self._listed_at: float | None = None
        self._compared: set[int] = set()
        self._late: Sequence[Late] = ()
        self._to_tell: tuple[str, int] | None = None
        """The account and how far its list was read, once ``came_late`` is told."""

    def is_due(self, batch: Batch) -> bool:
        """Whether something has to be compared before the batch's next call."""
        if batch.destination.kind.traits.lists_payments:
            return self._listed_at is None or self._clock.monotonic() - self._listed_at >= LOOK_EVERY_SECONDS
        is_older = batch.recorded_at < self._began or lies_ahead(batch.recorded_at / 1000, self._clock.now())
        return batch.id not in self._compared and is_older

    async def strangers(self, provider: Provider, batch: Batch) -> bool:
        """Whether Gameball's list has calls of Bursar, behind what this ledger has seen of it, that are not its own."""
        if not batch.destination.kind.traits.lists_payments:
            return False
        account, began = batch.destination.account, self._clock.monotonic()
        mark = await self._ledger.evidence.mark(account)
        if mark is None:
            return False  # a ledger that never looked has nothing to compare with
        try:
            seen = await provider.look_ahead((), (), mark.transaction_id)
        except Exception:
            log.exception("batch %d: the list of transactions could not be compared", batch.id)
            return False
        strangers = await self._ledger.evidence.strangers(seen.tokens)
        if strangers:
            log.error("account %s has calls that this ledger did not make: %s", account, strangers)
            return True
        self._late = await self._ledger.evidence.late(seen.tokens)
        if seen.mark is not None:
            self._to_tell = account, seen.mark
            if not self._late:
                await self.told()
                self._listed_at = began
        return False

    def came_late(self) -> Pause | None:
        """Why a person has to look: the list that was compared last has calls of this ledger that counted as not
        landed. Nothing is decided by it. Until it is ``told`` every look finds it again."""
        late = self._late
        if not late:
            return None
        for one in late:
            log.error("attempt %d of batch %d is listed, and counted as not landed", one.attempt_id, one.batch_id)
        first = late[0]
        message = LATE.format(batch=first.batch_id, attempt=first.attempt_id, awards=first.awards)
        more = f" (more calls like it: {len(late) - 1})" if len(late) > 1 else ""
        return Pause(PauseKind.UNCLEAR, f"{message}{more}")

    async def told(self) -> None:
        """Nothing of what was compared last is left to be told, so the next look begins behind it. Not before: a crash
        would take the word along."""
        self._late = ()
        if self._to_tell is not None:
            await self._ledger.evidence.advance_mark(*self._to_tell)
            self._to_tell = None

    async def paid_elsewhere(self, provider: Provider, batch: Batch, decided: Decided) -> Pause | None:
        """Why a batch that a start found is better looked at by a person; asked once for each. ``decided`` returns when
        the calls before it have taken what they carry: what they pay is no other ledger's doing."""
        self._compared.add(batch.id)
        if batch.destination.kind.traits.lists_payments:
            return None
        await decided()
        told = 0
        for item, before in await self._ledger.evidence.planned_balances(batch.id, SAMPLE):
            try:
                now = await provider.balance(item.target, item.recipient)
            except Exception:
                log.exception("batch %d: a balance could not be compared", batch.id)
                return None
            if now is not None and now - before != item.amount:
                return None
            told += now is not None
        return Pause(PauseKind.RESTORED, PAID.format(number=told)) if told >= ENOUGH else None
