"""Cells of tables as text, the same in HTML and in Markdown."""

from __future__ import annotations

from tunelab.documents.blocks import Cell, Table
from tunelab.records.text import format_number
from tunelab.system.language import tr

EMPTY = "–"


def cell_text(cell: Cell, digits: int = 4) -> str:
    """Return a cell as text: numbers with ``digits`` significant digits, yes or no, a dash for nothing."""
    if cell is None:
        return EMPTY
    if isinstance(cell, bool):
        return tr("yes") if cell else tr("no")
    return cell if isinstance(cell, str) else format_number(cell, digits)


def is_number(cell: Cell) -> bool:
    """Return whether a cell holds a number; yes and no are not numbers."""
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def numeric_columns(table: Table) -> list[bool]:
    """For each column, whether any of its cells holds a number."""
    return [any(is_number(row[i]) for row in table.rows) for i in range(len(table.columns))]
