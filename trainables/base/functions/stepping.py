"""Running a function that pushes reports as a generator that yields them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from greenlet import getcurrent, greenlet

from trainables.base.contract.task import EpochReport
from trainables.base.functions.trial import TrialStopped

Send = Callable[[EpochReport], None]
MAX_STOPS = 100  # reports of a function that ignores that it was stopped


def step_through(function: Callable[[Send], Any]) -> Iterator[EpochReport]:
    """Run a function, pausing it at each report.

    The function runs in the caller's thread (as a greenlet), so that torch's thread-local settings and signal handlers
    are those of the trial. Closing the generator raises ``TrialStopped`` inside the function, which then cleans up.

    Args:
        function: takes a callable that delivers one report.

    Yields:
        The reports, and a last one when the function returns an ``EpochReport``.

    Raises:
        Exception: what the function raises.
    """
    caller = getcurrent()

    def deliver(report: EpochReport) -> None:
        caller.switch(report)

    running = greenlet(lambda: function(deliver))
    try:
        report = running.switch()
        while not running.dead:
            yield report
            caller = getcurrent()  # the generator may be resumed from elsewhere
            report = running.switch()
        if isinstance(report, EpochReport):
            yield report
    finally:
        if not running.dead:
            _stop(running)


def _stop(running: greenlet) -> None:
    """End a paused function: it may clean up, and further reports go nowhere.

    A function that catches ``TrialStopped`` and continues is told so again, a limited number of times.
    """
    for _ in range(MAX_STOPS):
        try:
            running.throw(TrialStopped)
        except TrialStopped:
            return
        if running.dead:
            return


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the process-wide random numbers of ``random``, numpy and torch inside the block; restore them on exit."""
    import torch

    before = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
