"""What a document in Korean says in English: headings, sentences, heads of tables, axes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from tunelab.documents.blocks import (
    Block,
    Cards,
    Code,
    Document,
    Facts,
    Figure,
    Folded,
    Items,
    Note,
    Panels,
    Table,
    Text,
)

HANGUL = re.compile("[가-힣]")


def english(document: Document, names: Collection[str] = ()) -> list[str]:
    """Return what has no Hangul, without names of metrics, methods and the like, which stay as they are."""
    said = [document.title, document.subtitle, document.made]
    for section in document.sections:
        said += [section.title, *sentences(section.blocks)]
    return [text for text in said if text and not HANGUL.search(text) and text not in names]


def sentences(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield what blocks say themselves, without the cells of tables."""
    for block in blocks:
        if isinstance(block, Text | Note):
            yield block.text
        elif isinstance(block, Items):
            yield from block.texts
        elif isinstance(block, Table):
            yield from (block.caption, *block.columns)
        elif isinstance(block, Facts):
            yield from block.pairs
        elif isinstance(block, Cards):
            yield block.placeholder
        elif isinstance(block, Figure):
            yield block.caption
            axes = [value for key, value in block.layout.items() if key.startswith(("xaxis", "yaxis"))]
            yield from (axis["title"]["text"] for axis in axes if "title" in axis)
        elif isinstance(block, Panels):
            yield from (block.caption, *sentences(block.figures))
        elif isinstance(block, Folded):
            yield from (block.summary, *sentences(block.blocks))
        else:
            assert isinstance(block, Code), block
