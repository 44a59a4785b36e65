"""The work that all competitors do: one list of configurations on one data set, in files that a peer's script reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables import TrainingData

WORK = "work.json"
DATA = "data.npz"
SPACE = "mlp"  # of the tables that are measured: every peer trains perceptrons


@dataclass(frozen=True)
class Work:
    """What is to be trained.

    Attributes:
        task: a task's name.
        max_epochs, grace_period, reduction_factor: budget of a trial and asynchronous successive halving.
        concurrency: trials at once, each on one thread.
        device: ``"cpu"`` or ``"cuda"``.
        seed: of the sweep that proposes just these configurations.
        params: of each trial, names and values in the search space.
        configs: of each trial, what ``fit`` gets.
        seeds: of each trial.
    """

    task: str
    max_epochs: int
    grace_period: int
    reduction_factor: int
    concurrency: int
    device: str
    seed: int
    params: tuple[dict[str, Any], ...]
    configs: tuple[dict[str, Any], ...]
    seeds: tuple[int, ...]

    @property
    def trials(self) -> int:
        return len(self.configs)

    def write(self, folder: Path, data: TrainingData) -> None:
        """Write the work and its data, for ``read_work``."""
        (folder / WORK).write_text(json.dumps({**asdict(self), "facts": dict(data.facts), "digest": data.digest}))
        arrays: dict[str, Any] = dict(data.arrays)
        np.savez(folder / DATA, **arrays)


def read_work(folder: Path) -> tuple[Work, TrainingData]:
    """Return the work and the data that ``Work.write`` left in a folder."""
    values: dict[str, Any] = json.loads((folder / WORK).read_text())
    facts, digest = values.pop("facts"), values.pop("digest")
    for key in ("params", "configs", "seeds"):
        values[key] = tuple(values[key])
    work = Work(**values)
    with np.load(folder / DATA) as arrays:
        return work, TrainingData(dict(arrays), facts, digest)


def make_work(task_name: str, trials: int, max_epochs: int, concurrency: int, device: str, seed: int = 0) -> Work:
    """Return the configurations that a random sweep of this task and seed proposes, its reference first."""
    from trainables import get_task
    from tunelab.records.seeds import trial_seed
    from tunelab.search.sampling.study import StudySampler

    task = get_task(task_name)
    proposals = StudySampler(task.space(SPACE), "random", seed, reference=task.reference, fixed={})
    drawn = [proposals.suggest(number) for number in range(trials)]
    return Work(
        task=task_name,
        max_epochs=max_epochs,
        grace_period=1,
        reduction_factor=3,
        concurrency=concurrency,
        device=device,
        seed=seed,
        params=tuple(params for params, _ in drawn),
        configs=tuple(dict(config) for _, config in drawn),
        seeds=tuple(trial_seed(seed, number) for number in range(trials)),
    )
