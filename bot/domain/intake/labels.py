"""Labels of rows that sum up others, in the languages of most spreadsheets: nobody to pay is called so."""

from __future__ import annotations

import re
from typing import Final

from bot.domain.intake.names import visible

_SUBTOTALS: Final = frozenset(
    ("subtotal", "subtotals", "sub total", "sub-total", "zwischensumme", "sous-total", "suma częściowa", "subtotale",
     "subtotaal", "ara toplam", "подытог", "промежуточный итог", "小計", "小计", "소계")
)  # fmt: skip
_TOTALS: Final = _SUBTOTALS.union(
    ("total", "totals", "sum", "sums", "grand total", "total amount", "total points", "sum total", "summe", "gesamt",
     "gesamtsumme", "gesamtergebnis", "insgesamt", "total général", "somme", "suma", "suma końcowa", "razem", "łącznie",
     "suma total", "total general", "total geral", "totale", "totaal", "eindtotaal", "toplam", "genel toplam", "итого",
     "всего", "общий итог", "разом", "усього", "合計", "総計", "合计", "总计", "總計", "합계", "총계", "총합계",
     "celkem", "összesen", "végösszeg", "totalt", "totalsumma", "yhteensä", "i alt", "ukupno", "skupaj", "общо",
     "spolu", "σύνολο", "σ", "∑", "jumlah", "tổng", "tổng cộng", "المجموع", "รวม")
)  # fmt: skip
"""Each of them is the whole label."""
_OTHERS: Final = re.compile(
    r"""(?: average | mean | median | count | durchschnitt | mittelwert | anzahl | moyenne | promedio | średnia
          | ortalama | media[ ]aritmética | 平均
          | (?: grand[ ]total | totals? | subtotals? | sum[ ]of | gesamt(?:summe)? | (?:zwischen)?summe | toplam | итого
              | всего )
            [ ] .+ )""",
    re.VERBOSE,
)
"""Labels of other statistics, and of totals that say of what."""
_COUNT: Final = re.compile(r"\s*\([^()]*\)$")
"""``(12 rows)`` behind the label."""
_LONGEST: Final = 30


def is_total_label(text: str) -> bool:
    """Whether a cell says that its row is the total of the others."""
    return not text.isdigit() and len(text) <= _LONGEST and _label(text) in _TOTALS


def is_subtotal_label(text: str) -> bool:
    """Whether a cell says that its row is the total of some of the others."""
    return _label(text) in _SUBTOTALS


def sums_up(text: str) -> bool:
    """Whether a cell that should name somebody says that its row tells of others, as a total or another statistic."""
    return len(text) <= _LONGEST and (is_total_label(text) or _OTHERS.fullmatch(_label(text)) is not None)


def _label(text: str) -> str:
    label = visible(text).strip("*").rstrip(" :=")
    return (_COUNT.sub("", label) if label[-1:] == ")" else label).casefold()
