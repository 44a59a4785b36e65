"""What a sweep has come to after each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from tunelab.records.result import SweepResult
from tunelab.search.limits import Stop
from tunelab.system.errors import DiskFull, StoreAway

CUT_SHORT = (Stop.INTERRUPTED.value, Stop.DISK.value, Stop.STORE.value, Stop.FAILED.value)
STOPS = {KeyboardInterrupt: Stop.INTERRUPTED, DiskFull: Stop.DISK, StoreAway: Stop.STORE}
Step: TypeAlias = Callable[[SweepResult], SweepResult]


@dataclass(frozen=True)
class Outcome:
    """A result, and what went wrong on the way to it.

    Attributes:
        result: What there is so far.
        problem: An exception that no code expects; trials that ended are kept, and it is raised again at the end.
    """

    result: SweepResult
    problem: Exception | None = None

    @property
    def is_cut_short(self) -> bool:
        """True if the search ended before its winner could be evaluated."""
        return self.result.stopped in CUT_SHORT

    def failed(self, problem: Exception) -> Outcome:
        """Return the outcome after an unexpected exception; the first one counts."""
        return Outcome(replace(self.result, stopped=Stop.FAILED.value), self.problem or problem)


def take_steps(outcome: Outcome, steps: Sequence[Step], log: Callable[[str], None]) -> Outcome:
    """Take steps, each from the result of the one before, until one raises.

    Args:
        outcome: Where to start from.
        steps: In order.
        log: Shows why the sweep ends early.

    Returns:
        The result of the last step that returned, and why no other followed.
    """
    result = outcome.result
    try:
        for step in steps:
            result = step(result)
    except (KeyboardInterrupt, DiskFull, StoreAway) as problem:
        log(str(problem))
        return replace(outcome, result=replace(result, stopped=STOPS[type(problem)].value))
    except Exception as problem:  # noqa: BLE001 the trials are kept; raised again at the end
        return replace(outcome, result=result).failed(problem)
    return replace(outcome, result=result)
