"""Mermaid diagrams without a network: GitHub draws them from their text, these pages show pictures drawn beforehand.

A picture is ``images/diagrams/<digest>.svg``, with the digest of the diagram's text, so that none is ever out of date.
A diagram without a picture is shown as its text. See CONTRIBUTING.md for how pictures are drawn.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

PICTURES = Path(__file__).parents[1] / "images" / "diagrams"


def picture_name(text: str) -> str:
    """Return the file name of the picture of a diagram's text."""
    return f"{hashlib.sha256(text.strip().encode()).hexdigest()[:12]}.svg"


class MermaidDirective(SphinxDirective):
    """A fenced ``mermaid`` block."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the picture, or the text where there is none."""
        text = "\n".join(self.content)
        picture = PICTURES / picture_name(text)
        self.env.note_dependency(str(picture))
        if not picture.is_file():
            return [nodes.literal_block(text, text, language="text")]
        uri = f"/images/diagrams/{picture.name}"
        return [nodes.image(uri=uri, alt=text.replace("\n", "; "), classes=["diagram"])]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("mermaid", MermaidDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
