"""The layout of a delimited text: its delimiter, the line of its header, and the names of its columns."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search_spaces.errors import UserError

DELIMITERS = (",", "\t", ";", "|")
BLANKS = " "  # columns in line, with any number of blanks between them
MIN_ALIGNED, MIN_COLUMNS = 0.95, 3  # share of rows of one width, and that width, from which blanks separate columns
PROBED_ROWS = 200
MANY_NUMBERS = 0.5  # share of the names that are numbers, dates or cells of the rows, from which a header is data
REPEATED = 0.02  # share of a column's cells that are like its name, from which the name is a cell
YEARS = (1800, 2100)  # numbers that name a column of a table with a column a year
SHOWN = 3  # names in a note
MAX_NAMED = 30  # columns that a message lists
COLUMN, NUMBERED = "column_{}", re.compile(r"column_\d+")  # the names of a table without a header, from 1
_EXCEL_HINT = re.compile(r"\"?sep=(\t|[^\w\s\"'])\"?\r?\n", re.IGNORECASE)  # the first line that Excel writes or wants
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")  # line ends inside a name
_NUMBER = re.compile(r"\s*[-+−]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?\s*%?\s*")
_DATE = re.compile(r"\s*\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\s*\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_ONLY_SIGNS = re.compile(r"[\W_]*")


@dataclass(frozen=True)
class Layout:
    """Where the cells of a text are.

    Attributes:
        delimiter: between cells.
        names: of the columns, all different; a name for every cell of a row.
        start: characters before the first row of cells.
        lines: lines before it.
        nameless: positions of columns that have no name, or one of signs alone.
        spaced: whether blanks stand between a delimiter and a quoted cell.
        notes: what was repaired, a sentence each.
    """

    delimiter: str
    names: tuple[str, ...]
    start: int
    lines: int
    nameless: tuple[int, ...] = ()
    spaced: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Record:
    cells: list[str]
    end: int  # line after it

    @property
    def filled(self) -> int:
        return sum(bool(cell.strip()) for cell in self.cells)

    @property
    def width(self) -> int:
        """Cells without the empty ones at the end."""
        return max((i for i, cell in enumerate(self.cells, start=1) if cell.strip()), default=0)


def find_layout(head: str, name: str, *, complete: bool, header: bool = True, fewest_columns: int = 2) -> Layout:
    """Find the layout of a text by its beginning.

    Args:
        head: the beginning of the text.
        name: what errors call it.
        complete: whether ``head`` is the whole text; otherwise its last line is left out.
        header: whether the text has a line of names.
        fewest_columns: a text with fewer has an unknown delimiter.

    Raises:
        UserError: an empty text, or one with a single column where more are needed.
    """
    lines = _LINE.findall(head)
    if not complete and len(lines) > 1:
        lines.pop()
    hint = _EXCEL_HINT.match(head)
    skipped = 1 if hint is not None and len(lines) > 1 else 0
    if not any(line.strip() for line in lines[skipped:]):
        raise UserError(f"'{name}' is empty. Give a table with a header line and rows.")
    delimiter = hint[1] if hint is not None and skipped else _delimiter(lines[skipped:], name, fewest_columns)
    records = _records(lines[skipped:], delimiter)
    width = _usual([record.width for record in records])
    at = _header_at(records, width) if header else _first_row(records, width)
    notes = [] if at == 0 else [_skipped_note(records[:at])]
    found = records[at]
    wide = max(len(record.cells) for record in records[at:])
    raw = found.cells if header else [""] * wide
    if len(raw) < wide and all(_blank(record.cells[len(raw) :]) for record in records[at + 1 :]):
        raw = [*raw, *[""] * (wide - len(raw))]  # delimiters at the end of every row
    if header and _looks_like_data(found, records[at + 1 :]):
        shown = ", ".join(repr(cell) for cell in found.cells[:SHOWN])
        notes.append(f"Most column names look like cells ({shown}, ...): if the first line is data, give --no-header.")
    short = sum(len(record.cells) < found.width for record in records[at + 1 :]) if header else 0
    if short:
        rows = len(records) - at - 1
        notes.append(
            f"{short:,} of the first {rows:,} rows have fewer cells than the header; what they lack counts as missing."
        )
    if header:
        names, renamed = unique_names(raw)
        notes += renamed
        nameless = tuple(i for i, cell in enumerate(raw) if _ONLY_SIGNS.fullmatch(cell))
    else:
        names, nameless = [COLUMN.format(i) for i in range(1, len(raw) + 1)], ()
        notes.append(f"The columns are named {names[0]} to {names[-1]}, as the table has no header.")
    before = skipped + (found.end if header else records[at - 1].end if at else 0)
    spaced = _is_spaced(lines, delimiter)
    return Layout(delimiter, tuple(names), sum(map(len, lines[:before])), before, nameless, spaced, tuple(notes))


def named(delimiter: str) -> str:
    """Return a delimiter in words."""
    return {",": "comma", "\t": "tab", ";": "semicolon", BLANKS: "blanks"}.get(delimiter, delimiter)


def is_junk(cell: str) -> bool:
    """Return whether a cell holds nothing but blanks and signs."""
    return _ONLY_SIGNS.fullmatch(cell) is not None


def _delimiter(lines: list[str], name: str, fewest_columns: int) -> str:
    """Return the delimiter that gives the most rows one and the same number of cells."""
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in DELIMITERS:
        widths = [len(record.cells) for record in _records(lines, delimiter)]
        usual = _usual(widths)
        scores[delimiter] = (widths.count(usual) / len(widths) if usual > 1 else 0.0, usual)
    best = max(DELIMITERS, key=lambda delimiter: scores[delimiter])
    if scores[best][0] == 0 and _is_aligned(_records(lines, BLANKS)):
        return BLANKS
    if scores[best][0] == 0 and fewest_columns > 1:
        first = next(line for line in lines if line.strip()).strip()
        raise UserError(
            f"'{name}' has a single column, or an unknown delimiter: its first line is '{first[:60]}'. "
            "Separate columns by comma, tab, semicolon or |."
        )
    return best


def _is_aligned(records: Sequence[_Record]) -> bool:
    """Return whether rows parted by blanks are a table, mostly of numbers, and not sentences."""
    widths = [len(record.cells) for record in records]
    usual = _usual(widths)
    cells = [cell for record in records[1:] for cell in record.cells]
    numbers = sum(_is_value(cell) for cell in cells)
    return usual >= MIN_COLUMNS and widths.count(usual) >= MIN_ALIGNED * len(widths) and numbers > len(cells) / 2


def _records(lines: list[str], delimiter: str) -> list[_Record]:
    """Return the rows of cells, blank ones left out."""
    if delimiter == BLANKS:
        lines = [line.strip() for line in lines]
    reader = csv.reader(iter(lines), delimiter=delimiter, skipinitialspace=_is_spaced(lines, delimiter))
    return list(_read(reader)) or [_Record([""], 1)]


def _is_spaced(lines: Sequence[str], delimiter: str) -> bool:
    """Return whether blanks stand between a delimiter and a quoted cell, as in ``a, "b c"``."""
    spaced = re.compile(rf"{re.escape(delimiter)} +\"")
    return delimiter == BLANKS or any(spaced.search(line) is not None for line in lines)


def _read(reader: Iterator[list[str]]) -> Iterator[_Record]:
    try:
        for count, cells in enumerate(reader):
            if count == PROBED_ROWS:
                return
            if any(cell.strip() for cell in cells):
                yield _Record(cells, reader.line_num)  # type: ignore[attr-defined]
    except csv.Error:  # a cell longer than the reader takes: not this delimiter
        return


def _usual(widths: Sequence[int]) -> int:
    """Return the most frequent width, the larger of two."""
    counts = Counter(widths)
    return max(counts, key=lambda width: (counts[width], width))


def _header_at(records: Sequence[_Record], width: int) -> int:
    """Position of the header: the first row, unless it is prose above a row of names as wide as the rows below."""

    def complete(record: _Record) -> bool:
        return len(record.cells) >= width and record.filled >= max(1, width / 2)

    if complete(records[0]):
        return 0
    for i, record in enumerate(records[1:-1], start=1):
        if complete(record):
            return 0 if any(_NUMBER.fullmatch(cell) for cell in record.cells) else i
    return 0


def _first_row(records: Sequence[_Record], width: int) -> int:
    return next((i for i, record in enumerate(records) if len(record.cells) >= width and record.filled > 1), 0)


def _skipped_note(records: Sequence[_Record]) -> str:
    first = " ".join(next(cell for cell in records[0].cells if cell.strip()).split())
    what = "1 line" if len(records) == 1 else f"{len(records)} lines"
    return f"Skipped {what} of text before the header ('{first[:40]}')."


def _looks_like_data(header: _Record, rows: Sequence[_Record]) -> bool:
    names = [(i, cell.strip()) for i, cell in enumerate(header.cells) if cell.strip()]
    numbers = [(i, cell) for i, cell in names if _is_value(cell)]
    repeated = [cell for i, cell in names if not _is_value(cell) and _is_repeated(cell, i, rows)]
    if not rows or not numbers or len(numbers) + len(repeated) < MANY_NUMBERS * len(names):
        return False
    years = [cell for _, cell in numbers if cell.isascii() and cell.isdigit() and YEARS[0] <= int(cell) <= YEARS[1]]
    if len(years) == len(numbers) == len(set(years)):
        return False
    below = [row.cells[i] for row in rows for i, _ in numbers if i < len(row.cells) and row.cells[i].strip()]
    return sum(map(_is_value, below)) > len(below) / 2


def _is_value(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None or _DATE.match(cell) is not None


def _is_repeated(name: str, column: int, rows: Sequence[_Record]) -> bool:
    """Return whether a column's name is a frequent cell of it: 'M' above M, F, M, ..."""
    cells = [row.cells[column].strip() for row in rows if column < len(row.cells)]
    return cells.count(name) > max(1, REPEATED * len(cells))


def unique_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return column names in one line, composed (NFC), stripped and all different, and a note on numbered ones."""
    composed = [unicodedata.normalize("NFC", name) for name in names]  # macOS writes letters in parts
    stripped = [_BREAKS.sub(" ", name).strip() or f"Unnamed: {i}" for i, name in enumerate(composed)]
    taken, unique, renamed = set(stripped), dict[str, None](), []
    numbers: dict[str, int] = {}
    for name in stripped:
        if name in unique:
            number = numbers.get(name, 2)
            while f"{name} ({number})" in taken:
                number += 1
            numbers[name] = number + 1
            name = f"{name} ({number})"
            renamed.append(f"'{name}'")
            taken.add(name)
        unique[name] = None
    more = f" and {len(renamed) - MAX_NAMED} more" if len(renamed) > MAX_NAMED else ""
    notes = [f"Columns of the same name are numbered: {', '.join(renamed[:MAX_NAMED])}{more}."] if renamed else []
    return list(unique), notes


def _blank(cells: Sequence[str]) -> bool:
    return all(is_junk(cell) for cell in cells)
