"""The facts of a draft as lines of text, for its preview card and for the staff channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.domain.budgets import Period
from bot.domain.drafting import Alike, DraftTotals, EarlierBatch, Matches, StagedRow
from bot.domain.intake import DELIMITER_NAMES, ENCODING_NAMES
from bot.domain.model import Duplicates, Notice, RecipientType
from bot.services import records
from bot.services.approving import ApprovalState
from bot.services.previewing import ELSEWHERE, matched_words
from bot.services.submitting import Preview
from bot.ui.text import count, duration, escape, listing, local_times, named_as, plain, points, sentence, when

UNRESOLVED_SHOWN: Final = 5
SHOWN_WARNINGS: Final = 6

TYPE_WORDS: Final = {
    RecipientType.DISCORD_ID: "Discord ids",
    RecipientType.DRIP_ID: "Drip ids",
    RecipientType.WALLET: "wallets",
    RecipientType.EMAIL: "e-mail addresses",
    RecipientType.TWITTER_ID: "Twitter ids",
    RecipientType.CUSTOM: "custom credentials",
    RecipientType.CUSTOMER_ID: "customer ids",
}

DUPLICATE_WORDS: Final = {
    Duplicates.SUM: "Add them up: one award each",
    Duplicates.APART: "Keep them apart: one award a row",
    Duplicates.ONCE: "Pay equal rows once",
    Duplicates.REFUSE: "Treat them as bad rows",
}


def members_title(preview: Preview) -> str:
    """The heading of a draft that names members: how many get and lose points."""
    totals = preview.totals
    if not totals.rows:
        return "Nothing was sent."
    if totals.rows and totals.deductions == totals.rows:
        return f"Take points from {count(totals.rows, 'member')}"
    if totals.deductions:
        return f"Award {count(totals.rows - totals.deductions, 'member')}, take from {totals.deductions:,}"
    return f"Award {count(totals.rows, 'member')}"


def totals_line(preview: Preview) -> str:
    """``**1,203 awards** to 1,198 recipients · **60,150 points** in total``. What is taken is told apart from what is
    given: their difference would look like a small batch."""
    totals, unit = preview.totals, preview.programme.unit
    line = f"**{count(totals.rows, 'award')}** to {count(totals.recipients, 'recipient')}"
    if not totals.deductions:
        line += f" · **{points(totals.total, unit)}** in total"
    elif totals.given:
        line += f" · **{points(totals.given, unit)}** given, **{points(totals.taken, unit)}** taken"
    else:
        line += f" · **{points(totals.taken, unit)}** taken in total"
    if totals.lines > totals.rows:
        line += f" · from {count(totals.lines, 'row')}"
    if totals.deductions:
        line += f"\n**{_takers(totals)} points away**"
        if totals.may_take_less:
            line += " · no more than there is: the result says where it was less"
    return line


def _takers(totals: DraftTotals) -> str:
    if totals.deductions < totals.rows:
        return count(totals.deductions, "of them takes", "of them take")
    return "It takes" if totals.rows == 1 else "All of them take"


def wish_lines(preview: Preview, title: str) -> list[str]:
    """Where to, for which period, why."""
    draft = preview.draft
    period = f" · **Period** {escape(draft.label, 60)}" if draft.label else ""
    lines = [f"**To** {escape(title, 60)}{period}"]
    if draft.reason:
        lines.append(f"**Reason** {escape(draft.reason, 200)}")
    return lines


def people_lines(preview: Preview, strangers: frozenset[str] = frozenset()) -> list[str]:
    """The largest rows and the first five. ``strangers`` as for ``warning_lines``; a mistyped id may be one."""
    if not preview.sample:
        return []
    unit = preview.programme.unit
    first = ", ".join(_named(row, strangers) for row in preview.sample)
    more = preview.totals.rows - len(preview.sample)
    lines = [f"**For** {first}{f' and {more:,} more' if more > 0 else ''}"]
    if preview.totals.rows > 1:
        largest = ", ".join(f"{_named(row, strangers)} · {points(row.amount, unit)}" for row in preview.largest)
        lines.append(f"**Largest** {largest}")
    # Who has no account is told by the warnings already.
    named = {row.recipient.value for row in (*preview.sample, *preview.largest) if row.unresolved is None}
    if nobody := len(named & strangers):
        are = count(nobody, "of these is no member", "of these are no members")
        lines.append(f"⚠ {are} of this server, written out as {'its id' if nobody == 1 else 'their ids'}; look twice")
    return lines


def found_lines(preview: Preview) -> list[str]:
    """How the file was understood."""
    facts = preview.facts
    if facts is None:
        return []
    amount = f"how much: `{_code(facts.amount_column)}`" if facts.amount_column else "the same amount for every row"
    parts = [
        f"header in row {facts.header_line}",
        f"who: `{_code(facts.recipient_column)}` ({TYPE_WORDS[facts.recipient_type]})"
        + "".join(f" or `{_code(name)}`" for name in facts.other_recipient_columns),
        amount,
    ]
    if facts.reason_column:
        parts.append(f"why: `{_code(facts.reason_column)}`")
    if facts.award_id_column:
        parts.append(f"continues an earlier batch by `{_code(facts.award_id_column)}`")
    layout = DELIMITER_NAMES.get(facts.delimiter, f"`{_code(facts.delimiter)}`")
    lines = [
        f"**Found** {' · '.join(parts)}",
        f"-# {ENCODING_NAMES.get(facts.encoding, escape(facts.encoding, 20))}, separated by {layout}",
    ]
    if facts.ignored:
        names = ", ".join(f"`{_code(name)}`" for name in facts.ignored[:8])
        more = f" and {len(facts.ignored) - 8} more" if len(facts.ignored) > 8 else ""
        lines[-1] += f" · ignored, but kept for the result: {names}{more}"
    return lines


def warning_lines(preview: Preview, strangers: frozenset[str] = frozenset()) -> list[str]:
    """What a moderator should know that stops nothing. Ignored columns are told by ``found_lines``.

    A mention of one of the ``strangers`` would show as nobody's name: their ids are written out.
    """
    told = [warning for warning in preview.warnings if warning.kind != "unknown-column" or preview.facts is None]
    lines = [f"⚠ {_notice(warning)}" for warning in told[:SHOWN_WARNINGS]]
    if len(told) > SHOWN_WARNINGS:
        lines.append(f"⚠ … and {len(told) - SHOWN_WARNINGS} more")
    if preview.totals.unresolved:
        names = ", ".join(_named(row, strangers) for row in preview.unresolved[:UNRESOLVED_SHOWN])
        reported = " and will be reported as refused" if preview.good_rows else ""
        more = preview.totals.unresolved - min(UNRESOLVED_SHOWN, len(preview.unresolved))
        nobody = count(preview.totals.unresolved, "recipient has", "recipients have")
        whose = f"{names}{f' and {more:,} more' if more > 0 else ''}"
        lines.append(f"⚠ {nobody} no account to send to{reported}: {whose}{_why_nobody(preview)}")
    return lines


def _why_nobody(preview: Preview) -> str:
    """The reason, where it is the same of all that are at hand: some say what to do instead."""
    reasons = {row.unresolved for row in preview.unresolved if row.unresolved}
    return f". {sentence(escape(reasons.pop(), 160))}" if len(reasons) == 1 else ""


def parted_lines(preview: Preview) -> list[str]:
    """That the amounts may have been read as something else than was meant: nobody says yes without having seen it."""
    return [f"⚠ {_notice(warning)}" for warning in preview.warnings if warning.kind == "parted-amount"]


def _named(row: StagedRow, strangers: frozenset[str]) -> str:
    return named_as(row.recipient, strangers)


def problem_lines(preview: Preview) -> list[str]:
    """The bad rows, with spreadsheet row and reason."""
    bad = preview.totals.problems
    if not bad:
        return []
    of_file = preview.draft.source != "award"
    members = records.members_of(preview.draft)
    shown = [_alike(problems, "row") if of_file else _alike_of(problems, members) for problems in preview.problems]
    if of_file:
        head = f"**{count(bad, 'row is bad and stops', 'rows are bad and stop')} the send**"
    else:
        head = f"**{count(bad, 'member is', 'members are')} left out**"
    one_more = preview.kinds_of_problems - len(shown) == 1
    noun = "other kind of problem" if one_more else "other kinds of problems"
    return [head, *listing(shown, preview.kinds_of_problems, noun=noun)]


def _alike(problems: Alike, noun: str) -> str:
    """``Row 17, `amount`: … · the same kind in rows 18, 19 and 7 more``."""
    first = problems.first
    column = f", `{_code(first.column)}`" if first.column else ""
    line = f"{noun.capitalize()} {first.line:,}{column}: {escape(first.message, 160)}"
    if not problems.next:
        return line
    more = problems.lines - 1 - len(problems.next)
    others = ", ".join(f"{one:,}" for one in problems.next)
    rows = f"{noun}{'s' if problems.lines > 2 else ''} {others}{f' and {more:,} more' if more else ''}"
    return f"{line} · the same kind in {rows}"


def _alike_of(problems: Alike, members: Sequence[str]) -> str:
    """``@a: … · the same kind for @b, @c and 7 more``: nobody counts who was the third in a command."""
    if problems.first.line > len(members):
        return _alike(problems, "member")
    line = f"<@{members[problems.first.line - 1]}>: {escape(problems.first.message, 160)}"
    if not problems.next:
        return line
    more = problems.lines - 1 - len(problems.next)
    others = ", ".join(f"<@{members[one - 1]}>" for one in problems.next)
    return f"{line} · the same kind for {others}{f' and {more:,} more' if more else ''}"


def limit_lines(preview: Preview) -> list[str]:
    """Why the draft as a whole cannot be sent."""
    why = preview.over_limit or preview.taken_back
    return [] if why is None else [f"⛔ {local_times(sentence(escape(why, 240)))}"]


def approval_lines(preview: Preview, *, again: bool = False) -> list[str]:
    """Why a second person is needed, and how far that is. ``again``: to pay rows a second time, while that is the
    question."""
    approval = preview.approval
    why = preview.again_why if again else preview.approval_why
    if approval is not None and (preview.why_with(approval.flags) is None or (again and "a" not in approval.flags)):
        approval = None  # one person may do that by now, or it is not what is asked here
    if approval is not None and approval.state in (ApprovalState.ASKED, ApprovalState.APPROVED):
        why = approval.why  # may be about less than the draft has, or about more than the other buttons
    lines = [] if why is None else [f"**Needs a second person**: {escape(why, 200)}"]
    if approval is None:
        return lines
    by = escape(approval.decided_by or "", 60)
    if approval.state is ApprovalState.ASKED:
        asked = f"Asked by {escape(approval.asked_by, 60)} {when(approval.asked_at, 'R')} in the staff channel."
        where = "open it from there" if again else "*Look again* offers"
        lines.append(f"{asked} Once somebody approved it, {where} to send it.")
    elif approval.state is ApprovalState.APPROVED:
        lines.append(f"✓ Approved by **{by}**, until {when(approval.expires_at)} and only as it is now.")
    elif approval.state is ApprovalState.REFUSED:
        parts = {"a": "to have anybody paid a second time", "d": "to have only those paid who were not yet"}
        what = next((words for letter, words in parts.items() if letter in approval.flags), "it")
        lines.append(f"⛔ **{by}** refused {what}.")
    return lines


def campaign_lines(preview: Preview) -> list[str]:
    """Who was paid under the same label before, whatever the amount."""
    rows = preview.campaign.rows
    if not rows:
        return []
    noun = counted(preview)
    what = f"1 {noun} is for a recipient" if rows == 1 else f"{rows:,} {noun}s are for recipients"
    lines = [f"{what} already paid for “{escape(preview.draft.label or '', 60)}”, whatever the amount."]
    if preview.approval_why is None and preview.rest_why is not None:
        lines.append(f"**Sending only to the others needs a second person**: {escape(preview.rest_why, 200)}")
    return lines


def budget_lines(preview: Preview) -> list[str]:
    """What of the reader's budgets this takes."""
    unit = preview.programme.unit
    return [
        f"**Budget** this uses {points(use.asked, unit)} of the {points(use.left, unit)} that you have left "
        f"{'today' if use.period is Period.DAY else f'this {use.period.value}'}"
        for use in preview.budgets
        if not use.exceeded
    ]


