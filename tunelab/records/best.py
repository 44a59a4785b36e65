"""The winner of a sweep: which trial or trials, with which scores, and where its model is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tunelab.records.trial import TrialRecord


@dataclass(frozen=True)
class EnsembleMember:
    """A trial in an ensemble, and what it costs to predict with.

    Attributes:
        trial: Its number.
        weight: Its weight in the mean; all weights add up to 1.
        val_loss: Its own validation loss.
        milliseconds_per_1000_rows: Time to predict 1,000 rows, as measured on the validation split.
        bytes: Size of its weights.
    """

    trial: int
    weight: float
    val_loss: float
    milliseconds_per_1000_rows: float
    bytes: int


@dataclass(frozen=True)
class Best:
    """The winner of a sweep.

    Attributes:
        trial: Number of the trial; of an ensemble, the heaviest member's, whose run holds the model.
        run_id: Its MLflow run; empty without tracking.
        val_loss: Validation loss at its best epoch; of a function's metric that is maximised its negative
            (``SweepResult.best_value`` is the metric itself).
        epoch: Its best epoch.
        config: What was trained.
        validation: The task's scores on the validation split, by name without prefix.
        test: The same on the test split, opened once after selection; empty when the task cannot predict.
        model_uri: The logged MLflow model; empty without one.
        version: Its version as ``tunelab-<task>`` in the registry; empty without one.
        champion: Whether it is the champion.
        not_champion: Why it is not; empty when it is, or without a model.
        fault: What went wrong when the logged model was loaded back, a clause; empty when it predicts as before.
        members: Numbers of the trials it averages, the heaviest first, when it is an ensemble.
        costs: Weight, time and size of each of these.
        seed: Seed of the model where it was trained after the search, because the search had stopped the trial; None
            where the model is the trial's own.
    """

    trial: int
    run_id: str
    val_loss: float
    epoch: int
    config: Mapping[str, Any]
    validation: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    model_uri: str = ""
    version: str = ""
    champion: bool = False
    not_champion: str = ""
    fault: str = ""
    members: tuple[int, ...] = ()
    costs: tuple[EnsembleMember, ...] = ()
    seed: int | None = None

    @classmethod
    def from_trial(cls, trial: TrialRecord) -> Best:
        """Make the winner from a trial with a result, before it is scored."""
        epoch = trial.best
        assert epoch is not None  # every trial with a result has one
        return cls(trial.number, trial.run_id, trial.val_loss, epoch.epoch, dict(trial.config))
