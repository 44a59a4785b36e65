"""What can end a sweep early, other than its user, and what data can do to the numbers shown with its result.

The first is said in a sentence, with exit code 1, and trials that ended are kept. For the second the number is left
out, and its place says why.
"""

from __future__ import annotations

# What unusual data make of code that compares, draws or fits: infinities, unseen classes, columns of mixed types.
DATA_FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)


class Failure(Exception):
    """The sweep ended early; it can be resumed."""


class DiskFull(Failure):
    """An event could not be written to the journal, which ends with the one before it, whole."""


class StoreAway(Failure):
    """The tracking store has not answered for too long."""


class WorkersLost(Failure):
    """Ray starts workers that die before they take up a trial."""


class RayLost(Failure):
    """A process of Ray's ended, and with it all workers."""


class SweepFailed(Failure):
    """A task, a library or a worker raised an unexpected error."""
