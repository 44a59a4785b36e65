"""Plain tables on the terminal, which fit its width by leaving columns out."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tunelab.records.text import format_number
from tunelab.system.language import tr
from tunelab.system.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

UNLIMITED = 10_000  # columns of a pipe or a file
MAX_NAMED = 6  # of the columns that are left out; a space with many branches has dozens
GAP = 3  # blanks between two columns
SHORT = 26  # cells of a text that is never broken, such as the name of a model
MIN_CUT = 28  # of a text without its middle
LINE = 40  # cells that a long text gets before other columns


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    drop_first: Sequence[str] = (),
    marked: int | None = None,
    styles: Mapping[str, str] | None = None,
    short: int = SHORT,
    cut: str = "",
) -> None:
    """Print a table to stdout, see ``make_table``. Piped, it is as wide as it needs to be."""
    console = _console()
    if title:
        console.print(f"{printable(title)}\n")
    table, left_out = make_table(
        header, rows, console.width, drop_first=drop_first, marked=marked, styles=styles, short=short, cut=cut
    )
    console.print(table)
    if left_out:
        named = left_out if len(left_out) <= MAX_NAMED + 1 else left_out[:MAX_NAMED]  # never "and 1 more columns"
        names = ", ".join(map(printable, named))
        text = tr("(in a wider window also: {names})", names=names)
        more = len(left_out) - len(named)
        if more:
            text = tr("(in a wider window also: {names} and {count} more columns)", names=names, count=more)
        console.print(text)
    console.print("")


def print_heading(text: str) -> None:
    """Print the heading of a group of lines to stdout, bold on a terminal."""
    _console().print(text, style="bold")


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else UNLIMITED, highlight=False, markup=False, emoji=False)


def make_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    width: int,
    *,
    drop_first: Sequence[str] = (),
    marked: int | None = None,
    styles: Mapping[str, str] | None = None,
    short: int = SHORT,
    cut: str = "",
) -> tuple[Table, list[str]]:
    """Make a table that is not wider than a terminal: columns are left out, and no word or number is broken.

    Numbers are right-aligned. Texts are broken between words.

    Args:
        header: Names of the columns.
        rows: Values; floats get four significant digits.
        width: Cells of the terminal.
        drop_first: Columns that are left out first, in this order; then others from the right. The first stays.
        marked: Position of the row that is printed bold.
        styles: Colours of cells, by their text.
        short: Cells of a text that is never broken.
        cut: Column whose texts lose their middle where they do not fit, such as paths, which differ at their ends.

    Returns:
        The table, and the names of the columns that it leaves out.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = [[row[i] for row in rows] for i in range(len(header))]
    numeric = [is_numeric(column) for column in columns]
    least = [
        max((least_width(printable(name), right, short), *(least_width(cell(value), right, short) for value in column)))
        for name, column, right in zip(header, columns, numeric, strict=True)
    ]
    at = header.index(cut) if cut else None
    if at is not None:
        least[at] = min(least[at], MIN_CUT)
    kept = _fitting(header, least, width, drop_first)
    if at is not None and at in kept:
        left = width - sum(least[i] for i in kept if i != at) - GAP * (len(kept) - 1)
        rows = [[*row[:at], shortened(cell(row[at]), max(MIN_CUT, left)), *row[at + 1 :]] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for i in kept:
        justify = "right" if numeric[i] else "left"
        table.add_column(
            printable(header[i]),
            justify=justify,  # type: ignore[arg-type]
            overflow="fold",
            min_width=min(least[i], width),
            no_wrap=numeric[i],
        )
    for position, row in enumerate(rows):
        texts = [cell(row[i]) for i in kept]
        cells = [Text(text, style=styles[text]) if styles and text in styles else text for text in texts]
        table.add_row(*cells, style="bold" if position == marked else None)
    return table, [header[i] for i in range(len(header)) if i not in kept]


def _fitting(header: Sequence[str], least: Sequence[int], width: int, drop_first: Sequence[str]) -> list[int]:
    """Return the positions of the columns that fit beside each other."""
    named = [header.index(name) for name in drop_first if name in header]
    order = [*named, *(i for i in reversed(range(1, len(header))) if i not in named)]
    kept = list(range(len(header)))
    for i in order:
        if sum(least[k] for k in kept) + GAP * (len(kept) - 1) <= width:
            break
        kept.remove(i)
    return kept


def least_width(text: str, whole: bool, short: int = SHORT) -> int:
    """Return the terminal cells that a text needs in a line: for all of it, or for its longest word and half of it."""
    from rich.cells import cell_len  # two for a Hangul syllable

    if "\n" in text:
        return max(least_width(line, whole, short) for line in text.split("\n"))
    if whole or cell_len(text) <= short:
        return cell_len(text)
    longest = max(map(cell_len, text.split()), default=0)
    return max(longest, min(LINE, cell_len(text) // 2 + longest // 4))


def shortened(text: str, cells: int) -> str:
    """Return a text without its middle where it is longer than some cells of a terminal; most of its end stays."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= cells:
        return text
    head = set_cell_size(text, cells // 4).rstrip()
    start = next(i for i in range(len(text)) if cell_len(text[i:]) < cells - cell_len(head))
    return f"{head}…{text[start:]}"


def is_numeric(column: Sequence[object]) -> bool:
    """Return whether a column holds numbers, and nothing else but gaps."""
    values = [value for value in column if value is not None and value != ""]
    return bool(values) and all(isinstance(value, int | float) for value in values)


def cell(value: object) -> str:
    """Return a number with four significant digits, a short text, yes or no, or a dash for nothing."""
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, float):
        return format_number(value)
    return "–" if value is None or value == "" else printable(str(value))
