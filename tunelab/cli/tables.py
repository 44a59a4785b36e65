"""Plain tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tunelab.records.text import format_number
from tunelab.system.terminal import printable

if TYPE_CHECKING:
    from rich.table import Table

UNLIMITED = 10_000  # columns of a pipe or a file
GAP = 3  # blanks between two columns
SHORT = 16  # a text that is no longer is never broken
LONGEST_WORD = 24  # a longer one is broken rather than given a part of the table of its own


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Prints a table to stdout, see ``make_tables``. Piped, it is as wide as it needs to be."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else UNLIMITED, highlight=False, markup=False)
    if title:
        console.print(f"{printable(title)}\n", soft_wrap=True)
    for table in make_tables(header, rows, console.width):
        console.print(table, "")


def make_tables(header: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> Iterator[Table]:
    """A table in as many parts as ``width`` asks for, each with the first column: no number is ever broken or cut.

    Numbers are right-aligned. Texts are broken between words.
    """
    from rich import box
    from rich.table import Table

    header = [printable(name) for name in header]
    columns = [[row[i] for row in rows] for i in range(len(header))]
    numeric = [is_numeric(column) for column in columns]
    least = [
        max((least_width(name, right), *(least_width(cell(value), right) for value in column)))
        for name, column, right in zip(header, columns, numeric, strict=True)
    ]
    for part in parts(least, width):
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for i in part:
            justify = "right" if numeric[i] else "left"
            table.add_column(header[i], justify=justify, overflow="fold", min_width=least[i], no_wrap=numeric[i])  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*[cell(row[i]) for i in part])
        yield table


def parts(widths: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Columns, by position, in parts that are not wider than ``limit``; the first column heads each."""
    part, used = [0], widths[0]
    for i in range(1, len(widths)):
        if used + GAP + widths[i] > limit and len(part) > 1:
            yield part
            part, used = [0], widths[0]
        part.append(i)
        used += GAP + widths[i]
    yield part


def least_width(text: str, whole: bool) -> int:
    """Terminal cells that a text needs in a line: for all of it, or for its longest word."""
    from rich.cells import cell_len  # two for a Hangul syllable

    if whole or cell_len(text) <= SHORT:
        return cell_len(text)
    return min(LONGEST_WORD, max(map(cell_len, text.split()), default=0))


def is_numeric(column: Sequence[object]) -> bool:
    """Whether a column holds numbers, and nothing else but gaps."""
    values = [value for value in column if value is not None and value != ""]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def cell(value: object) -> str:
    """A figure with four significant places, a short text, yes or no, or a dash for nothing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_number(value)
    return "–" if value is None or value == "" else printable(str(value))
