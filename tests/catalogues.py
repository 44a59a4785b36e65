"""The gettext catalogues of tunelab: compile them with ``python -m tests.catalogues``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from tests.texts import nameless, texts
from tunelab.system.language import CATALOGUES, DOMAIN, ENGLISH, LANGUAGES
from tunelab.system.texts import TEXTS

OTHERS = tuple(name for name in LANGUAGES if name != ENGLISH)
DOMAINS = (DOMAIN, TEXTS)


def catalogue_path(name: str, domain: str = DOMAIN) -> Path:
    """The text of a language's catalogue."""
    return CATALOGUES / name / "LC_MESSAGES" / f"{domain}.po"


def catalogue(name: str, domain: str = DOMAIN) -> Catalog:
    """A language's catalogue."""
    with catalogue_path(name, domain).open("rb") as file:
        return read_po(file, locale=name)


class FixedHeader(Catalog):
    """A catalogue that is the same whenever it is compiled: Babel's own header has the date."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [("Language", str(self.locale)), ("Content-Type", "text/plain; charset=utf-8")]

    @mime_headers.setter
    def mime_headers(self, headers: object) -> None:
        raise AttributeError("The header is fixed.")


def compiled(name: str, domain: str = DOMAIN) -> bytes:
    """A language's catalogue as gettext reads it, in the order of its messages."""
    fixed = FixedHeader(locale=name)
    for entry in catalogue(name, domain):
        if entry.id:
            fixed[entry.id] = entry
    buffer = io.BytesIO()
    write_mo(buffer, fixed)
    return buffer.getvalue()


def untranslated(name: str) -> dict[str, str]:
    """Where each English text is that a language has no translation of, by its form."""
    known = {nameless(str(entry.id)) for domain in DOMAINS for entry in catalogue(name, domain)}
    return {form: place for form, place in texts().items() if nameless(form) not in known}


if __name__ == "__main__":
    for other in OTHERS:
        for each in DOMAINS:
            catalogue_path(other, each).with_suffix(".mo").write_bytes(compiled(other, each))
        for missing, where in untranslated(other).items():
            sys.stdout.write(f"{where}: no translation to {other}: {missing}\n")
