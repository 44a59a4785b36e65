"""The error that a user can fix, and the sentences that name what is unknown or what failed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_WORDS = 2_000  # characters of an exception in one line
CUT = " … ({count:,} characters left out) … "
MAX_NAMES = 30  # that an error lists
NEAR = 0.5  # difflib's similarity above which a name is worth suggesting


class UserError(ValueError):
    """Bad input from the user: which argument is wrong, what is allowed, what came and what to do."""


def message_of(error: BaseException) -> str:
    """Return what an exception says; code of a user's own may raise even there."""
    try:
        return str(error)
    except Exception as problem:  # noqa: BLE001 whatever it raises, there is no more to learn
        return f"(its message cannot be read: {type(problem).__name__})"


def describe_error(error: BaseException, *, whole: bool = True) -> str:
    """Return an exception in one line: its type and its message, cut to ``MAX_WORDS`` characters.

    Args:
        error: The exception.
        whole: False for the first line of the message alone.
    """
    text = bounded_text(message_of(error), MAX_WORDS)
    message = " ".join(text.split()) if whole else text.strip().partition("\n")[0]
    return f"{type(error).__name__}: {message}".rstrip(": .")


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


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """Return `` Did you mean 'wine'?`` for the name nearest to ``given``; empty when none is near."""
    known = sorted(names)
    near = difflib.get_close_matches(given, known, n=1, cutoff=NEAR)
    near = near or [name for name in known if given and given in name][:1]
    return f" Did you mean '{near[0]}'?" if near else ""


def unknown(what: str, given: str, available: Iterable[str]) -> UserError:
    """Return the error for a name that is not in a list, with the nearest name and those that there are.

    Args:
        what: Kind of the name, e.g. ``"task"``.
        given: What the user gave.
        available: All names of this kind.
    """
    names = sorted(available)
    hint = did_you_mean(given, names)
    if len(names) > MAX_NAMES:
        names = [*names[:MAX_NAMES], f"… ({len(names):,})"]
    return UserError(f"Unknown {what} '{given}'.{hint} Available: {', '.join(names)}.")