def counted(preview: Preview) -> str:
    """What is counted where earlier awards are told of: rows, as the file has them, unless several became one award."""
    return "award" if preview.totals.lines > preview.totals.rows else "row"


def match_lines(preview: Preview) -> list[str]:
    """What was already paid lately, by whom and when."""
    matches = preview.matches
    if not matches.rows:
        return []
    if preview.matches_harmless:
        earlier = ", ".join(
            ELSEWHERE if one.elsewhere else f"batch {one.batch_id} ({escape(one.label or '', 40)})"
            for one in matches.batches[:3]
        )
        return [f"The same people and amounts as {earlier}, for another period."]
    noun = "member" if preview.draft.source == "award" else counted(preview)
    if preview.totals.rows == 1 and noun == "member":
        return [f"**The same {matched_words(matches)}**", *_earlier(matches, None)]
    head = f"**{count(matches.rows, noun)} {matched_words(matches)}**"
    rest = preview.totals.rows - matches.rows
    unpaid = points(preview.totals.total - matches.total, preview.programme.unit)
    nothing = "Nothing else is in it." if matches.any_unsettled else "Nothing in it is unpaid."
    left = f"Not yet paid: **{count(rest, noun)}**, {unpaid}" if rest > 0 else nothing
    return [head, *_earlier(matches, noun), left, *_taken_up_lines(preview)]


