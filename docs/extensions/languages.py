"""Links between the languages: from each page to the same page in the other one, and ``english:`` links.

What is in English alone is linked to from Korean pages as ``[text](english:reference/index)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

ENGLISH = Path(__file__).parents[1]
KOREAN = ENGLISH / "ko"
SCHEME = "english:"


def add_link(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Tell the sidebar where the page in the other language is; its start page when there is none."""
    up = "../" * page.count("/")
    korean = app.config.language == "ko"
    other = ENGLISH if korean else KOREAN
    found = page if (other / f"{page}.md").is_file() else "index"
    context["other_language"] = "en" if korean else "ko"
    context["other_language_name"] = "English" if korean else "한국어"
    context["other_language_page"] = f"{up}../{found}.html" if korean else f"{up}ko/{found}.html"


def resolve_english(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn ``english:`` links into relative ones."""
    up = "../" * (page.count("/") + 1)
    for link in doctree.findall(nodes.reference):
        target = str(link.get("refuri", ""))
        if target.startswith(SCHEME):
            path, sign, anchor = target.removeprefix(SCHEME).partition("#")
            link["refuri"] = f"{up}{path}.html{sign}{anchor}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the link to every page, and resolve the others."""
    app.connect("doctree-resolved", resolve_english)
    app.connect("html-page-context", add_link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
