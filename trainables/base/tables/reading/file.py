"""Reading a user's table: CSV, TSV or Parquet, gzipped or not, whatever its encoding, delimiter and layout."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from search_spaces.errors import UserError
from trainables.base.contract.files.bounded_input import read_file, unpack_gzip
from trainables.base.tables.reading.encoding import Encoding, find_encoding
from trainables.base.tables.reading.layout import BLANKS, MAX_NAMED, Layout, find_layout, is_junk, named

GZIP = b"\x1f\x8b"
PROBED_BYTES = 64 * 1024  # at the beginning, which tell the layout
MAX_PROBED = 64 * PROBED_BYTES  # where the first lines are longer than that
HEAD_LINES = 3
OTHER_TEXT = {
    "JSON": re.compile(r"\s*[\[{]\s*([\[{\"\d}\]-]|null|true|false)"),
    "HTML or XML": re.compile(r"\s*<[a-z!?]", re.IGNORECASE),
}
_ADDRESS = re.compile(r"[a-z][a-z\d+.-]+:/", re.IGNORECASE)  # https://, s3://; a path has one slash of them
_ZERO_FIRST = re.compile(rb"(?:^|[\s\",;|])0\d")  # a code such as 00489, which is not the number 489


@dataclass(frozen=True)
class TableFile:
    """A table as read.

    Attributes:
        frame: with distinct, stripped column names.
        notes: what was repaired or guessed, a sentence each.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_table_file(path: Path, *, header: bool = True) -> TableFile:
    """Read a table file; raises ``UserError`` that says what is wrong with it, see ``read_table_bytes``."""
    try:
        content = read_file(path, str(path))
    except FileNotFoundError as error:
        if _ADDRESS.match(str(path)) is not None:
            raise UserError(f"The table '{path}' is an address, but tables are files. Download it first.") from error
        raise UserError(f"The table '{path}' does not exist. Give the path of a CSV, TSV or Parquet file.") from error
    except IsADirectoryError as error:
        raise UserError(f"The table '{path}' is a folder. Give the path of a CSV, TSV or Parquet file.") from error
    except OSError as error:
        raise UserError(f"The table '{path}' cannot be read: {error.strerror}.") from error
    return read_table_bytes(content, str(path), header=header)


def column_list(frame: pd.DataFrame) -> str:
    """Return the names of a table's columns, at most ``MAX_NAMED`` of them, for an error message."""
    names = [str(name) for name in frame.columns]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def read_table_bytes(
    content: bytes,
    name: str,
    *,
    header: bool = True,
    fewest_columns: int = 2,
    fewest_rows: int = 1,
    verbatim: bool = False,
) -> TableFile:
    """Read the bytes of a table file.

    Args:
        content: CSV, TSV or Parquet by content, not by name; plain or gzipped; text in UTF-8 or UTF-16 (with or without
            byte order mark), CP949 or Windows-1252.
        name: what errors call it.
        header: whether a text has a line of names; without one its columns are ``column_1``, ``column_2``, ...
        fewest_columns: a text with fewer has an unknown delimiter.
        fewest_rows: 0 if a header alone is a table too.
        verbatim: whether the cells of a text stay as they are written, empty ones as empty text. Otherwise numbers and
            booleans are converted where a whole column allows it, and empty cells are missing. Words such as NA are
            text either way: whether they mean a missing cell depends on the column.

    Raises:
        UserError: an empty or damaged file, another kind of file or encoding, no delimiter found, or a row that is
            longer than the header.
    """
    if content[:2] == GZIP:
        content = unpack_gzip(content, name)
    if not content.strip():
        raise UserError(f"'{name}' is empty. Give a table with a header line and rows.")
    if content[:4] == b"PK\x03\x04":
        raise UserError(f"'{name}' is an Excel workbook or a ZIP archive. Save it as CSV (UTF-8) or Parquet.")
    if content[:4] == b"PAR1":
        from trainables.base.tables.reading.parquet import read_parquet  # pyarrow

        frame, repaired = read_parquet(content, name)
        table = TableFile(frame, tuple(repaired))
    else:
        table = _text(content, name, header=header, fewest_columns=fewest_columns, verbatim=verbatim)
    if len(table.frame) < fewest_rows:
        raise UserError(f"'{name}' has a header but no rows.")
    return table


