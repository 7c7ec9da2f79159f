"""The table of ``dispatch_table``, row by row."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.services.dispatch_table import CASES, Case
from tests.services.neighbour import Neighbour, programme_of
from tests.services.rig import rig


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
async def test_a_batch_ends_as_the_table_says(case: Case, tmp_path: Path) -> None:
    programme = programme_of(case.style, per_call=case.per_call)
    async with rig(tmp_path / "ledger.db", partial(Neighbour, programme, **case.meets)) as it:
        batch_id = await it.record(range(1, case.awards + 1))
        it.start()
        await it.quiet(batch_id)
        truth = it.neighbour.truth
        assert await it.states(batch_id) == case.states
        assert await it.applied(batch_id) == case.landed
        assert len(truth.calls) == case.calls
        assert await it.state(batch_id) == case.batch
        assert len(it.told.pauses) == case.told
        assert truth.inspected == case.inspected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_no_row_of_the_table_breaks_the_promise(case: Case) -> None:
    assert len(case.states) == len(case.landed) == case.awards
    for state, landed in zip(case.states, case.landed, strict=True):
        assert landed in {"A": "1", "P": "0", "R": "0", "U": "01"}[state]
