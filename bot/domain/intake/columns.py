"""Which column is who, how much and why: by name here, by what stands in them once the file was looked through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.intake import names
from bot.domain.intake.options import ReadingOptions
from bot.domain.model import RecipientType, Refusal
from bot.domain.quoting import listed, quoted


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file."""

    index: int
    name: str
    """As written in the header."""


@dataclass(frozen=True, slots=True)
class RecipientColumn(Column):
    """A column that could say who."""

    type: RecipientType | None
    """``None``: chosen by hand, and its name does not tell the type; or every row has its own."""
    type_column: Column | None = None
    """Where each row says of which type it is (an export)."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What the header's names say. Several recipient or amount columns are candidates."""

    header: tuple[str, ...]
    recipients: tuple[RecipientColumn, ...]
    amounts: tuple[Column, ...]
    """Empty: the amount was given beside the file."""
    reason: Column | None
    source: Column | None
    award_id: Column | None


def roles_of(header: Sequence[str], options: ReadingOptions) -> Roles | Refusal:
    """The roles of the columns, or why the header cannot be used."""
    refusal = _duplicated(header) or _misspelt(header, options)
    if refusal is not None:
        return refusal
    by_name = {names.known(name): Column(index, name) for index, name in reversed(list(enumerate(header)))}
    recipients = _recipients(header, options)
    if isinstance(recipients, Refusal):
        return recipients
    amounts = _amounts(header, options, {column.index for column in recipients})
    if isinstance(amounts, Refusal):
        return amounts
    taken = {column.index for column in (*recipients, *amounts)}
    reason = next(
        (by_name[name] for name in names.REASONS if name in by_name and by_name[name].index not in taken), None
    )
    typed = _typed(header)
    exported = None if typed is None else _column(header, names.EXPORTED_AWARD)
    return Roles(
        header=tuple(header),
        recipients=recipients,
        amounts=amounts,
        reason=reason,
        source=(None if typed is None else _column(header, names.VALUE_SOURCE)) or by_name.get(names.SOURCE),
        award_id=by_name.get(names.AWARD_ID) or exported,
    )


def _duplicated(header: Sequence[str]) -> Refusal | None:
    seen: dict[str, str] = {}
    for name in header:
        key = names.squeezed(name)
        if key and key in seen:
            both = f"Two columns are called {quoted(name)}"
            return Refusal(
                "duplicate-header", f"{both}, so it is not clear which one counts. Rename or remove one of them."
            )
        seen[key] = name
    return None


def _misspelt(header: Sequence[str], options: ReadingOptions) -> Refusal | None:
    chosen = {names.squeezed(name) for name in (options.recipient_column, options.amount_column) if name}
    for name in header:
        meant = None if names.squeezed(name) in chosen else names.nearly(name)
        if meant is not None:
            return Refusal(
                "misspelt-column",
                f"The column {quoted(name)} is named almost like {quoted(meant)}; leaving it out could pay the wrong "
                f"thing. Rename it to {meant} if that is meant, else to something quite different.",
            )
    return None


def _recipients(header: Sequence[str], options: ReadingOptions) -> tuple[RecipientColumn, ...] | Refusal:
    typed = _typed(header)
    if options.recipient_column is not None:
        index = _index_of(header, options.recipient_column)
        if index is None:
            return _not_there("no-recipient-column", options.recipient_column, header)
        if typed is not None and index == typed.index:
            return (typed,)
        type_ = names.RECIPIENTS.get(names.known(header[index]) or "")
        return (RecipientColumn(index, header[index], type_),)
    found = tuple(
        RecipientColumn(index, name, names.RECIPIENTS[known])
        for index, name in enumerate(header)
        if (known := names.known(name) or "") in names.RECIPIENTS
    )
    if found or typed is not None:
        return found if typed is None else (*found, typed)
    choices = _unknown(header)
    return Refusal(
        "no-recipient-column",
        "No column says who. Name one of them discord_id (or drip_id, wallet, email, twitter_id, custom, customer_id)"
        f"{', or choose it' if choices else ''}.",
        choices,
    )


def _typed(header: Sequence[str]) -> RecipientColumn | None:
    """The column of recipients whose types stand beside them."""
    value, type_ = _column(header, names.VALUE), _column(header, names.TYPE)
    return None if value is None or type_ is None else RecipientColumn(value.index, value.name, None, type_)


def _column(header: Sequence[str], name: str) -> Column | None:
    index = _index_of(header, name)
    return None if index is None else Column(index, header[index])


def _amounts(header: Sequence[str], options: ReadingOptions, taken: set[int]) -> tuple[Column, ...] | Refusal:
    if options.amount_column is not None:
        index = _index_of(header, options.amount_column)
        if index is None:
            return _not_there("no-amount-column", options.amount_column, header)
        if index in taken:
            return _says_who(header[index], tuple(name for at, name in enumerate(header) if name and at not in taken))
        return (Column(index, header[index]),)
    found = tuple(
        Column(index, name)
        for index, name in enumerate(header)
        if names.known(name) in names.AMOUNTS and index not in taken
    )
    if found and options.amount is not None:
        columns = tuple(column.name for column in found)
        return Refusal(
            "choose-amount",
            f"An amount was given, and the file has its own in {listed(columns)}. "
            "Choose the column, or send the file without it.",
            columns,
        )
    if found or options.amount is not None:
        return found
    says_how_much = next((index for index in taken if names.known(header[index]) in names.AMOUNTS), None)
    if says_how_much is not None:
        return _says_how_much(says_how_much, header)
    choices = tuple(name for name in _unknown(header) if _index_of(header, name) not in taken)
    step = "Name one of them amount, choose it" if choices else "Add one called amount"
    return Refusal("no-amount-column", f"No column says how much. {step} or give one amount for all rows.", choices)


def _index_of(header: Sequence[str], wanted: str) -> int | None:
    """By the header as written, else by any spelling of it."""
    if wanted in header:
        return header.index(wanted)
    key = names.squeezed(wanted)
    return next((index for index, name in enumerate(header) if key and names.squeezed(name) == key), None)


def _not_there(kind: str, wanted: str, header: Sequence[str]) -> Refusal:
    there = tuple(name for name in header if name)
    return Refusal(kind, f"There is no such column as {quoted(wanted)}. Choose one of {listed(there)}.", there)


def _says_who(name: str, others: tuple[str, ...]) -> Refusal:
    """The column that was chosen for the amounts is the one of the recipients."""
    step = f"Choose {_one_of(others)}" if others else "Add a column with the amounts"
    message = (
        f"The column {quoted(name)} says who and cannot also say how much. {step}, or give one amount for all rows."
    )
    return Refusal("no-amount-column", message, others)


def _says_how_much(index: int, header: Sequence[str]) -> Refusal:
    """The column that was chosen for the recipients is the only one of the amounts."""
    others = tuple(name for at, name in enumerate(header) if name and at != index)
    step = f"Choose {_one_of(others)}" if others else "Add a column with the recipients"
    message = f"The column {quoted(header[index])} says how much and cannot also say who. {step}."
    return Refusal("no-recipient-column", message, others)


def _one_of(columns: tuple[str, ...]) -> str:
    return quoted(columns[0]) if len(columns) == 1 else f"one of {listed(columns)}"


def _unknown(header: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in header if name and names.known(name) is None)
