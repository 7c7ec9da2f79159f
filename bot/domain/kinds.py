"""Every kind of problem, notice and refusal about a file or its rows, and what it means.

The names are for programs (``check --json``) and for counting; people read the message. A kind is never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROBLEM_KINDS: Final[Mapping[str, str]] = {
    "bad-recipient": "the cell does not name a recipient of its column's type",
    "damaged-id": "a spreadsheet rounded or rewrote the id, or it lies outside Discord's clock",
    "two-recipients": "the row names more than one recipient",
    "no-recipient": "the row has nobody to pay",
    "no-source": "a custom credential without its source",
    "wrong-type": "the programme does not take this type of recipient",
    "bad-amount": "the cell is not a number",
    "ambiguous-amount": "1.000 or 1,000, and nothing else in the file says which mark groups thousands",
    "fraction": "a fraction where whole points are needed, or more than two decimals of money",
    "over-limit": "the amount is above the limit for one award, or beyond what is exact (2**53)",
    "bad-award-id": "the award_id cell is not the number of an award",
    "extra-cells": "the row has more cells than the header, or a number behind the amount in a column without a name",
    "quotes": "quotation marks that do not pair up, or that make one cell of the whole row",
    "too-long": "the line is longer than any row can be",
    "above-header": "a row with a recipient stands above the header, or of another table there",
    "other-table": "the row is, or stands below, another header that has its columns in other places",
    "duplicate": "the recipient appears in several rows, and the choice was not to pay that",
    "unknown-award": "the award_id names no award of this server",
    "repeated-award": "another recipient's row already continues this award",
    "written-off": "the award_id names an award in doubt that was given up, so that it may have been paid",
    "taken-back": "the award_id names an award that an undo took back",
    "reversal": "the award_id names an award that took another one back, which only an undo sends again",
    "other-award": "the award_id names an award that is paid, under way or in doubt, of another recipient or amount,"
    " or one that was sent again without this row",
    "self-award": "the person who sends may not award themselves",
    "nothing-to-pay": "an amount of zero in a list of members (in a file it is a notice)",
}

NOTICE_KINDS: Final[Mapping[str, str]] = {
    "parted-amount": "amounts that a comma may have parted, as 1,250 into 1 and the reason 250; as read, 1 is paid",
    "other-amount": "columns that say by their names how much, beside the one that is paid",
    "unknown-column": "columns that are not used, kept for the result file",
    "own-column": "columns with the name of one that result files add; they are not used, and not kept",
    "nameless-column": "rows with something in a column without a name; it is not used, but kept for the result file",
    "choose-recipient": "columns of different types that rows fill at once; one of them can be chosen for all rows",
    "nothing-to-pay": "rows whose amount is zero or blank, or whose amounts add up to zero",
    "control-total": "rows that were read as the file's own total, with the result of the comparison",
    "suspected-rounding": "ids that look rounded, too few of them to be sure",
    "reason-shortened": "reasons that were too long and were cut",
    "unreadable-text": "bytes that are no text in the file's encoding, or recipients that depend on a guessed one",
    "duplicate": "recipients that appear in several rows, and what becomes of them",
    "already-awarded": "rows that continue an award which is paid, under way or in doubt; they are not sent",
    "self-award": "rows that cannot be compared with whoever confirms, who may not award themselves",
    "halted": "an emergency stop is in force: nothing is sent before an administrator releases it",
    "in-doubt": "recipients of whom an earlier award is in doubt; nothing is sent to them until that is settled",
    "month-quota": "more requests than are left of the month's",
}

REFUSAL_KINDS: Final[Mapping[str, str]] = {
    "binary": "a workbook, an archive, a picture: no text",
    "not-csv": "text of another kind: HTML, XML, JSON, RTF",
    "too-big": "more bytes than allowed",
    "too-many-rows": "more rows than allowed",
    "no-rows": "nothing below the header that could be sent",
    "no-header": "no row with column names at the top, or all of them in one cell",
    "no-recipient-column": "no column says who, or only by names, beside a column that may have the ids",
    "no-amount-column": "no column says how much, and no amount was given",
    "duplicate-header": "two columns have one name",
    "misspelt-column": "a column is named almost like one that Bursar knows",
    "choose-recipient": "several columns of one type could be who",
    "choose-amount": "several columns could be how much, or an amount was given beside a column",
    "control-total": "the file's own total is not the sum of its rows",
    "unusable": "the file was not judged: it could not be read, or the settings are wrong",
}
