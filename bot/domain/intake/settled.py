"""Everything the second pass has to know about the file."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.intake import names
from bot.domain.intake.columns import Column, RecipientColumn, Roles
from bot.domain.intake.layout import Layout
from bot.domain.intake.options import FileFacts
from bot.domain.intake.recipients import guess_type
from bot.domain.intake.rounding import Verdict
from bot.domain.intake.survey import AmountSurvey, RecipientSurvey
from bot.domain.model import RecipientType


@dataclass(frozen=True, slots=True)
class Who:
    """A column that says who, with everything known about it."""

    index: int
    name: str
    type: RecipientType
    rounding: Verdict
    type_column: Column | None = None
    """Where each row has a type of its own; ``type`` is then only what most files have."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Which column is what, for certain."""

    layout: Layout
    who: tuple[Who, ...]
    capable: tuple[int, ...]
    """Every column that could have said who: a row with any of them filled is no total."""
    amount: Column | None
    decimal_mark: str | None
    thousandths: bool
    """Amounts are written with three decimals here and there."""
    reason: Column | None
    source: Column | None
    award_id: Column | None
    contested: bool
    """Many rows fill several columns of ``who``: one of them is probably meant for all."""

    @property
    def exported(self) -> bool:
        """Whether the file has the columns of an export: of which type a recipient is stands in its row."""
        return any(one.type_column is not None for one in self.who)

    @property
    def width(self) -> int:
        return len(self.layout.header)


def settle(
    layout: Layout,
    roles: Roles,
    recipients: tuple[RecipientSurvey, ...],
    amount: AmountSurvey | None,
    accepts: frozenset[RecipientType] | None,
    *,
    contested: bool,
) -> Settled:
    """Put together what the header and the survey say."""
    who = tuple(
        Who(one.column.index, one.column.name, _type(one, accepts), one.rounding.verdict(), one.column.type_column)
        for one in recipients
    )
    capable = {index for index, name in enumerate(layout.header) if names.known(name) in names.RECIPIENTS}
    custom = any(one.type is RecipientType.CUSTOM or one.type_column is not None for one in who)
    return Settled(
        layout=layout,
        who=who,
        capable=tuple(sorted(capable | {one.index for one in who})),
        amount=None if amount is None else amount.column,
        decimal_mark=None if amount is None else amount.decimal_mark,
        thousandths=amount is not None and amount.thousandths,
        reason=roles.reason,
        source=roles.source if custom else None,
        award_id=roles.award_id,
        contested=contested,
    )


def _type(one: RecipientSurvey, accepts: frozenset[RecipientType] | None) -> RecipientType:
    column: RecipientColumn = one.column
    if column.type is None and column.type_column is None and names.is_about_twitter(column.name):
        return RecipientType.TWITTER_ID
    return column.type or guess_type(one.sample, frozenset(RecipientType) if accepts is None else accepts)


def facts_of(settled: Settled) -> FileFacts:
    """The same, for people."""
    layout = settled.layout
    used = [*settled.who, settled.amount, settled.reason, settled.source, settled.award_id]
    taken = {column.index for column in used if column is not None}
    ignored = tuple(
        name
        for index, name in enumerate(layout.header)
        if name and index not in taken and names.known(name) not in names.OURS
        if not (settled.exported and names.normalised(name) in names.EXPORTED)
    )
    return FileFacts(
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        header_line=layout.header_line,
        columns=layout.header,
        recipient_column=settled.who[0].name,
        recipient_type=settled.who[0].type,
        amount_column=_name(settled.amount),
        reason_column=_name(settled.reason),
        source_column=_name(settled.source),
        award_id_column=_name(settled.award_id),
        ignored=ignored,
        other_recipient_columns=tuple(one.name for one in settled.who[1:]),
        contested=settled.contested,
    )


def _name(column: Column | None) -> str | None:
    return None if column is None else column.name
