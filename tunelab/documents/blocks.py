"""A document before it is HTML or Markdown: typed blocks of plain values, so that both formats say the same.

Every text in a block is shown as it is: the two renderers escape it, and no block takes markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunelab.system.language import language

_PAGE = re.compile(r"https?://|[^:/?#]*(?:[/?#](?!/)|$)", re.IGNORECASE)

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
        text: what it says.
        soft: whether it stays in the background, as a licence does.
    """

    text: str
    soft: bool = False


@dataclass(frozen=True)
class Note:
    """A sentence that stands out, as a remark or as a warning."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table that a reader of the page can sort; None is an empty cell.

    Attributes:
        columns: heads.
        rows: as many cells each.
        caption: one line.
        marked: indices of rows that stand out.
        digits: significant digits of numbers.
        helps: what a column means, by head; shown on hover.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    marked: tuple[int, ...] = ()
    digits: int = 4
    helps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """Terms with their values or definitions."""

    pairs: Mapping[str, Cell]


@dataclass(frozen=True)
class Code:
    """Text in a fixed-width font, line breaks kept."""

    text: str


@dataclass(frozen=True)
class Link:
    """An address to open."""

    text: str
    address: str

    @property
    def href(self) -> str:
        """The address where it opens a page: of http or of a file beside this one; "#" for one that runs code."""
        return self.address if _PAGE.match(self.address) else "#"


@dataclass(frozen=True)
class Image:
    """A picture inside the page.

    Attributes:
        png: bytes of a PNG file.
        caption: what it shows, one sentence.
    """

    png: bytes
    caption: str


@dataclass(frozen=True)
class Figure:
    r"""An interactive figure in plotly's terms: what ``go.Figure`` holds, without the 0.5 s that importing it takes.

    Texts are plain: names of users need no escaping, and ``\n`` breaks a line. Only templates (``hovertemplate``,
    ``texttemplate``) are plotly's own language, so they must not contain names of users.

    Attributes:
        data: traces.
        layout: the page fills in fonts, colours and margins.
        caption: what it shows, one sentence.
        height: pixels.
        wide: whether it scrolls sideways on a phone instead of shrinking.
    """

    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    caption: str
    height: int = 420
    wide: bool = False


@dataclass(frozen=True)
class Panels:
    """Small figures side by side, as many as the screen holds."""

    figures: Sequence[Figure]
    caption: str


@dataclass(frozen=True)
class Card:
    """A few texts under one name, such as the continuations of one setting.

    Attributes:
        name: heading of the card.
        texts: paragraphs.
        language: of the texts, as in HTML's ``lang``; empty when it is the document's.
    """

    name: str
    texts: Sequence[str]
    language: str = ""


@dataclass(frozen=True)
class Cards:
    """Groups of cards side by side, each under a line that unfolds it, with a search field over all of them.

    Attributes:
        groups: (summary, cards) pairs; the first is unfolded.
        placeholder: hint of the search field.
    """

    groups: Sequence[tuple[str, Sequence[Card]]]
    placeholder: str


@dataclass(frozen=True)
class Folded:
    """Blocks under a line that unfolds them."""

    summary: str
    blocks: Sequence[Block]


Block = (
    Text | Note | Items | Heading | Table | Facts | Code | Link | Image | Figure | Panels | Cards | Folded
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """A headed part."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: heading, and title of the browser's tab.
        subtitle: one line below it.
        sections: in order.
        provenance: what fixed the numbers (command, commit, versions, machine, seeds), shown at the end.
        made: when the report was made; the one line that differs between two reports of the same result.
        language: of the document's own words, as in HTML's ``lang``; by itself the one in force.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    provenance: Mapping[str, Cell] = field(default_factory=dict)
    made: str = ""
    language: str = field(default_factory=language)
