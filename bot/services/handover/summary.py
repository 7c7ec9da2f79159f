"""A preview and a batch's standing as JSON: what the command line shows, whether it asked itself or a running bot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

from bot.domain.amounts import canonical
from bot.domain.drafting import EarlierBatch, StagedRow
from bot.domain.jsonable import Json, problems_json, recipient_json, time_json, warnings_json
from bot.domain.model import Problem, Unit
from bot.ledger.lanes import HeldLane
from bot.services.batches import BatchView
from bot.services.previewing import Preview, describe_matches, matched_words

MAX_PROBLEMS: Final = 10_000
"""Problems that are listed one by one; ``problem_rows`` counts them all."""


def preview_json(preview: Preview, problems: Sequence[Problem], matched: Sequence[int]) -> Json:
    """Everything that a person has to see before confirming. Ids are strings, amounts canonical strings.

    ``matched``: every original line of the rows that earlier batches have. None is left out: who takes only some of
    them out of the file pays the others.
    """
    unit, totals, draft = preview.programme.unit, preview.totals, preview.draft
    return {
        "draft": str(draft.id),
        "content_hash": draft.content_hash,
        "programme": preview.programme.name,
        "unit": unit.value,
        "label": draft.label,
        "reason": draft.reason,
        "file": _file(preview),
        "refused": None if preview.refused is None else asdict(preview.refused),
        "over_limit": preview.over_limit,
        "rows": totals.rows,
        "sendable": preview.good_rows,
        "recipients": totals.recipients,
        "deductions": totals.deductions,
        "may_take_less": totals.may_take_less,
        "total": canonical(totals.total, unit),
        "given": canonical(totals.given, unit),
        "taken": canonical(totals.taken, unit),
        "pending": totals.pending,
        "unresolved_rows": totals.unresolved,
        "unresolved": _rows(preview.unresolved, unit),
        "largest": _rows(preview.largest, unit),
        "problem_rows": totals.problems,
        "problems": problems_json(problems[:MAX_PROBLEMS]),
        "warnings": warnings_json(preview.warnings),
        "matched": {**_matched(preview), "lines": list(matched)},
        "plan": _plan(preview),
    }


def standing_json(view: BatchView) -> Json:
    """How a recorded batch stands."""
    unit = view.batch.destination.unit
    pause = view.batch.pause
    return {
        "batch": str(view.batch.id),
        "programme": view.batch.programme,
        "unit": unit.value,
        "state": view.batch.state.value,
        "pause": None if pause is None else {"kind": pause.kind.value, "message": pause.message},
        "total": canonical(view.batch.total, unit),
        "receipt": view.code or None,
        "counts": view.counts.as_json(),
        "sums": {state.value: canonical(amount, unit) for state, amount in view.sums.items()},
        "doing": view.activity.doing.value,
        "doing_detail": view.activity.detail,
        "calls_left": view.calls_left,
        "seconds_left": view.seconds_left,
        "held_back": {
            "awards": view.held_back.awards,
            "doubts": [str(award_id) for award_id in view.held_back.doubts],
            "in_doubt": view.held_back.in_doubt,
            "batches": [str(batch_id) for batch_id in view.held_back.batches],
        },
        "held_lane": _held_lane(view.held_lane),
    }


def _held_lane(held: HeldLane | None) -> Json | None:
    if held is None:
        return None
    return {"kind": held.kind.value, "batch": str(held.batch_id), "paused": held.is_paused, "left": held.is_left}


def _file(preview: Preview) -> Json:
    facts: Json = {}
    if preview.facts is not None:
        facts = {**asdict(preview.facts), "choices": list(preview.facts.recipient_choices)}
    return {"name": preview.draft.file_name, "sha256": preview.draft.file_sha256, **facts}


def _rows(rows: Iterable[StagedRow], unit: Unit) -> list[Json]:
    return [
        {
            "line": row.line,
            "recipient": recipient_json(row.recipient),
            "amount": canonical(row.amount, unit),
            "unresolved": row.unresolved,
        }
        for row in rows
    ]


def _matched(preview: Preview) -> Json:
    matches = preview.matches
    return {
        "rows": matches.rows,
        "mark": matches.mark,
        "blocking": preview.blocking_matches,
        "total": canonical(matches.total, preview.programme.unit),
        "message": describe_matches(matches) if matches.rows else None,
        "became": matched_words(matches),
        "batches": [_earlier(batch) for batch in matches.batches],
    }


def _earlier(batch: EarlierBatch) -> Json:
    return {
        "batch": str(batch.batch_id),
        "by": batch.actor_name,
        "at": time_json(batch.recorded_at),
        "label": batch.label,
        "rows": batch.rows,
        "unsettled": batch.unsettled,
    }


def _plan(preview: Preview) -> Json:
    plan = preview.schedule
    return {
        "pace": preview.pace.plan,
        "calls": plan.calls,
        "lookups": plan.lookups,
        "reads": plan.reads,
        "seconds": plan.seconds,
        "month_share": plan.month_share,
    }