def _taken_up_lines(preview: Preview) -> list[str]:
    """Why nothing can be paid a second time where rows name awards that somebody else sent again meanwhile."""
    if not preview.taken_up:
        return []
    it = "it" if preview.taken_up == 1 else "them"
    return [f"{count(preview.taken_up, 'row was', 'rows were')} sent again meanwhile, so this draft cannot send {it}."]


def _earlier(matches: Matches, noun: str | None) -> list[str]:
    """The batches, each with how many ``noun`` of it."""
    shown = [
        f"{_named_batch(one)}{f' · {count(one.rows, noun)}{_unsettled(one)}' if noun else ''}"
        f"{'' if one.elsewhere else f' · by {escape(one.actor_name, 40)}'}, {when(one.recorded_at)}"
        for one in matches.batches[:3]
    ]
    return listing(shown, len(matches.batches), noun="more batches")


def _named_batch(batch: EarlierBatch) -> str:
    if batch.elsewhere:
        return ELSEWHERE
    return f"batch {batch.batch_id}" + (f" · {escape(batch.label, 40)}" if batch.label else "")


def _unsettled(batch: EarlierBatch) -> str:
    return f" ({batch.unsettled:,} under way, in doubt or written off)" if 0 < batch.unsettled < batch.rows else ""


def plan_line(preview: Preview) -> str:
    """``13 calls · about 40 s · Free plan, 24 requests a minute``."""
    plan = preview.schedule
    parts = [count(plan.calls, "call"), duration(plan.seconds), escape(preview.pace.plan, 80)]
    if plan.reads:
        parts.insert(0, f"up to {count(plan.reads, 'request')} to read balances")
    if plan.lookups:
        parts.insert(0, count(plan.lookups, "look-up"))
    if plan.month_share is not None:
        share = f"{plan.month_share:.2%}" if plan.month_share >= 0.0001 else "under 0.01%"
        parts.append(f"{share} of the month's requests")
    return f"**Plan** {' · '.join(parts)}"


def expiry_line(preview: Preview) -> str:
    """Until when the draft can be sent, and where it is found again."""
    draft = preview.draft
    return f"-# Draft {draft.id} · kept until {when(draft.expires_at)} · reopen it with `/batch list`"


def _notice(warning: Notice) -> str:
    text = escape(warning.message[:1].upper() + warning.message[1:], 240)
    if not warning.lines:
        return text
    rows = ", ".join(f"{line:,}" for line in warning.lines[:5])
    more = f" and {len(warning.lines) - 5:,} more" if len(warning.lines) > 5 else ""
    return f"{text} ({'row' if len(warning.lines) == 1 else 'rows'} {rows}{more})"


def _code(text: str) -> str:
    """For inside back-ticks, where nothing can be escaped."""
    return plain(text, 40).replace("`", "ˋ") or " "