def _text(content: bytes, name: str, *, header: bool, fewest_columns: int, verbatim: bool) -> TableFile:
    encoding = find_encoding(content, name)
    probed = _probed(content)
    head = content[encoding.start : probed].decode(encoding.codec, errors="ignore")
    other = next((sort for sort, start in OTHER_TEXT.items() if start.match(head)), None)
    if other is not None:
        raise UserError(f"'{name}' is {other}, not a table. Save it as CSV, TSV or Parquet.")
    layout = find_layout(head, name, complete=len(content) <= probed, header=header, fewest_columns=fewest_columns)
    body = encoding.start + len(head[: layout.start].encode(encoding.codec))
    if not content[body:].strip():
        return TableFile(pd.DataFrame(columns=list(layout.names), dtype=str))

    def read(columns: list[int] | None = None, as_text: bool = verbatim) -> pd.DataFrame:
        return _read_cells(content, body, encoding, layout, name, columns, as_text)

    frame = read()
    if not verbatim:
        frame = _with_codes(frame, content, read)
    junk = [layout.names[i] for i in layout.nameless if _is_junk_column(frame[layout.names[i]])]
    notes = [encoding.note, *layout.notes]
    if junk and len(frame.columns) - len(junk) < fewest_columns:
        raise UserError(f"'{name}' has fewer than {fewest_columns} columns with a name or values.")
    if junk and len(junk) < len(frame.columns):
        frame = frame.drop(columns=junk)
        count = "1 column" if len(junk) == 1 else f"{len(junk)} columns"
        notes.append(f"Left out {count} without a name and without values.")
    if not verbatim:
        empty = frame.isna().all(axis=1)
        if empty.any() and not empty.all():
            frame = frame[~empty].reset_index(drop=True)
            notes.append(f"Left out {'1 empty row' if empty.sum() == 1 else f'{int(empty.sum()):,} empty rows'}.")
    return TableFile(frame, tuple(note for note in notes if note))


def _probed(content: bytes) -> int:
    """Return how many bytes tell the layout: a header of thousands of names is longer than other beginnings."""
    size = PROBED_BYTES
    while size < min(len(content), MAX_PROBED) and len(content[:size].splitlines()) <= HEAD_LINES:
        size *= 4
    return size


def _read_cells(
    content: bytes, body: int, encoding: Encoding, layout: Layout, name: str, columns: list[int] | None, as_text: bool
) -> pd.DataFrame:
    stream = io.BytesIO(content)
    stream.seek(body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header
            frame: pd.DataFrame = pd.read_csv(
                stream,
                sep=r"\s+" if layout.delimiter == BLANKS else layout.delimiter,
                encoding=encoding.codec,
                names=list(layout.names),
                header=None,
                index_col=False,
                skipinitialspace=layout.spaced,
                usecols=columns,
                dtype=str if as_text else None,
                keep_default_na=False,
                na_values=None if as_text else [""],
                na_filter=not as_text,
                low_memory=False,
            )
    except pd.errors.ParserWarning as error:
        raise UserError(f"'{name}' has rows with more cells than its header names. Name every column.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).strip().rstrip(".").removeprefix("Error tokenizing data. C error: ")
        reason = re.sub(r"line (\d+)", lambda found: f"line {int(found[1]) + layout.lines}", reason)
        shape = f"{len(layout.names)} columns separated by {named(layout.delimiter)}"
        raise UserError(f"'{name}' is not a table with {shape}: {reason}.") from error
    return frame


def _with_codes(frame: pd.DataFrame, content: bytes, read: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Return the frame with columns such as 00489 kept as text: as numbers they would lose their zeros."""
    whole = [i for i, column in enumerate(frame.columns) if _is_whole(frame[column])]
    if not whole or _ZERO_FIRST.search(content) is None:
        return frame
    text = read(whole, True)
    codes = [str(column) for column in text if text[column].str.match(r"\s*0\d").any()]
    return frame.assign(**{column: text[column].mask(text[column].str.strip() == "") for column in codes})


def _is_whole(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and bool((column.dropna() % 1 == 0).all())


def _is_junk_column(column: pd.Series) -> bool:
    return all(isinstance(cell, str) and is_junk(cell) for cell in column.dropna().unique())
