"""What can stop a sweep from outside. Nothing is lost by it, and the sweep can be resumed."""

from __future__ import annotations


class DiskFull(RuntimeError):
    """An event could not be written to the journal, which ends with the one before it, whole."""


class StoreAway(RuntimeError):
    """The tracking store has not answered for too long."""
