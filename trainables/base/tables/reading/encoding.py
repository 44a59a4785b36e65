"""The encoding of a text file: UTF-8, UTF-16, CP949 or Windows-1252, found by strict decoding."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from search_spaces.errors import UserError

PIECE = 1 << 20  # bytes decoded at a time, so that a large text is not held twice
PROBED_BYTES = 64 * 1024
ASCII = re.compile(r"[\0-\x7f]+")
MAX_FOREIGN = 0.2  # of the letters may be unusual for an encoding before the text counts as another one
# Letters and signs of Western languages. Shift-JIS, GBK or Cyrillic bytes read as Windows-1252 give long runs of them,
# or others.
WESTERN = re.compile(r"[À-ÖØ-öø-ÿŠšŽžŒœŸ°²³¹µ·€£¥§©®™ªº¿¡«»–—‘’“”„…•±½¼¾´¨\xa0]")
WESTERN_RUN = re.compile(r"[^\0-\x7f]{3,}")
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class Encoding:
    """How the bytes of a text are read.

    Attributes:
        codec: Python's name of the encoding.
        start: bytes of the byte order mark.
        note: what the user should know, or nothing.
    """

    codec: str
    start: int = 0
    note: str = ""


def find_encoding(content: bytes, name: str) -> Encoding:
    """Return the encoding of a text.

    Args:
        content: the whole file.
        name: what errors call it.

    Raises:
        UserError: a binary file, or an encoding that is not read here.
    """
    wide = _WIDE.get(content[:2]) or _wide_without_mark(content[:PROBED_BYTES])
    if wide is not None:
        start = 2 if content[:2] in _WIDE else 0
        if _foreign_letters(content[start:], wide) is not None:
            return Encoding(wide, start)
    if b"\0" in content[:PROBED_BYTES]:
        raise UserError(f"'{name}' is a binary file. Give a CSV, TSV or Parquet file.")
    if _foreign_letters(content, "utf-8") is not None:
        return Encoding("utf-8", 3 if content.startswith(codecs.BOM_UTF8) else 0)
    korean = _foreign_letters(content, "cp949")
    if korean is not None and not _hardly_korean(korean):
        return Encoding("cp949")
    western = _foreign_letters(content, "cp1252")
    if western is not None and _is_western(western):
        return Encoding("cp1252", note="The text is not UTF-8: it is read as Windows-1252 (Western European).")
    raise UserError(f"'{name}' is not text in UTF-8, UTF-16, CP949 or Windows-1252. Save it as UTF-8.")


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: every second byte of mostly ASCII text is zero."""
    half = len(head) // 2
    for codec, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if half >= 4 and zeros.count(0) > half / 2 and head.count(0) == zeros.count(0):
            return codec
    return None


def _foreign_letters(content: bytes, codec: str) -> list[str] | None:
    """Return runs of letters beyond ASCII of the first piece that has any; None when the bytes do not decode."""
    found: list[str] = []
    try:
        for piece in _decoded(content, codec):
            found = found or [run for run in ASCII.split(piece) if run]
    except UnicodeDecodeError:
        return None
    return found


def _decoded(content: bytes, codec: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)()
    for start in range(0, len(content), PIECE):
        yield decoder.decode(content[start : start + PIECE])
    yield decoder.decode(b"", final=True)


def _hardly_korean(runs: list[str]) -> bool:
    """Return whether CP949 gives letters beyond EUC-KR, rare in Korean, as misread Shift-JIS or Latin-1 does."""
    letters = "".join(runs)
    codes = letters.encode("cp949")  # two bytes a letter; both are above 0xA0 in EUC-KR
    beyond = sum(lead < 0xA1 or trail < 0xA1 for lead, trail in zip(codes[::2], codes[1::2], strict=True))
    return beyond > MAX_FOREIGN * len(letters)


def _is_western(runs: list[str]) -> bool:
    """Return whether the letters are those of Western languages and are alone or in pairs between ASCII letters."""
    letters = "".join(runs)
    strange = len(letters) - len(WESTERN.findall(letters))
    in_runs = sum(len(run) for run in runs if WESTERN_RUN.fullmatch(run))
    return max(strange, in_runs) <= MAX_FOREIGN * len(letters)
