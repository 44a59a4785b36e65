"""What a launcher tells a worker of a trial, and what the worker says. Imports no torch, which drivers load late."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.base.contract.task import Config
from trainables.base.training.compute import Compute

Outcome = Literal["running", "finished", "diverged", "failed"]
BROKEN = "broken"  # in a report's ``worker``: true when its process cannot train any more
HAS_WEIGHTS = "has_weights"  # likewise: whether an epoch came with weights, which not every function reports


@dataclass(frozen=True)
class TrialAssignment:
    """What a worker needs to run a trial.

    Attributes:
        number: the trial's number in its sweep.
        config: what ``fit`` gets.
        seed: what ``fit`` gets.
        max_epochs: the budget.
        milestones: epochs at which the scheduler decides whether the trial continues; reported at once.
        compute: on what, and how.
        storage: URI of the folder for weights and checkpoints; nothing is kept when empty.
        checkpoint: path in the storage to continue from; the trial starts again when empty.
        best: lowest validation loss up to that checkpoint, whose weights the storage has; inf without one.
        seconds_left: until the time budget of the search is over; the last epochs before are kept as at a milestone.
    """

    number: int
    config: Config
    seed: int
    max_epochs: int
    milestones: tuple[int, ...] = ()
    compute: Compute = field(default_factory=Compute)
    storage: str = ""
    checkpoint: str = ""
    best: float = math.inf
    seconds_left: float = math.inf


@dataclass(frozen=True)
class TrialReport:
    """What a worker says: the epochs since its last report, and its outcome.

    Attributes:
        rows: ``[epoch, val_loss, metrics, seconds]`` each; seconds of training since the trial (re)started. Epochs that
            were reported before are replaced by these: a trial whose checkpoint cannot be read starts again.
        outcome: ``"running"`` until the last report.
        error: type, message and traceback of a failed trial.
        no_space: the trial failed because a disk is full.
        checkpoint: (epoch, path) of a checkpoint written since the last report.
        printed: what the trial printed since its last report.
        worker: hostname, pid, ``Compute``'s values, the unix time at which the trial (re)started there, ``BROKEN``,
            ``HAS_WEIGHTS``.
    """

    rows: list[list[Any]] = field(default_factory=list)
    outcome: Outcome = "running"
    error: str = ""
    no_space: bool = False
    checkpoint: tuple[int, str] | None = None
    printed: str = ""
    worker: Mapping[str, Any] = field(default_factory=dict)


def loss_of_weights(content: bytes) -> float:
    """Return the validation loss that a file of weights belongs to: a worker notes it in the safetensors header."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return float(header.get("__metadata__", {}).get("val_loss", "nan"))


def weights_path(number: int) -> str:
    """Return where a trial's best weights lie in its storage."""
    return f"weights/trial-{number:05d}.safetensors"
