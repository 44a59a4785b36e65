"""Reading a user's table: CSV, TSV or Parquet, gzipped or not, in UTF-8 or CP949, whatever its delimiter."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from search_spaces.errors import UserError

DELIMITERS = (",", "\t", ";", "|")
SNIFFED = 64 * 1024  # bytes at the beginning that tell the delimiter
OTHER_TEXT = {
    "JSON": re.compile(r"\s*[\[{]\s*([\[{\"\d}\]-]|null|true|false)"),
    "HTML or XML": re.compile(r"\s*<[a-z!?]", re.IGNORECASE),
}
EXCEL_HINT = re.compile(r"\"?sep=(\t|[^\w\s\"'])\"?\r?\n", re.IGNORECASE)  # the first line that Excel writes or wants
ASCII = re.compile(r"[\0-\x7f]+")
FOREIGN = 0.2  # share of letters that Korean hardly has from which a text that decodes as CP949 is another encoding
MISSING = ["?"]  # beside what pandas takes for missing: empty, NA, N/A, nan, null, None, ...


def read_table_file(path: Path) -> pd.DataFrame:
    """A table file as a DataFrame; raises ``UserError`` that says what is wrong with it, see ``read_table_bytes``."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"The table '{path}' does not exist. Give the path of a CSV, TSV or Parquet file.") from error
    except OSError as error:
        raise UserError(f"The table '{path}' cannot be read: {error.strerror}.") from error
    return read_table_bytes(content, str(path))


def read_table_bytes(content: bytes, name: str, fewest_columns: int = 2, as_text: Collection[str] = ()) -> pd.DataFrame:
    """The bytes of a table file as a DataFrame with distinct, stripped column names.

    Args:
        content: CSV, TSV or Parquet by content, not by name; plain or gzipped; text in UTF-8 (with or without byte
            order mark), UTF-16 with one, or CP949.
        name: what errors call it.
        fewest_columns: a text with fewer is taken for one with a strange delimiter.
        as_text: columns of a text whose cells stay as they are written, even where all look like plain numbers.

    Raises:
        UserError: empty, damaged, another kind of file or encoding, no delimiter found, duplicate column names, or a
            row that is longer than the header.
    """
    content = _unpacked(content, name)
    if not content.strip():
        raise UserError(f"'{name}' is empty. Give a table with a header line and rows.")
    if content[:4] == b"PK\x03\x04":
        raise UserError(f"'{name}' is an Excel workbook or a ZIP archive. Save it as CSV (UTF-8) or Parquet.")
    parquet = content[:4] == b"PAR1"
    frame = _parquet(content, name) if parquet else _text(content, name, fewest_columns, as_text)
    if not len(frame):
        raise UserError(f"'{name}' has a header but no rows.")
    return frame


def _unpacked(content: bytes, name: str) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"'{name}' is a damaged gzip file: {error}.") from error


def _parquet(content: bytes, name: str) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"'{name}' is a damaged Parquet file: {str(error).rstrip('.')}.") from error
    columns = _checked_names([str(column) for column in table.column_names], name)
    frame: pd.DataFrame = table.rename_columns(columns).to_pandas(ignore_metadata=True)
    for column in frame.select_dtypes("timedelta"):
        frame[column] = frame[column].dt.total_seconds() / 3600  # hours, as times of day are read
    return frame


def _text(content: bytes, name: str, fewest_columns: int, as_text: Collection[str]) -> pd.DataFrame:
    encoding = _encoding(content, name)
    head = content[:SNIFFED].decode(encoding, errors="ignore")
    other = next((sort for sort, start in OTHER_TEXT.items() if start.match(head)), None)
    if other is not None:
        raise UserError(f"'{name}' is {other} and no table. Save it as CSV, TSV or Parquet.")
    complete = len(content) <= SNIFFED
    lines = head.splitlines() if complete else head.splitlines()[:-1] or [head]
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise UserError(f"'{name}' is empty. Give a table with a header line and rows.")
    hint = EXCEL_HINT.match(head)
    if hint is not None and len(lines) > 1:
        lines = lines[1:]
    delimiter = _delimiter(lines, name, fewest_columns) if hint is None else hint[1]
    header = _checked_names(next(csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)), name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            frame = pd.read_csv(
                io.BytesIO(content),
                sep=delimiter,
                encoding=encoding,
                names=header,
                header=0 if hint is None else 1,
                index_col=False,
                dtype=dict.fromkeys(as_text, str),
                na_values=MISSING,
                low_memory=False,
            )
    except pd.errors.ParserWarning as error:
        raise UserError(f"'{name}' has rows with more cells than its header names. Name every column.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).strip().rstrip(".").removeprefix("Error tokenizing data. C error: ")
        raise UserError(
            f"'{name}' is no table with {len(header)} columns parted by {_named(delimiter)}: {reason}."
        ) from error
    return frame


def _encoding(content: bytes, name: str) -> str:
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and b"\0" in content[:SNIFFED]:
        raise UserError(f"'{name}' is a binary file. Give a CSV, TSV or Parquet file.")
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp949"):
        decoder = codecs.getincrementaldecoder(encoding)()
        foreign = ""
        try:
            for start in range(0, len(content), 1 << 20):  # piecewise: a large text is not held twice
                piece = decoder.decode(content[start : start + (1 << 20)])
                foreign = foreign or ASCII.sub("", piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        if encoding == "cp949" and _hardly_korean(foreign):
            break
        return encoding
    raise UserError(f"'{name}' is no text in UTF-8 or CP949. Save it as UTF-8.")


def _hardly_korean(letters: str) -> bool:
    """Whether CP949 gives letters beyond EUC-KR, which Korean hardly uses: Shift-JIS or Latin-1 read as CP949 does."""
    codes = letters.encode("cp949")  # two bytes a letter; both are above 0xA0 in EUC-KR
    beyond = sum(lead < 0xA1 or trail < 0xA1 for lead, trail in zip(codes[::2], codes[1::2], strict=True))
    return beyond > FOREIGN * len(letters)


def _delimiter(lines: list[str], name: str, fewest_columns: int) -> str:
    """The delimiter that gives the header the most cells that the following rows have too."""
    scores = {}
    for delimiter in DELIMITERS:
        widths = [len(row) for row in _rows(lines[:50], delimiter)]
        agreeing = sum(width == widths[0] for width in widths)
        scores[delimiter] = (agreeing / len(widths) if widths[0] > 1 else 0.0, widths[0])
    best = max(DELIMITERS, key=lambda delimiter: scores[delimiter])
    if scores[best][0] == 0 and fewest_columns > 1:
        raise UserError(
            f"'{name}' has a single column, or a delimiter that is not known: its first line is '{lines[0][:60]}'. "
            "Part columns by comma, tab, semicolon or |."
        )
    return best


def _rows(lines: list[str], delimiter: str) -> Iterable[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return [[""]]  # a cell longer than the reader takes: not this delimiter


def _checked_names(names: list[str], name: str) -> list[str]:
    names = [" ".join(column.split("\n")).strip() or f"Unnamed: {i}" for i, column in enumerate(names)]
    twice = [column for column, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"'{name}' has more than one column named {', '.join(map(repr, twice))}. Rename all but one.")
    return names


def _named(delimiter: str) -> str:
    return {",": "comma", "\t": "tab", ";": "semicolon"}.get(delimiter, delimiter)
