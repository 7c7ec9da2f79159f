"""Which of several candidate columns counts, by what the survey found in them. What cannot be told is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bot.domain.intake import names
from bot.domain.intake.options import ReadingOptions
from bot.domain.intake.survey import AmountSurvey, RecipientSurvey, Survey
from bot.domain.model import RecipientType, Refusal
from bot.domain.quoting import listed, quoted

_Candidate = TypeVar("_Candidate")


def choose_recipients(survey: Survey, options: ReadingOptions) -> tuple[RecipientSurvey, ...] | Refusal:
    """The column that says who; several, where they are of different types: a row uses the one or the other.

    A column that is empty throughout cannot be who, nor a column of display names beside one with ids, nor one of a
    type that the programme does not take and that no row relies on. Two columns of one type that both have ids are
    one column twice, and refused.
    """
    candidates = survey.recipients
    if len(candidates) > 1:
        candidates = _any_of(candidates, [one for one in candidates if one.filled])
        candidates = _any_of(candidates, [one for one in candidates if one.plausible or not _is_discord(one)])
        accepts = options.accepts
        if accepts is not None:
            candidates = _any_of(candidates, [one for one in candidates if one.alone or one.column.type in accepts])
    if len({one.column.type for one in candidates}) == len(candidates):
        return candidates
    if are_used_in_turn(candidates, survey):
        return candidates
    columns = tuple(one.column.name for one in candidates)
    return Refusal(
        "choose-recipient", f"{listed(columns)} could each say who gets the points. Choose one of them.", columns
    )


def refuse_names(
    recipients: Sequence[RecipientSurvey], header: Sequence[str], options: ReadingOptions
) -> Refusal | None:
    """The one column that says who has names of members throughout, and another one, by its own name, ids."""
    only = recipients[0]
    if len(recipients) > 1 or options.recipient_column is not None or not _is_discord(only):
        return None
    if only.plausible or not only.filled:
        return None
    choices = tuple(name for name in header if names.known(name) is None and names.is_about_ids(name))
    if not choices:
        return None
    taken = names.known(only.column.name) == "discord_id"
    return Refusal(
        "no-recipient-column",
        f"The column {quoted(only.column.name)} has names in it and no ids, so no column says who. Choose the one that"
        f" has the ids ({listed(choices)}), or {'let the two change names' if taken else 'rename it to discord_id'}.",
        choices,
    )


def are_used_in_turn(candidates: Sequence[RecipientSurvey], survey: Survey) -> bool:
    """Whether each column names the recipients of some rows, and few rows have several of them filled."""
    return len(candidates) == 1 or (
        all(one.alone for one in candidates) and survey.shared * 2 <= sum(one.alone for one in candidates)
    )


def choose_amount(survey: Survey) -> AmountSurvey | Refusal | None:
    """The column that says how much; ``None`` when the amount was given beside the file."""
    candidates = survey.amounts
    if len(candidates) > 1:
        candidates = _any_of(candidates, [one for one in candidates if one.filled])
    if len(candidates) <= 1:
        return candidates[0] if candidates else None
    columns = tuple(one.column.name for one in candidates)
    return Refusal("choose-amount", f"{listed(columns)} could each say how much. Choose one of them.", columns)


def _any_of(before: Sequence[_Candidate], after: Sequence[_Candidate]) -> tuple[_Candidate, ...]:
    """``after``, unless that leaves nothing."""
    return tuple(after or before)


def _is_discord(one: RecipientSurvey) -> bool:
    return one.column.type is RecipientType.DISCORD_ID
