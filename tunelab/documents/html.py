"""A document as one self-contained HTML file: sortable tables, interactive figures; works offline, dark and on phones.

The templates escape every value that they are given (Jinja2's autoescape); what is markup is made here and marked so.
A page holds no link to anything outside itself but those of ``Link`` blocks, and equal documents give equal bytes:
identifiers count up and nothing is timed.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tunelab.documents.blocks import Block, Cell, Document, Figure, Image, Table
from tunelab.documents.cells import EMPTY, cell_text, numeric_columns
from tunelab.documents.plotly_json import figure_json, packed_plotly
from tunelab.system.language import tr
from tunelab.system.terminal import printable

TEMPLATES = Path(__file__).with_name("templates")
SHORT, LONG = 20, 60  # characters of a cell: up to the first it keeps to one line, from the second it is not squeezed
PERCENT = re.compile(r"(\d) %")  # no line breaks between a number and its sign
ARROW = re.compile(r" ([↑↓])")  # of a score's name, beside which it stays
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")  # of a command, which no line should break behind its dashes


def to_html(document: Document) -> str:
    """Render the whole page. ``document.made`` has a line to itself."""
    page = _Page()
    sections = [
        _Section(section.title, anchor, Markup("\n").join(page.render(block) for block in section.blocks))
        for section, anchor in zip(document.sections, _anchors(document), strict=True)
    ]
    return (
        _environment()
        .get_template("page.html")
        .render(
            document=document,
            sections=sections,
            provenance=_facts(document.provenance),
            style=Markup(_resource("page.css")),
            script=Markup(_resource("page.js")),
            plotly=packed_plotly() if page.figures else "",
            contents=tr("Contents"),
            failed=tr("This browser cannot draw the figure (REASON); the tables hold its numbers."),
        )
    )


@dataclass(frozen=True)
class _Section:
    """A rendered section."""

    title: str
    anchor: str
    html: Markup


@dataclass(frozen=True)
class _Shown:
    """A cell as the page shows it: its text, its classes, and what it is sorted by where that is not the text."""

    text: str
    kind: str = ""
    value: Cell = None


class _Page:
    """Renders blocks and numbers what needs an identifier.

    Attributes:
        figures: how many figures the page holds so far.
    """

    def __init__(self) -> None:
        self.figures = 0
        self._searches = 0
        self._macros: Any = _environment().get_template("blocks.html").module

    def render(self, block: Block) -> Markup:
        """Render a block by the macro that is named like its class."""
        html: Markup = getattr(self._macros, type(block).__name__.lower())(block, self)
        return html

    def next_figure(self) -> str:
        self.figures += 1
        return f"figure-{self.figures}"

    def next_search(self) -> str:
        self._searches += 1
        return f"items-{self._searches}"

    @property
    def found(self) -> str:
        """What is before the number of cards that a search finds."""
        return tr("found")

    def line(self, text: str) -> Markup:
        return _line(text)

    def figure_json(self, figure: Figure) -> Markup:
        return Markup(figure_json(figure))

    def image_address(self, image: Image) -> str:
        return "data:image/png;base64," + base64.b64encode(image.png).decode("ascii")

    def facts(self, pairs: dict[str, Cell]) -> list[tuple[str, Markup]]:
        return _facts(pairs)

    def heads(self, table: Table) -> list[tuple[str, str, bool]]:
        """Return (name, help, whether the column holds numbers) for each column."""
        numeric = numeric_columns(table)
        return [
            (ARROW.sub("\u00a0\\1", name), table.helps.get(name, ""), right)
            for name, right in zip(table.columns, numeric, strict=True)
        ]

    def rows(self, table: Table) -> Iterator[tuple[bool, list[_Shown]]]:
        """Yield (whether it is marked, its cells) for each row."""
        numeric = numeric_columns(table)
        for index, row in enumerate(table.rows):
            yield (
                index in table.marked,
                [_shown(cell, table.digits, right) for cell, right in zip(row, numeric, strict=True)],
            )


def _shown(cell: Cell, digits: int, right: bool) -> _Shown:
    """Align texts in a column of numbers to the right like the numbers; sort cells without a value apart."""
    if cell is None:
        return _Shown(EMPTY, "number", "")
    if isinstance(cell, bool | str):
        text = cell_text(cell)
        return _Shown(text, "right" if right else "long" if len(text) > LONG else "short" if len(text) <= SHORT else "")
    missing = isinstance(cell, float) and math.isnan(cell)
    return _Shown(cell_text(cell, digits), "number", "" if missing else cell)


def _facts(pairs: Any) -> list[tuple[str, Markup]]:
    return [(name, _line(cell_text(cell))) for name, cell in pairs.items()]


def _line(text: str) -> Markup:
    shown = PERCENT.sub("\\1\u00a0%", printable(text))
    return Markup(OPTION.sub(r'<span class="option">\1</span>', str(escape(shown))))


def _anchors(document: Document) -> list[str]:
    """Return an identifier for each section, unlike the others, made of its title's Latin letters."""
    found: list[str] = []
    for section in document.sections:
        anchor = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") or "section"
        found.append(anchor if anchor not in found else f"{anchor}-{len(found) + 1}")
    return found


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_without_controls,
        auto_reload=False,
    )


def _without_controls(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _resource(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
