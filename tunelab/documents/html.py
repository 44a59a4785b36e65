"""A document as one self-contained HTML file."""

from __future__ import annotations

from html import escape

from tunelab.documents import page
from tunelab.documents.document import Block, Code, Document, Drawing, Facts, Link, Note, Panels, Table, Text


def to_html(document: Document) -> str:
    """The whole page. Equal documents give equal text; ``made`` has a line to itself."""
    made = page.Page(document.title, subtitle=document.subtitle, provenance=document.provenance)
    for index, part in enumerate(document.sections):
        section = made.section(part.title)
        for block in part.blocks:
            _add(section, block)
        if index == 0 and document.made:
            section.raw(f'\n<p class="soft">{escape(document.made)}</p>\n')
    return made.html()


def _add(section: page.Section, block: Block) -> None:
    match block:
        case Text(text):
            section.paragraph(text)
        case Note(text, warning):
            section.note(text, "warning" if warning else "info")
        case Facts(pairs):
            section.facts(pairs)
        case Table():
            html = page.table_html(block.columns, block.rows, block.caption, marked=block.marked)
            section.details(block.folded, html) if block.folded else section.raw(html)
        case Code(text, folded):
            section.details(folded, f"<pre>{escape(text)}</pre>") if folded else section.code(text)
        case Link(text, address):
            section.raw(f'<p><a href="{escape(address)}">{escape(text)}</a></p>')
        case Drawing():
            section.figure(block, block.caption, height=block.height, wide=block.wide)
        case Panels():
            section.paragraph(block.caption, soft=True).raw('<div class="cards">')
            for drawing in block.drawings:
                section.figure(drawing, drawing.caption, height=drawing.height)
            section.raw("</div>")
