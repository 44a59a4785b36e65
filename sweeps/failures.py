"""How a sweep can fail as a whole."""

from __future__ import annotations


class SweepFailed(RuntimeError):
    """The sweep could not do its work; the message says why, in a sentence for people. It can be resumed."""
