"""The error a user can mend: one sentence plus help, exit code 2 on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input from the user: says what was wrong with which argument, what is allowed, what came, what to do."""


MAX_WORDS = 2_000  # characters of an exception in one line
CUT = " … ({count:,} characters left out) … "


def message_of(error: BaseException) -> str:
    """Return what an exception says; code of a user's own may raise even there."""
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001 whatever it raises, there is no more to learn
        return f"(its message cannot be read: {type(problem).__name__})"


def in_words(error: BaseException) -> str:
    """Return an exception in one line: its type and what it says, cut to ``MAX_WORDS`` characters."""
    text = bounded_text(message_of(error), MAX_WORDS)
    return f"{type(error).__name__}: {' '.join(text.split())}".rstrip(": .")


def bounded_text(text: str, limit: int) -> str:
    """Return a text that every file and store takes.

    Args:
        text: any text, e.g. of an exception; it may be megabytes long.
        limit: characters kept; of a longer text the beginning (two thirds) and the end, and how much was left out.

    Returns:
        The text with lone surrogates and NUL, which are not valid in UTF-8 files and databases, written as escapes.
    """
    if len(text) > limit:
        end = limit // 3
        text = text[: limit - end] + CUT.format(count=len(text) - limit) + text[len(text) - end :]
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def unknown(what: str, given: str, available: Iterable[str]) -> UserError:
    """An error for a name that is not in a list, with the nearest names: ``unknown("task", "wime", ["wine"])``."""
    names = sorted(available)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5) or [n for n in names if given and given in n][:1]
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UserError(f"Unknown {what} '{given}'.{hint} Available: {', '.join(names)}.")
