"""The language in which tunelab speaks to people: English, or another one through a gettext catalogue.

Messages are English in the code, with fields in braces. A catalogue is ``locale/LANGUAGE/LC_MESSAGES/tunelab.po``
beside this file, and ``python -m tests.catalogues`` makes the ``.mo`` of it that is read.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from search_spaces.errors import UserError
from tunelab.system.korean import with_particles

ENGLISH = "en"
KOREAN = "ko"
LANGUAGES = (ENGLISH, KOREAN)
DOMAIN = "tunelab"  # of the catalogue
VARIABLE = "TUNELAB_LANGUAGE"
CATALOGUES = Path(__file__).with_name("locale")
_for_now: ContextVar[str] = ContextVar("language", default="")  # goes before the environment variable


def language() -> str:
    """Return the language in force: that of ``use_language`` or of the environment variable; else English."""
    chosen = _for_now.get() or os.environ.get(VARIABLE, "")
    return chosen if chosen in LANGUAGES else ENGLISH


def use_language(name: str | None) -> None:
    """Choose the language of this process and of the processes that it starts.

    Args:
        name: One of ``LANGUAGES``; None leaves it as it is.

    Raises:
        UserError: It is another one.
    """
    if name is None:
        return
    if name not in LANGUAGES:
        raise UserError(f"--language must be one of {', '.join(LANGUAGES)}, got '{name}'.")
    os.environ[VARIABLE] = name


@contextmanager
def in_english() -> Iterator[None]:
    """Return messages in English inside: what a store keeps for readers of every language."""
    before = _for_now.set(ENGLISH)
    try:
        yield
    finally:
        _for_now.reset(before)


def tr(message: str, /, **values: object) -> str:
    """Return a message in the language in force, English where the catalogue lacks it.

    Args:
        message: In English, with fields as ``str.format`` takes them.
        values: By name of the field.
    """
    text = _catalogue(language()).gettext(message).format(**values)
    return with_particles(text) if language() == KOREAN else text


def tr_plural(one: str, many: str, count: int | None, /, **values: object) -> str:
    """Return ``tr`` of the message for one where there is one, else of the message for several, or none."""
    return tr(one if count == 1 else many, **values)


def tr_term(term: str) -> str:
    """Return the translation of a term that is a value, such as a status or a baseline's name; else the term."""
    return _catalogue(language()).gettext(term) if term else term


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGUES, [name], fallback=name == ENGLISH)
