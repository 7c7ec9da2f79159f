"""Keeps this process from sending while another machine may be: what the signs of life mean, made so.

Discord's side (``ui.sign_of_life``) reads the signs and writes ours; this decides. While nobody has looked yet, while
another one sends, and when our own lease is over, ``Standing`` is closed. An older copy, and a ledger that another
machine took over from, is marked in the ledger itself, so that the command line sends nothing either.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.clock import Clock
from bot.domain import lead
from bot.domain.lead import Judged, Sign, State, Verdict
from bot.domain.model import Actor
from bot.ledger.ledger import Ledger
from bot.ledger.restorations import Why
from bot.services.standing import Standing

log = logging.getLogger(__name__)

LOOKING: Final = "Bursar has just started and looks whether another machine is at work."
UNSEEN: Final = (
    "Discord cannot be reached, so nobody can tell whether another machine is at work. Bursar goes on once it can."
)
UNREAD: Final = (
    "The staff channel's messages cannot be read, so nobody can tell whether another machine is at work. Bursar goes on"
    " once they can be: give it “Read Message History” there, or choose another staff channel with /settings."
)
UNLISTED: Final = (
    "Discord fails to list the staff channel's messages, so nobody can tell whether another machine is at work. Bursar"
    " goes on once it can. Where that does not pass, choose an empty private channel with /settings: cards without a"
    " frame are posted there, which Discord can list."
)
PATIENCE_SECONDS: Final = 60.0
"""How long a start waits for Discord before those who wait for it are told."""
LAPSED: Final = (
    "Bursar could not give a sign of life in Discord for a while, so another machine may have taken over. It goes on as"
    " soon as Discord can be reached and nobody has."
)
_WHY: Final = {
    Verdict.ALIVE: "Another machine gives signs of life (ledger {ledger}), and two that send would pay twice.",
    Verdict.OLDER: "This ledger is an older copy: its own sign of life tells of entry {seq}, which it does not have.",
    Verdict.OTHER: "Another ledger ({ledger}) sent from this server before, and what it paid is not known here.",
    Verdict.LOST: "Another machine took over (ledger {ledger}).",
}
_YIELDING: Final = "Taking over: waiting until the other machine can have no call under way any more."


@dataclass(frozen=True, slots=True)
class Stand:
    """How things stand, for a card."""

    verdict: Verdict
    why: str | None
    """Why nothing is sent; ``None``: it is."""
    by: Sign | None = None
    """Whose sign that is about."""
    is_second: bool = False
    """Whether that one is alive, and answers people too: this one then leaves that to it."""


class Leading:
    """One process's part among all that could send."""

    def __init__(self, ledger: Ledger, clock: Clock, standing: Standing) -> None:
        self._ledger = ledger
        self._clock = clock
        self._standing = standing
        self._sign: Sign | None = None  # ours while we lead
        self._opened = False
        self._began = 0.0  # monotonic seconds
        self._taker: Actor | None = None
        self.pressed = asyncio.Event()
        """Somebody let this process take over."""
        self.stand = Stand(Verdict.LEAD, None)

    @property
    def home(self) -> str:
        """Names this process among those that could send."""
        return self._ledger.home

    @property
    def is_open(self) -> bool:
        """Whether this process leads, and has seen since it began to that nobody else could still be sending."""
        return self._sign is not None and self._opened

    async def begin(self) -> None:
        """Before the first call: nothing is sent until the others were looked for, where there is a place for signs."""
        if await self._ledger.settings.everywhere("staff_channel_id"):
            self._began = self._clock.monotonic()
            self._standing.close(LOOKING, settled=False)

    def unseen(self, why: str = UNSEEN) -> None:
        """Nobody could be looked for. Who waits for that is told why after a while."""
        waited = self._clock.monotonic() - self._began
        if not self._opened and not self._standing.is_settled and waited >= PATIENCE_SECONDS:
            self._standing.close(why)

    def alone(self) -> None:
        """There is no staff channel, so there is no place for signs: everything may be sent."""
        self._sign = None
        self.stand = Stand(Verdict.LEAD, None)
        self._standing.open()

    async def take_over(self, actor: Actor) -> None:
        """An administrator is sure that nobody else sends, or is to be the one who sends no more."""
        if self._sign is None:
            self._taker = actor
            self.pressed.set()

    async def judge(self, signs: Sequence[Sign], now: float | None) -> Sign:
        """What our own sign has to say now. ``now``: Discord's clock, ``None`` before it is known."""
        here = self._clock.now()  # at the moment of ``now``, however long the ledger is waited for below
        self.pressed.clear()
        if self._taker is not None and self._sign is None:
            await self._claim_by(self._taker)
            return await self._lead(lead.next_term(signs))
        known = await self._ledger.receipts.known({(sign.seq, sign.hash) for sign in signs})
        ledger_id, agreed = await self._ledger.queries.ledger_id(), await self._agreed(here, now)
        me = lead.Self(ledger_id, self.home, self._sign, lambda seq, begin: (seq, begin) in known, agreed)
        judged = lead.judge(me, signs, now)
        if judged.verdict is Verdict.LEAD:
            return await self._lead(self._sign.term if self._sign is not None else lead.next_term(signs))
        return await self._give_way(judged, now)

    def written(self, signs: Sequence[Sign], began: float, now: float | None) -> bool:
        """Our sign stands in the channel as ``judge`` said, written from ``began`` (monotonic) on; ``signs`` were read
        after that. Whether calls may be made now."""
        if self._sign is None:
            return False
        if not self._opened and not lead.may_open(self.home, signs, now):
            self.stand = Stand(Verdict.ALIVE, _YIELDING)
            self._standing.close(_YIELDING)
            return False
        if not self._opened:
            log.info("nobody else is at work: calls may be made (term %d)", self._sign.term)
        self._opened = True
        self.stand = Stand(Verdict.LEAD, None)
        self._standing.open(until=began + lead.LEASE_SECONDS, lapsed=LAPSED)
        return True

    async def ended(self) -> Sign | None:
        """The last sign of an orderly end; ``None`` where we did not lead."""
        if self._sign is None:
            return None
        self._standing.close("Bursar is stopping.")
        return await self._own(self._sign.term, State.ENDED)

    # --- inner parts ----------------------------------------------------------------------------------------------

    async def _lead(self, term: int) -> Sign:
        if self._sign is None:
            self._opened = False
            if self.stand.why is not None:
                self.stand = Stand(Verdict.ALIVE, _YIELDING)  # no longer why it stood by
        self._sign = await self._own(term, State.LEADS)
        return self._sign

    async def _claim_by(self, actor: Actor) -> None:
        self._taker = None
        log.warning("%s let this machine take over", actor.name)
        await self._ledger.restorations.sign_off(actor.name, actor.id)
        detail: dict[str, object] = {"machine": self.home}
        await self._ledger.steering.note(
            "taken-over", batch_id=None, server_id=actor.server_id, actor=actor, detail=detail
        )

    async def _give_way(self, judged: Judged, now: float | None) -> Sign:
        by = judged.by
        assert by is not None  # every verdict but LEAD is about a sign
        why = _WHY[judged.verdict].format(ledger=by.ledger, seq=by.seq)
        led = self.is_open
        if self.stand.why != why:
            log.warning("nothing is sent: %s", why)
        self._sign, self._opened = None, False
        self._standing.close(f"{why} Nothing is sent from here.")
        self.stand = Stand(judged.verdict, why, by, by.home != self.home and lead.is_fresh(by, now))
        if judged.verdict is Verdict.OLDER:
            await self._ledger.restorations.suspect(Why.OLDER)
        elif led:
            await self._ledger.restorations.suspect(Why.SUPERSEDED)
            # What stands in the sign tells the other one that it may begin: not before our last call is recorded.
            await self._standing.until_idle()
        return await self._own(by.term, State.STANDS_BY)

    async def _own(self, term: int, state: State) -> Sign:
        head = await self._ledger.receipts.head()
        return Sign(await self._ledger.queries.ledger_id(), self.home, term, head.seq, head.hash[:16], state)

    async def _agreed(self, here: float, now: float | None) -> float:
        """Up to when, by Discord's clock, somebody has signed off what others did. Our own clock may be wrong, but it
        knows how much time has passed since: ``here`` and ``now`` are both clocks at one moment."""
        signed_at = await self._ledger.restorations.signed_at()
        if signed_at is None:
            return 0.0
        return (here if now is None else now) - (here - signed_at / 1000)
