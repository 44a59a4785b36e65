"""A report before it is HTML or Markdown: sections of plain blocks, so that both say the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Note:
    """A sentence that stands out."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Table:
    """A table; None is an empty cell.

    Attributes:
        columns: heads.
        rows: as many cells each.
        caption: one line.
        marked: indices of rows that stand out.
        folded: shown under this line when the reader unfolds it; open when empty.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    marked: tuple[int, ...] = ()
    folded: str = ""


@dataclass(frozen=True)
class Facts:
    """Terms and values."""

    pairs: Mapping[str, Cell]


@dataclass(frozen=True)
class Code:
    """Text as it is; folded under a line when there is one."""

    text: str
    folded: str = ""


@dataclass(frozen=True)
class Link:
    """An address to open."""

    text: str
    address: str


@dataclass(frozen=True)
class Drawing:
    """A figure in plotly's terms: what ``go.Figure`` holds, without the 0.5 s that importing it takes.

    Attributes:
        data: traces.
        layout: the page fills in fonts, colours and margins.
        caption: what it shows, one sentence.
        height: pixels.
        wide: scrolls sideways on a phone instead of shrinking.
    """

    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    caption: str
    height: int = 420
    wide: bool = False

    def to_json(self) -> str:
        return json.dumps({"data": list(self.data), "layout": dict(self.layout)}, ensure_ascii=False)


@dataclass(frozen=True)
class Panels:
    """Small figures side by side, as many as the screen holds."""

    drawings: Sequence[Drawing]
    caption: str


Block = Text | Note | Table | Facts | Code | Link | Drawing | Panels


@dataclass(frozen=True)
class Section:
    """A headed part."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: heading.
        subtitle: one line below it.
        sections: in order.
        provenance: what the numbers were made with, at the end.
        made: when the report was made; the one line that differs between two reports of the same sweep.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    provenance: Mapping[str, Cell] = field(default_factory=dict)
    made: str = ""
