"""What a launcher tells a worker of a trial, and what the worker says. Imports no torch, which drivers load late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainables.base.task import Config

Outcome = Literal["running", "finished", "diverged", "failed"]


@dataclass(frozen=True)
class TrialPlan:
    """What a worker needs to run a trial.

    Attributes:
        number: the trial's number in its sweep.
        config: what ``fit`` gets.
        seed: what ``fit`` gets.
        max_epochs: the budget.
        milestones: epochs at which somebody decides whether the trial goes on; reported at once.
        threads: CPU threads of torch; part of what fixes the curve.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"``: cuda where there is one.
        storage: URI of the folder for weights and checkpoints; nothing is kept when empty.
        checkpoint: path in the storage to go on from; the trial starts anew when empty.
    """

    number: int
    config: Config
    seed: int
    max_epochs: int
    milestones: tuple[int, ...] = ()
    threads: int = 1
    device: str = "cpu"
    storage: str = ""
    checkpoint: str = ""


@dataclass(frozen=True)
class TrialReport:
    """What a worker says: the epochs since its last report, and how it stands.

    Attributes:
        rows: ``[epoch, val_loss, metrics, seconds]`` each; seconds of training since the trial (re)started.
        outcome: ``"running"`` until the last report.
        error: type, message and traceback of a failed trial.
        checkpoint: (epoch, path) of a checkpoint written since the last report.
        worker: hostname, pid, device, threads, and the unix time at which the trial (re)started there.
    """

    rows: list[list[Any]] = field(default_factory=list)
    outcome: Outcome = "running"
    error: str = ""
    checkpoint: tuple[int, str] | None = None
    worker: Mapping[str, Any] = field(default_factory=dict)


def weights_path(number: int) -> str:
    """Where a trial's best weights lie in its storage."""
    return f"weights/trial-{number:05d}.safetensors"
