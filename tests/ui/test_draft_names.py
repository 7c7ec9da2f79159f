"""What drafts are called in lists."""

from __future__ import annotations

import pytest

from bot.ui.draft_names import ListedDraft, draft_choice, draft_line
from tests.support.previews import draft

NAMELESS = {"label": None, "file_name": None, "reason": None}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"source": "paste"}, "pasted rows"),
        ({"source": "retry", "parent_id": 5}, "rows of batch 5 again"),
        ({"source": "undo", "parent_id": 5}, "takes batch 5 back"),
        ({"source": "retry", "parent_id": 5, "reason": "Quest"}, "rows of batch 5 again · Quest"),
    ],
)
def test_only_what_was_pasted_is_called_so(changes: dict[str, object], named: str) -> None:
    listed = ListedDraft(draft(**{**NAMELESS, **changes}))
    assert draft_line(listed).startswith(f"- Draft 7 · {named} · by mod · ")
    assert draft_choice(listed, {})[0] == f"Draft 7 · {named}"
