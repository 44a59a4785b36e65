"""What can end a sweep early, other than its user: said in a sentence, exit code 1. Trials that ended are kept."""

from __future__ import annotations


class Failure(RuntimeError):
    """The sweep ended early; it can be resumed."""


class DiskFull(Failure):
    """An event could not be written to the journal, which ends with the one before it, whole."""


class StoreAway(Failure):
    """The tracking store has not answered for too long."""


class WorkersLost(Failure):
    """Ray starts workers that die before they take up a trial."""


class SweepFailed(Failure):
    """A task, a library or a worker raised what nobody expected."""
