"""A document as GitHub-flavoured Markdown: everything but figures, pictures and cards, which it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from tunelab.documents.blocks import (
    Block,
    Cards,
    Cell,
    Code,
    Document,
    Facts,
    Figure,
    Folded,
    Heading,
    Image,
    Items,
    Link,
    Note,
    Panels,
    Section,
    Table,
    Text,
)
from tunelab.documents.cells import EMPTY, cell_text, is_number, numeric_columns
from tunelab.system.language import tr
from tunelab.system.terminal import printable

# Underscores inside a word begin no emphasis, and names such as val_loss stay readable in the source.
SPECIAL = re.compile(r"([\\`*\[\]<>|#~&$]|(?<![^\W_])_|_(?![^\W_]))")
ENTITIES = {"&": "&amp;", "<": "&lt;"}  # MLflow's Markdown shows a backslash before these
LIST_MARK = re.compile(r"^(\d*)([-+.)])")  # at the start of a line it would begin a list


def to_markdown(document: Document) -> str:
    """Render the whole document. Equal documents give equal text; ``made`` has a line to itself."""
    parts = [f"# {plain(document.title)}", _paragraph(document.subtitle)]
    for index, section in enumerate(document.sections):
        parts += _section(section)
        if index == 0 and document.made:
            parts.append(_paragraph(document.made))
    if document.provenance:
        parts += [f"## {tr('Provenance')}", _facts(document.provenance.items())]
    return "\n\n".join(part for part in parts if part) + "\n"


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(lambda found: ENTITIES.get(found[1], f"\\{found[1]}"), " ".join(printable(text).split()))


def fenced(text: str) -> str:
    """Return text as a block of code, whatever backticks it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{printable(text)}\n{fence}"


def _paragraph(text: str) -> str:
    return LIST_MARK.sub(r"\1\\\2", plain(text))


def _section(section: Section) -> list[str]:
    return [f"## {plain(section.title)}", *_blocks(section.blocks)]


def _blocks(blocks: Sequence[Block]) -> list[str]:
    return [text for text in map(_block, blocks) if text]


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return _paragraph(text)
        case Note(text, warning):
            mark = f"**{tr('Warning')}:** " if warning else ""
            return f"> {mark}{_paragraph(text)}"
        case Items(texts):
            return "\n".join(f"- {_paragraph(text)}" for text in texts)
        case Heading(text):
            return f"### {plain(text)}"
        case Facts(pairs):
            return _facts(pairs.items())
        case Table():
            return _table(block)
        case Code(text):
            return fenced(text)
        case Link(text):
            return f"[{plain(text)}](<{_address(block.href)}>)"
        case Folded(summary, inner):
            return "\n\n".join([_paragraph(summary), *_blocks(inner)])
        case Figure() | Panels() | Image():
            caption = plain(block.caption)
            known = tr("Figure in the HTML report: {caption}", caption=caption) if caption else ""
            return f"*{known or tr('Figure in the HTML report.')}*"
        case Cards(groups):
            count = sum(len(card.texts) for _, cards in groups for card in cards)
            return f"*{tr('{count:,} texts in the HTML report.', count=count)}*"


def _address(address: str) -> str:
    return re.sub(r"[<>\\\s]", lambda found: quote(found.group()), printable(address))


def _facts(pairs: Iterable[tuple[str, Cell]]) -> str:
    return "\n".join(
        f"- {_paragraph(name)}: {plain(cell_text(value)) if isinstance(value, str) else cell_text(value)}"
        for name, value in pairs
    )


def _table(table: Table) -> str:
    lines = [
        _line(plain(name) for name in table.columns),
        _line("---:" if right else ":---" for right in numeric_columns(table)),
    ]
    for index, row in enumerate(table.rows):
        cells = [_cell(value, table.digits) for value in row]
        lines.append(_line(f"**{cell}**" if cell != EMPTY and index in table.marked else cell for cell in cells))
    return (f"{_paragraph(table.caption)}\n\n" if table.caption else "") + "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Cell, digits: int) -> str:
    text = cell_text(value, digits)
    return text if is_number(value) else plain(text)
