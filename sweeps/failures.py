"""What can stop a sweep from outside, and what data can do to the figures that stand beside its result.

Nothing is lost by either: the sweep can be resumed, or the figure is left out and its place says why.
"""

from __future__ import annotations

# What unusual data make of code that compares, draws or fits: infinities, unseen classes, columns of mixed types.
DATA_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


class DiskFull(RuntimeError):
    """An event could not be written to the journal, which ends with the one before it, whole."""


class StoreAway(RuntimeError):
    """The tracking store has not answered for too long."""


def reason(problem: BaseException) -> str:
    """An exception in one line."""
    return f"{type(problem).__name__}: {problem}".partition("\n")[0]
