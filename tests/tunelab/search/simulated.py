"""A launcher without Ray: plays a source's trials on slots of simulated time, in any order of events a test wants."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from search_spaces import SearchSpace
from tests.toys import TOY_SPACE
from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.search.asha import Rungs, rung_levels
from tunelab.search.asynchronous import AsynchronousOrder
from tunelab.search.controller import SearchController
from tunelab.search.deterministic import DeterministicOrder
from tunelab.search.journal import Journal
from tunelab.search.limits import SearchLimits
from tunelab.search.replay import Replay
from tunelab.search.sampling.study import StudySampler
from tunelab.search.source import NoTrial
from tunelab.search.stopping import StopRule

Loss = Callable[[TrialAssignment, int], float]  # plan and epoch to validation loss
Pace = Callable[[int, int], float]  # trial number and epoch to seconds


@dataclass
class Clock:
    """Simulated time, in place of the module ``time``."""

    now: float = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        for module in ("controller", "state", "deterministic", "steering"):
            monkeypatch.setattr(f"tunelab.search.{module}.time", self)
        return self


@dataclass
class Slots:
    """Runs a source as the launcher does; reports come at milestones, every ``chunk`` epochs, and at the end.

    Attributes:
        crashes: trial numbers whose worker dies, with the epoch at which it does, once each.
        ends: trial numbers that end by themselves, with the epoch after which they do.
        parting: seconds until such a trial says so, in a report of its own.
        halt_after: ends the search after this many reports, as a killed process does; None to search to the end.
    """

    count: int
    loss: Loss
    pace: Pace
    clock: Clock = field(default_factory=Clock)
    chunk: int = 1000
    crashes: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    parting: Callable[[int], float] = lambda number: 0.0
    halt_after: int | None = None

    def play(self, source: Any) -> None:
        order = itertools.count()
        events: list[tuple[float, int, int, TrialReport | str]] = []
        plans: dict[int, TrialAssignment] = {}
        reports = 0

        def start() -> bool:
            plan = source.next_assignment()
            if isinstance(plan, NoTrial):
                return False
            plans[plan.number] = plan
            step(plan, 0, 0.0)
            return True

        def step(plan: TrialAssignment, epoch: int, seconds: float) -> None:
            rows: list[list[Any]] = []
            if epoch == self.ends.get(plan.number):
                last = TrialReport(outcome="finished")
                heapq.heappush(events, (self.clock.now + self.parting(plan.number), next(order), plan.number, last))
                return
            while True:
                epoch += 1
                if self.crashes.get(plan.number) == epoch:
                    del self.crashes[plan.number]
                    heapq.heappush(events, (self.clock.now + 0.01, next(order), plan.number, "the worker died"))
                    return
                seconds += self.pace(plan.number, epoch)
                rows.append([epoch, self.loss(plan, epoch), {}, seconds])
                done = epoch >= plan.max_epochs
                if done or epoch in plan.milestones or epoch % self.chunk == 0 or epoch == self.ends.get(plan.number):
                    break
            spent = sum(self.pace(plan.number, row[0]) for row in rows)
            report = TrialReport(rows=rows, outcome="finished" if done else "running")
            heapq.heappush(events, (self.clock.now + spent, next(order), plan.number, report))

        while True:
            while len(plans) < self.count and start():
                pass
            if not events:
                return
            self.clock.now, _, number, what = heapq.heappop(events)
            if isinstance(what, str):
                del plans[number]
                source.on_crash(number, what)
                continue
            reports += 1
            should_continue = source.on_report(number, what)
            if should_continue and what.outcome == "running":
                step(plans[number], what.rows[-1][0], what.rows[-1][3])
            else:
                del plans[number]
            if self.halt_after is not None and reports >= self.halt_after:
                return


def make_controller(
    folder: Path,
    *,
    trials: int = 20,
    max_epochs: int = 9,
    concurrency: int = 3,
    seed: int = 0,
    history_window: int = 0,
    sampler: Any = "tpe",
    restored: Replay | None = None,
    space: SearchSpace | None = None,
    retries: int = 1,
    rungs: Rungs | None = None,
    stop: str = "never",
) -> SearchController:
    """A controller on the toy's search space."""
    return SearchController(
        SearchLimits(trials, max_epochs, concurrency, retries=retries),
        StudySampler(
            space or TOY_SPACE,
            sampler,
            seed,
            reference={"x": 0.5, "idle": "a"},
            fixed={},
            max_epochs=max_epochs,
        ),
        rungs or Rungs(rung_levels(1, 3, max_epochs), 3),
        Journal(folder),
        seed,
        order=partial(DeterministicOrder, history_window=history_window) if history_window else AsynchronousOrder,
        stop=StopRule(stop),
        restored=restored,
    )
