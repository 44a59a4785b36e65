"""The gettext catalogues of tunelab: compile them with ``python -m tests.catalogues``."""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from tunelab.system.language import CATALOGUES, ENGLISH, LANGUAGES

OTHERS = tuple(name for name in LANGUAGES if name != ENGLISH)


def catalogue_path(name: str) -> Path:
    """The text of a language's catalogue."""
    return CATALOGUES / name / "LC_MESSAGES" / "tunelab.po"


def catalogue(name: str) -> Catalog:
    """A language's catalogue."""
    with catalogue_path(name).open("rb") as file:
        return read_po(file, locale=name)


def compiled(name: str) -> bytes:
    """A language's catalogue as gettext reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue(name))
    return buffer.getvalue()


if __name__ == "__main__":
    for other in OTHERS:
        catalogue_path(other).with_suffix(".mo").write_bytes(compiled(other))
