"""Steps of an evaluation that may fail without ending it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from search_spaces.errors import describe_error
from tunelab.system.errors import DATA_FAULTS

T = TypeVar("T")


class Attempts:
    """Runs steps that a finished search can do without: a step that the data break is logged, noted and left out.

    Args:
        log: Shows a line to the user.

    Attributes:
        failed: What failed and why, a phrase each.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self.failed: list[str] = []

    def __call__(self, what: str, step: Callable[[], T]) -> T | None:
        """Return what a step returns; None when it fails."""
        try:
            return step()
        except DATA_FAULTS as problem:
            self.failed.append(f"{what} failed: {describe_error(problem, whole=False)}")
            self._log(self.failed[-1])
            return None
