"""Bytes: what kind of file they are, and which encoding reads them."""

from __future__ import annotations

import codecs
import re
from typing import Final

from bot.domain.intake.pieces import Content, head, holds, pieces
from bot.domain.model import Refusal

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
GUESSED: Final = "windows-1252"
"""What is taken where nothing proves an encoding: Excel writes it in the west, and other ones elsewhere."""
_UNDEFINED_1252: Final = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
"""Bytes without a meaning in Windows-1252 (unicode.org/Public/MAPPINGS/VENDORS/MICSFT/WINDOWS/CP1252.TXT)."""


def refuse_binary(content: Content) -> Refusal | None:
    """Files that are no text, named for what they are."""
    begins = head(content)
    if begins.startswith(b"PK\x03\x04"):
        return _zipped(content, begins)
    for magic, name in _ARCHIVES:
        if begins.startswith(magic):
            return Refusal("binary", f"This is {name}, not a CSV. {_UNPACK}")
    if begins.startswith(_OLE):
        return Refusal("binary", f"This is an old Excel workbook (.xls), not a CSV. {_AS_CSV}")
    if begins.startswith(b"%PDF-"):
        return Refusal("binary", f"This is a PDF, not a CSV. {_TABLE_ITSELF}")
    if begins.startswith(_PICTURES):
        return Refusal("binary", f"This is a picture, not a CSV. {_TABLE_ITSELF}")
    return None


def _zipped(content: Content, begins: bytes) -> Refusal:
    # Names of packed files stand uncompressed in the archive's directory at its end, and before each file.
    if holds(content, b"xl/"):
        name = "an Excel workbook (.xlsx)"
    elif b"opendocument.spreadsheet" in begins:
        name = "an OpenDocument spreadsheet (.ods)"
    elif holds(content, b"Index/"):
        name = "a Numbers spreadsheet (.numbers)"
    else:
        return Refusal("binary", f"This is a zip archive, not a CSV. {_UNPACK}")
    return Refusal("binary", f"This is {name}, not a CSV. {_AS_CSV}")


def refuse_no_text(content: Content, encoding: str) -> Refusal | None:
    """What is left after ``refuse_binary``: bytes of no text file, and text of another kind than a table."""
    begins = head(content)
    wide = encoding.startswith("utf-16")
    if not wide and (len(_CONTROL.findall(begins)) * 20 > len(begins) or holds(content, b"\0")):
        return Refusal("binary", f"This is not a text file. {_AS_CSV}")
    text = begins.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
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


def encoding_of(content: Content) -> str:
    """``utf-8-sig``, ``utf-8``, ``utf-16-le``, ``utf-16-be``; ``windows-1252`` for everything that is none of them."""
    begins = head(content)
    if begins.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if begins.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if begins.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    # A table of ids and numbers in UTF-16 is nearly all ASCII: every second byte is NUL.
    low, high = begins[1::2].count(0), begins[0::2].count(0)
    if low * 10 > len(begins) * 3 and high * 10 < len(begins):
        return "utf-16-le"
    if high * 10 > len(begins) * 3 and low * 10 < len(begins):
        return "utf-16-be"
    return "utf-8" if _decodes(content, "utf-8") else GUESSED


def has_unreadable(content: Content, encoding: str) -> bool:
    """Whether some bytes are no text in this encoding (they are then read as U+FFFD)."""
    if encoding == GUESSED:
        return holds(content, *_UNDEFINED_1252)
    return not _decodes(content, encoding)


def _decodes(content: Content, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for piece in pieces(content):
            decoder.decode(piece)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True
