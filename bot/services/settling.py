"""Doubts of one account, settled by reading back. Nothing is sent from here, but a call on a ring may be sent again by
``sending``, because there that is safe.

A doubt is looked at when its call is old enough that nobody can still be carrying it out: ``BURSAR_SETTLE_AFTER`` after
it was sent, and after the clock was seen to be set ahead. Evidence that cannot be had is asked for again, ever more
slowly; evidence that is not unique is left to a person, with its numbers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from bot import checkpoints
from bot.clock import Clock
from bot.domain.judging import Doubted, Judged, Judgement, Judgements
from bot.domain.model import Pause
from bot.domain.retrying import delay_before_look
from bot.domain.ring import Step
from bot.ledger.evidence import Waiting
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.flying import Flying, look
from bot.services.proving import contradicted
from bot.services.quarantine import Quarantine
from bot.services.sending import send_again
from bot.services.tasks import to_its_end

log = logging.getLogger(__name__)

LOOKS: Final = 6
"""How often unreadable evidence is asked for by the command line: half a minute in all."""
LOOKS_PATIENT: Final = 60
"""The same for the bot: four hours."""
OVERDUE_SECONDS: Final = 600.0
"""Planned rows go first, but a doubt does not wait longer than this for a large batch to end."""

AT_ONCE: Final = 4
"""Calls that are read back side by side: as many as a crash can leave at one account (``Provider.calls_at_once``)."""

ProviderOf = Callable[[int], Awaitable[Provider | None]]


class Settler:
    """One account's doubts."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        quarantine: Quarantine,
        account: str,
        changed: Callable[[int, bool], None],
        paused: Callable[[int, Pause], Awaitable[None]],
        going: Callable[[], bool],
        *,
        sends_again: Callable[[int], None],
        settle_after_seconds: float | None,
        patient: bool,
    ) -> None:
        """``changed`` hears of every batch whose doubts were looked at, and whether it was opened again by that;
        ``paused`` of what keeps a batch from being sent; ``sends_again`` that a call of it in doubt is about to be sent
        again. ``going``: whether anything may still be sent.

        ``settle_after_seconds`` None: doubts are left alone.
        """
        self._ledger = ledger
        self._clock = clock
        self._account = account
        self._changed = changed
        self._paused = paused
        self._going = going
        self._settle_after = settle_after_seconds
        self._quarantine = quarantine
        self._looks = LOOKS_PATIENT if patient else LOOKS
        self._waiting: Sequence[Waiting] = ()
        self._version = 1
        self._version_read = 0
        self._repeated: set[int] = set()
        self._recording = 0
        self._tell_again = sends_again
        self._sent_again: int | None = None

    @property
    def recording(self) -> bool:
        """Whether the ledger may know already what nobody was told yet."""
        return self._recording > 0

    def sends_again(self, batch_id: int) -> bool:
        """Whether a call in doubt of the batch is being sent again right now."""
        return self._sent_again == batch_id

    def forget(self) -> None:
        """There may be other doubts than before."""
        self._version += 1

    async def waiting(self) -> Sequence[Waiting]:
        """The account's calls that evidence may still settle."""
        if self._settle_after is None:
            return ()
        while self._version_read != self._version:
            version = self._version
            waiting = await self._ledger.evidence.waiting(self._account)
            if version == self._version:
                self._waiting, self._version_read = waiting, version
        return self._waiting

    async def settled(self, batch_id: int) -> bool:
        """Whether no doubt of the batch waits for evidence: each is settled, or left to a person."""
        return all(one.batch_id != batch_id for one in await self.waiting())

    def until(self, batch_id: int) -> float | None:
        """Unix seconds at which the batch's next doubt is looked at, as far as was last read."""
        return min((self._due_at(one) for one in self._waiting if one.batch_id == batch_id), default=None)

    async def seconds_until_due(self) -> float | None:
        """0: a doubt can be looked at now; ``None``: there is none."""
        due = min(map(self._due_at, await self.waiting()), default=None)
        return None if due is None else max(0.0, due - self._clock.now())

    async def is_overdue(self) -> bool:
        """Whether a doubt comes before planned rows: it has waited long, or keeps a lane from them."""
        now = self._clock.now()
        return any(
            self._due_at(one) + (OVERDUE_SECONDS if one.lane is None else 0.0) <= now for one in await self.waiting()
        )

    async def due_to_repeat(self) -> Waiting | None:
        """The oldest call that is due and may simply be sent again."""
        now = self._clock.now()
        due = [one for one in await self.waiting() if one.repeatable and self._due_at(one) <= now]
        return min((one for one in due if one.attempt_id not in self._repeated), key=self._due_at, default=None)

    def repeated(self, one: Waiting) -> None:
        """It was sent again, or could not be: what is in doubt still is for another call, or for other evidence."""
        self._repeated.add(one.attempt_id)
        self.forget()

    async def settle_due(self, provider_of: ProviderOf) -> bool:
        """Look at the oldest calls that are due; whether there was one. What a look at a lane does, which may send
        again, is done alone; all else only reads, and each balance twice, so several share the time between."""
        due = sorted((one for one in await self.waiting() if self._due_at(one) <= self._clock.now()), key=self._due_at)
        if not due:
            return False
        together = due[:1] if due[0].lane is not None else [one for one in due if one.lane is None][:AT_ONCE]
        self.forget()
        looks = [self._settle_one(one, provider_of) for one in together]
        for failed in await asyncio.gather(*looks, return_exceptions=True):
            if failed is not None:
                raise failed
        return True

    async def _settle_one(self, one: Waiting, provider_of: ProviderOf) -> None:
        doubted = await self._ledger.evidence.doubt(one.attempt_id)
        if doubted is not None:
            await to_its_end(self._settle(doubted, await provider_of(one.batch_id)))

    async def _settle(self, doubted: Doubted, provider: Provider | None) -> None:
        read_at = self._clock.now()
        pause: Pause | None = None
        if provider is None:
            found = _nothing(doubted, ELSEWHERE)
        else:
            found, step = await self._judge(provider, doubted)
            checkpoints.reached("evidence-read")
            again = await self._again(provider, doubted) if step is Step.AGAIN else None
            found, pause = again or (found, None)
            found = await self._told_apart(provider, doubted, found)
        self._recording += 1
        try:
            settled = await self._ledger.evidence.record(
                doubted,
                found,
                most_looks=self._looks,
                read_at=read_at,
                once_up_to=0 if provider is None else provider.programme.once_up_to,
            )
            if pause is not None:
                await self._paused(doubted.batch_id, pause)
            self._changed(doubted.batch_id, settled.reopened)
        finally:
            self._recording -= 1
        checkpoints.reached("evidence-recorded")
        log.info(
            "attempt %d of batch %d: by evidence %d awards landed, %d did not, %d cannot be told",
            doubted.attempt_id,
            doubted.batch_id,
            settled.applied,
            settled.not_landed,
            len(doubted.items) - settled.applied - settled.not_landed,
        )

    async def _again(self, provider: Provider, doubted: Doubted) -> tuple[Judgements, Pause | None] | None:
        """Sent again at once instead of waiting until it can no longer arrive; not where a probe has shown since that
        its ring would not keep a second execution away."""
        assert self._settle_after is not None  # else nothing waits
        assert doubted.passage is not None  # a look at it told to send again
        if not self._going() or await contradicted(self._ledger, provider.programme, doubted.passage.lane):
            return None
        flying = Flying(
            *(self._ledger, provider, self._clock, self._quarantine, doubted.attempt_id, doubted.items),
            linger=self._settle_after,
            going=self._going,
            repeated=lambda: self._tell_again(doubted.batch_id),
            doubted=True,
        )
        self._sent_again = doubted.batch_id
        self._tell_again(doubted.batch_id)
        try:
            return await send_again(flying, doubted)
        finally:
            self._sent_again = None

    async def _told_apart(self, provider: Provider, doubted: Doubted, found: Judgements) -> Judgements:
        """With the accounts of those whom awards to others may have moved as well, if it is so of any."""
        logins = await self._ledger.evidence.to_tell_apart(doubted, found)
        if not logins:
            return found
        try:
            return replace(found, accounts=await provider.accounts(logins))
        except Exception:
            # As in reading evidence.
            log.exception("attempt %d: the accounts of its recipients could not be read", doubted.attempt_id)
            return found

    def _due_at(self, one: Waiting) -> float:
        """A trace in a lane can be looked at once; if it says nothing yet, once nobody can still be carrying the call
        out."""
        assert self._settle_after is not None  # else nothing waits
        ages = self._quarantine.ages
        if one.lane is not None:
            due = 0.0 if one.looks == 0 else self._quarantine.free_at(one.lost_until / 1000)
        else:
            due = ages.no_later(one.sent_at / 1000 + self._settle_after, self._settle_after)
        if one.looked_at is not None:
            delay = delay_before_look(one.looks)
            due = max(due, ages.no_later(one.looked_at / 1000 + delay, delay))
        left = self._quarantine.left()
        return max(due, self._clock.now() + left) if left else due

    async def _judge(self, provider: Provider, doubted: Doubted) -> tuple[Judgements, Step | None]:
        try:
            if doubted.passage is not None:
                no_more = await contradicted(self._ledger, provider.programme, doubted.passage.lane)
                return await look(provider, self._quarantine, doubted, in_order=no_more is None)
            return await provider.judge(doubted), None
        except Exception:
            # A defect of ours in reading must not stop the account; it ends like evidence that cannot be had.
            log.exception("attempt %d: its evidence could not be read", doubted.attempt_id)
            return _nothing(doubted, _DEFECT), None


ELSEWHERE: Final = "The settings no longer point to the account of this call, so it cannot be asked about."
_DEFECT: Final = "An internal error kept Bursar from reading the evidence."


def _nothing(doubted: Doubted, detail: str) -> Judgements:
    blind = Judged(Judgement.CANNOT_TELL, detail, {}, again=True)
    return Judgements({item.award_id: blind for item in doubted.items})
