"""A document as GitHub-flavoured Markdown: everything but the figures, which it names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tunelab.documents.document import (
    Block,
    Cell,
    Code,
    Document,
    Drawing,
    Facts,
    Link,
    Note,
    Panels,
    Section,
    Table,
    Text,
)
from tunelab.documents.page import number

EMPTY = "–"
SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def to_markdown(document: Document) -> str:
    """The whole document. Equal documents give equal text; ``made`` has a line to itself."""
    parts = [f"# {plain(document.title)}", plain(document.subtitle)]
    for index, section in enumerate(document.sections):
        parts += _section(section)
        if index == 0 and document.made:
            parts.append(plain(document.made))
    if document.provenance:
        parts += ["## Provenance", _facts(document.provenance.items())]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _section(section: Section) -> list[str]:
    return [f"## {plain(section.title)}", *(_block(block) for block in section.blocks)]


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return plain(text)
        case Note(text, warning):
            return f"> {'**Warning:** ' if warning else ''}{plain(text)}"
        case Facts(pairs):
            return _facts(pairs.items())
        case Table():
            return _table(block)
        case Code(text, folded):
            return (f"{plain(folded)}\n\n" if folded else "") + _fenced(text)
        case Link(text, address):
            return f"[{plain(text)}](<{address}>)"
        case Drawing() | Panels():
            return f"*Figure in the HTML report: {plain(block.caption)}*"


def _facts(pairs: Iterable[tuple[str, Cell]]) -> str:
    return "\n".join(f"- {plain(name)}: {_cell(value)}" for name, value in pairs)


def _table(table: Table) -> str:
    numeric = [any(_is_number(row[i]) for row in table.rows) for i in range(len(table.columns))]
    lines = [
        _line(plain(name) for name in table.columns),
        _line("---:" if right else ":---" for right in numeric),
    ]
    for index, row in enumerate(table.rows):
        cells = [_cell(value) for value in row]
        lines.append(_line(f"**{cell}**" if cell != EMPTY and index in table.marked else cell for cell in cells))
    title = " ".join(text for text in (table.folded, table.caption) if text)
    return (f"{plain(title)}\n\n" if title else "") + "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Cell) -> str:
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, str) else number(value)


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
