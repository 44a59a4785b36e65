"""Tasks as Ray trainables: the one place that calls ``ray.tune.report``. Ray is imported when it is used."""

from __future__ import annotations

import copyreg
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from trainables.base.contract.data import TrainingData
from trainables.base.contract.objective import METRIC
from trainables.base.contract.task import Task

TASK_FILE = "tunelab_task_"  # how the modules of users' own task files are named
LARGE = 1e30  # replaces NaN and inf on the way through Ray, which ends a whole experiment on them


def as_trainable(
    task: Task, data: TrainingData | None = None, *, max_epochs: int | None = None, seed: int = 0
) -> Callable[[Mapping[str, Any]], None]:
    """Make a function trainable for a bare ``ray.tune.Tuner``; it reports ``val_loss``, ``epoch`` and metrics.

    Args:
        task: What to train.
        data: The splits that trials get; loaded here when None, so that no worker ever holds a test row.
        max_epochs: Number of epochs of a trial at most; the task's default when None.
        seed: Of every trial.

    Returns:
        A function of a configuration. NaN and inf are reported as ``LARGE``, since Ray ends an experiment on them.
    """
    send_by_value(task)
    training = task.load().training if data is None else data

    def train(config: Mapping[str, Any]) -> None:
        from ray import tune

        budget = max_epochs or task.facts.max_epochs
        for report in task.fit(config, training, seed, max_epochs=budget):
            tune.report({**report.metrics, METRIC: finite(report.val_loss), "epoch": report.epoch})

    return train


def send_by_value(task: Task) -> None:
    """Let a task from the user's own file travel to workers by value: they cannot import it by name."""
    from ray import cloudpickle

    for name in task.modules:
        cloudpickle.register_pickle_by_value(sys.modules[name])
    module = sys.modules[type(task).__module__]
    if module.__name__.startswith(TASK_FILE):
        cloudpickle.register_pickle_by_value(module)
        copyreg.pickle(type(task), _packed)


def add_to_path(folder: str | Path) -> None:
    """Let a task file import what lies beside it."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _packed(task: Task) -> tuple[Any, ...]:
    """Pack a task of a file so that its folder is on the path before anything of it is imported."""
    from ray import cloudpickle

    folder = Path(str(sys.modules[type(task).__module__].__file__)).parent
    make, arguments, *state = cast("tuple[Any, ...]", task.__reduce_ex__(4))
    return _unpacked, (str(folder), cloudpickle.dumps((make, arguments))), *state


def _unpacked(folder: str, content: bytes) -> Any:
    from ray import cloudpickle

    add_to_path(folder)
    make, arguments = cloudpickle.loads(content)
    return make(*arguments)


def finite(value: float) -> float:
    """Return the value itself, or a large number in place of NaN and inf."""
    return value if math.isfinite(value) else LARGE
