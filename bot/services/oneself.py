"""Who the person that looks at a draft is to its service, so that an award to themselves is recognised however a row
names them. What is known of that is in the ledger."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bot.clock import Clock
from bot.domain.judging import goes_by_credential
from bot.domain.model import Actor, Award, Recipient, RecipientType
from bot.errors import Refused, ResolutionFailed
from bot.ledger.drafts import Draft
from bot.ledger.ledger import Ledger
from bot.providers.base import Provider
from bot.services.staging import MEMBER_AGE_MAX_SECONDS

NOBODY_FOR_SECONDS: Final = 600.0
"""How long it counts that the service knows no such person: they may be linked there any time."""
FAILED_FOR_SECONDS: Final = 60.0
_TOLD_BY_THEMSELVES: Final = frozenset({RecipientType.DISCORD_ID})


class Likeness(Enum):
    """How well the rows of a draft can be compared with a person."""

    TOLD = "told"
    UNASKED = "unasked"  # the service was not asked yet who they are there
    FAILED = "failed"  # it gave no answer
    NOBODY = "nobody"  # it knows nobody by their Discord account


@dataclass(frozen=True, slots=True)
class _Answer:
    likeness: Likeness
    until: float
    """Monotonic seconds; then it is asked again."""


class Oneself:
    """What is known of people who may not award themselves."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._answers: dict[tuple[str, str], _Answer] = {}

    async def likeness(self, draft: Draft, provider: Provider, actor: Actor) -> Likeness:
        """Whether a row that names this person in another way than by the Discord id would be recognised. Asks nobody.

        Of bare credentials nobody can tell whose they are: the preview warns of each kind of them.
        """
        traits = provider.programme.kind.traits
        if not traits.names_people or await self._only_discord_ids(draft):
            return Likeness.TOLD
        own = _own(actor)
        if not provider.needs_lookup:
            return Likeness.NOBODY if _written_target(provider, own) is None else Likeness.TOLD
        account = provider.programme.destination.account
        if await self._known(account, own) is not None:
            return Likeness.TOLD
        answer = self._answers.get((account, own.key))
        if answer is None or answer.until <= self._clock.monotonic():
            return Likeness.UNASKED
        return answer.likeness

    async def ask(self, draft: Draft, provider: Provider, actor: Actor) -> None:
        """Ask the service who the person is, where that is not known; a failure is told by ``likeness``."""
        if await self.likeness(draft, provider, actor) is not Likeness.UNASKED:
            return
        try:
            await self._looked_up(provider, _own(actor))
        except ResolutionFailed:
            self._note(provider, _own(actor), Likeness.FAILED, FAILED_FOR_SECONDS)

    async def target(self, draft: Draft, provider: Provider, actor: Actor) -> str | None:
        """What a call would name for the person, however a row names them; ``None`` where only the Discord id tells.

        Raises ``Refused`` when the service cannot say.
        """
        return await self._target(await self._ledger.drafts.types_paid(draft.id), provider, actor)

    async def own(self, awards: Sequence[Award], provider: Provider, actor: Actor) -> Sequence[Award]:
        """Which of these awards give the person something. Raises as ``target`` does."""
        target = await self._target({award.recipient.type for award in awards}, provider, actor)
        key = _own(actor).key
        return [
            award
            for award in awards
            if award.amount > 0 and (award.recipient.key == key or (target is not None and award.target == target))
        ]

    async def _target(self, types: Set[RecipientType], provider: Provider, actor: Actor) -> str | None:
        own = _own(actor)
        if provider.needs_lookup:
            known = await self._known(provider.programme.destination.account, own)
            if known is not None or types <= _TOLD_BY_THEMSELVES:
                return known
            try:
                return await self._looked_up(provider, own)
            except ResolutionFailed as failed:
                raise Refused(
                    f"nothing was sent: it cannot be checked whether a row pays yourself. {failed.message}",
                    hint="Try again later, or let somebody who may award themselves confirm it.",
                ) from failed
        return _written_target(provider, own) if provider.programme.kind.traits.names_people else None

    async def _only_discord_ids(self, draft: Draft) -> bool:
        return await self._ledger.drafts.types_paid(draft.id) <= _TOLD_BY_THEMSELVES

    async def _known(self, account: str, own: Recipient) -> str | None:
        known = await self._ledger.members.known(account, [own.key], max_age_seconds=MEMBER_AGE_MAX_SECONDS)
        return known.get(own.key)

    async def _looked_up(self, provider: Provider, own: Recipient) -> str | None:
        """The person as the service knows them; ``None`` when it does not. Raises ``ResolutionFailed``."""
        found = (await provider.resolve([own], patient=False)).found.get(own.key)
        if found is None or goes_by_credential(found.target):
            self._note(provider, own, Likeness.NOBODY, NOBODY_FOR_SECONDS)
            return None if found is None else found.target
        await self._ledger.members.remember(provider.programme.destination.account, {own.key: found.target})
        return found.target

    def _note(self, provider: Provider, own: Recipient, likeness: Likeness, seconds: float) -> None:
        account = provider.programme.destination.account
        self._answers[account, own.key] = _Answer(likeness, self._clock.monotonic() + seconds)


def _own(actor: Actor) -> Recipient:
    return Recipient(RecipientType.DISCORD_ID, actor.id)


def _written_target(provider: Provider, own: Recipient) -> str | None:
    try:
        return provider.target(own)
    except ValueError:
        return None  # not in the customer map
