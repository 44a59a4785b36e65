"""What a benchmark of confirmation simulates: validated once, before anything trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.harness.spec import SuiteSpec
from search_spaces import UserError, unknown
from trainables import task_classes
from trainables.base.tables.tabular import TabularTask

TASKS = ("wine", "heart_disease", "auto_mpg")
SPACE = "mlp_small"  # perceptrons alone: what is planted is a weak perceptron
NOISE = "noise"  # labels shuffled over training and validation rows: nothing can be learned
WEAK = {"n_layers": 1, "width_1": 8, "dropout": 0.5}
PLANTED: Mapping[
    str, Mapping[str, bool | int | float | str]
] = {  # real labels; what makes the reference worse than it is
    "weak reference": WEAK,
    "very weak reference": {**WEAK, "lr": 2e-4},
}
CASES = (NOISE, *PLANTED)


@dataclass(frozen=True)
class ConfirmationSpec(SuiteSpec):
    """A benchmark.

    Attributes:
        tasks: names of bundled tables.
        sweeps: simulated sweeps of each task on noise.
        planted: simulated sweeps of each task and each weak reference.
        trials: of a sweep, the reference among them.
        max_epochs: of a trial.
        seeds: fresh seeds of a confirmation.
        top: how many of the best are confirmed beside the reference.
        seed: from which the sweeps' seeds are derived.
    """

    tasks: tuple[str, ...] = TASKS
    sweeps: int = 100
    planted: int = 30
    trials: int = 20
    max_epochs: int = 27
    seeds: int = 5
    top: int = 3
    seed: int = 0

    def count(self, case: str) -> int:
        """Return the number of sweeps that each task has of a case."""
        return self.sweeps if case == NOISE else self.planted


def check(spec: ConfirmationSpec) -> None:
    """Raise ``UserError`` for a task that is not a bundled table, or a number below its least."""
    known = {n for n, cls in task_classes().items() if issubclass(cls, TabularTask) and hasattr(cls, "facts")}
    for task in spec.tasks:
        if task not in known:
            raise unknown("table", task, known)
    least = {"sweeps": 1, "planted": 0, "trials": 2, "max_epochs": 1, "seeds": 2, "top": 1, "seed": 0}
    for name, value in least.items():
        if getattr(spec, name) < value:
            option = name.replace("_", "-")
            raise UserError(f"--{option} must be {value} or more, got {getattr(spec, name)}.")
