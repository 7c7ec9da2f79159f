"""Files to rows and problems. Pure and streaming: bytes in, values out; it reads no clock and keeps no rows.

Two passes over the content: ``read`` finds out what the file is (encoding, delimiter, header, which column is who and
how much, how numbers are written, whether ids are damaged as a whole); ``Reading.entries`` then streams every record as
a good row or a problem.

```
pieces      the bytes, a piece at a time
content     what the bytes are, their encoding        columns   roles by the header's names
records     lines and cells, whatever the quotes      survey    first pass: counts; rounding: are ids damaged
layout      delimiter and header row                  choosing  which candidate column counts
names       column names and near misses              judge     second pass: rows and problems (cells: their parts)
recipients  cells to recipients                       tally     the ending: totals, warnings
```
"""

from __future__ import annotations

from bot.domain.intake.cells import REASON_MAX
from bot.domain.intake.options import DELIMITER_NAMES, ENCODING_NAMES, Ending, FileFacts, ReadingOptions
from bot.domain.intake.pieces import Content, Held, as_content, pieces, sha256_of
from bot.domain.intake.reading import Reading, original_records, read
from bot.domain.kinds import NOTICE_KINDS, PROBLEM_KINDS, REFUSAL_KINDS

__all__ = [
    "DELIMITER_NAMES",
    "ENCODING_NAMES",
    "NOTICE_KINDS",
    "PROBLEM_KINDS",
    "REASON_MAX",
    "REFUSAL_KINDS",
    "Content",
    "Ending",
    "FileFacts",
    "Held",
    "Reading",
    "ReadingOptions",
    "as_content",
    "original_records",
    "pieces",
    "read",
    "sha256_of",
]
