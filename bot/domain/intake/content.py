"""Bytes: what kind of file they are, and which encoding reads them."""

from __future__ import annotations

import codecs
import re
from typing import Final

from bot.domain.model import Refusal

_HEAD: Final = 4096
_SLICE: Final = 64 * 1024
_AS_CSV: Final = "Open it in the spreadsheet program and choose File > Download (or Save as) > CSV, then send that."
_TABLE_ITSELF: Final = "Send the table itself: in the spreadsheet program, File > Download (or Save as) > CSV."
_UNPACK: Final = "Unpack it and send the CSV that is inside."

_ARCHIVES: Final = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
)
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_OLE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_MARKUP: Final = re.compile(r"<(?:!doctype|html|head|body|table|meta|\?xml|!--)[\s>/-]?", re.IGNORECASE)
_JSON: Final = re.compile(r"""\{\s*(?:["}]|\Z)|\[\s*(?:[{\["\]]|-?[0-9]+\s*[,\]]|true|false|null)""")
_CONTROL: Final = re.compile(rb"[\x01-\x08\x0e-\x19\x1b-\x1f]")
_UNDEFINED_1252: Final = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
"""Bytes without a meaning in Windows-1252 (unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT)."""


def refuse_binary(content: bytes) -> Refusal | None:
    """Files that are no text, named for what they are."""
    if content.startswith(b"PK\x03\x04"):
        return _zipped(content)
    for magic, name in _ARCHIVES:
        if content.startswith(magic):
            return Refusal("binary", f"This is {name}, not a CSV. {_UNPACK}")
    if content.startswith(_OLE):
        return Refusal("binary", f"This is an old Excel workbook (.xls), not a CSV. {_AS_CSV}")
    if content.startswith(b"%PDF-"):
        return Refusal("binary", f"This is a PDF, not a CSV. {_TABLE_ITSELF}")
    if content.startswith(_PICTURES):
        return Refusal("binary", f"This is a picture, not a CSV. {_TABLE_ITSELF}")
    return None


def _zipped(content: bytes) -> Refusal:
    # Names of packed files stand uncompressed in the archive's directory at its end, and before each file.
    if b"xl/" in content:
        name = "an Excel workbook (.xlsx)"
    elif b"opendocument.spreadsheet" in content[:_HEAD]:
        name = "an OpenDocument spreadsheet (.ods)"
    elif b"Index/" in content:
        name = "a Numbers spreadsheet (.numbers)"
    else:
        return Refusal("binary", f"This is a zip archive, not a CSV. {_UNPACK}")
    return Refusal("binary", f"This is {name}, not a CSV. {_AS_CSV}")


def refuse_no_text(content: bytes, encoding: str) -> Refusal | None:
    """What is left after ``refuse_binary``: bytes of no text file, and text of another kind than a table."""
    head = content[:_HEAD]
    wide = encoding.startswith("utf-16")
    if not wide and (b"\0" in content or len(_CONTROL.findall(head)) * 20 > len(head)):
        return Refusal("binary", f"This is not a text file. {_AS_CSV}")
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    name = None
    if _MARKUP.match(text):
        name = "XML" if text[:5].lower() == "<?xml" else "HTML (a web page)"
    elif _JSON.match(text):
        name = "JSON"
    elif text.startswith("{\\rtf"):
        name = "RTF (a word processor's text)"
    if name is None:
        return None
    return Refusal("not-csv", f"This is {name}, not a CSV. Export the table again and choose CSV as the format.")


def encoding_of(content: bytes) -> str:
    """``utf-8-sig``, ``utf-8``, ``utf-16-le``, ``utf-16-be``; ``windows-1252`` for everything that is none of them."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if content.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    head = content[:_HEAD]
    # A table of ids and numbers in UTF-16 is nearly all ASCII: every second byte is NUL.
    low, high = head[1::2].count(0), head[0::2].count(0)
    if low * 10 > len(head) * 3 and high * 10 < len(head):
        return "utf-16-le"
    if high * 10 > len(head) * 3 and low * 10 < len(head):
        return "utf-16-be"
    return "utf-8" if _decodes(content, "utf-8") else "windows-1252"


def has_unreadable(content: bytes, encoding: str) -> bool:
    """Whether some bytes are no text in this encoding (they are then read as U+FFFD)."""
    if encoding == "windows-1252":
        return any(byte in content for byte in _UNDEFINED_1252)
    return not _decodes(content, encoding)


def _decodes(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    view = memoryview(content)
    try:
        for start in range(0, len(content), _SLICE):
            decoder.decode(view[start : start + _SLICE])
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True
