"""What a benchmark of the expected loss measures: validated once, before anything trains."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.harness.spec import SuiteSpec
from search_spaces import UserError, unknown
from trainables import task_classes
from trainables.base.tables.tabular import TabularTask

SIMULATION = "simulation"  # in place of a table: made-up row losses whose true means are known
TASKS = ("wine", "heart_disease", "auto_mpg", "boston_housing", "california_housing", "diamonds")
LEAST = {"simulated": 0, "sweeps": 0, "trials": 2, "max_epochs": 1, "rows": 100, "seed": 0}


@dataclass(frozen=True)
class OptimismSpec(SuiteSpec):
    """A benchmark of the expected loss.

    Attributes:
        tasks: Names of bundled tables.
        simulated: Number of simulated selections.
        sweeps: Number of sweeps of each table, each on a split of its own.
        trials: Number of trials of a sweep.
        max_epochs: Budget of a trial, epochs.
        rows: Maximum number of rows of a table; of a larger one each sweep takes as many at random.
        space: Search space.
        seed: From which all other seeds are derived.
    """

    tasks: tuple[str, ...] = TASKS
    simulated: int = 300
    sweeps: int = 40
    trials: int = 20
    max_epochs: int = 27
    rows: int = 2_000
    space: str = "mlp_small"
    seed: int = 0


def check(spec: OptimismSpec) -> None:
    """Raise ``UserError`` for a task that is not a bundled table, or a number below its minimum."""
    known = {n for n, cls in task_classes().items() if issubclass(cls, TabularTask) and hasattr(cls, "facts")}
    for task in spec.tasks:
        if task not in known:
            raise unknown("table", task, known)
    for name, least in LEAST.items():
        if getattr(spec, name) < least:
            option = name.replace("_", "-")
            raise UserError(f"--{option} must be {least} or more, got {getattr(spec, name)}.")
