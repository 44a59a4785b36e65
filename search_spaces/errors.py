"""The error a user can mend: one sentence plus help, exit code 2 on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input from the user: says what was wrong with which argument, what is allowed, what came, what to do."""


def in_words(error: BaseException) -> str:
    """An exception in one line: its type and what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": .")


def unknown(what: str, given: str, available: Iterable[str]) -> UserError:
    """An error for a name that is not in a list, with the nearest names: ``unknown("task", "wime", ["wine"])``."""
    names = sorted(available)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5) or [n for n in names if given and given in n][:1]
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UserError(f"Unknown {what} '{given}'.{hint} Available: {', '.join(names)}.")
