"""The trials' best weights: those of leading trials and of the reference are kept, others are removed early."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainables import Task, TrainingData
from trainables.base.worker.assignment import HAS_WEIGHTS, loss_of_weights, weights_path
from trainables.base.worker.storage import Storage
from tunelab.launch.retraining import train_with_weights
from tunelab.records.trial import TrialRecord

if TYPE_CHECKING:  # torch loads when weights are read: training begins without it
    import torch


KEEP_EACH = 3  # leading trials of each family of models: an ensemble of one family alone has less to average
REFERENCE = 0  # the number of the trial with the task's own configuration, unless a space or --set has no such


class LeadingWeights:
    """Keeps the weight files of the best trials, of the best of each family, and of the reference.

    Args:
        uri: The sweep's storage.
        keep: Number of trials of any family.
    """

    def __init__(self, uri: str, keep: int) -> None:
        self._storage = Storage(uri)
        self._keep = keep
        self._leading: list[tuple[float, int, str]] = []  # loss, number and family, best first

    def ended(self, trial: TrialRecord) -> None:
        """Note a trial's result and remove the files that are no longer needed."""
        self._storage.delete(f"checkpoints/trial-{trial.number:05d}")
        if not trial.has_result:
            self._storage.delete(weights_path(trial.number))
            return
        self.rank(trial)

    def rank(self, trial: TrialRecord) -> None:
        """Keep a trial's weights as long as it leads; its checkpoint stays, from which it may continue."""
        if trial.number == REFERENCE or not trial.has_result:
            return
        bisect.insort(self._leading, (trial.val_loss, trial.number, str(trial.config.get("family", ""))))
        kept: list[tuple[float, int, str]] = []
        of_family = Counter[str]()
        for one in self._leading:
            of_family[one[2]] += 1
            if len(kept) < self._keep or (one[2] and of_family[one[2]] <= KEEP_EACH):
                kept.append(one)
            else:
                self._storage.delete(weights_path(one[1]))
        self._leading = kept

    def kept(self, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return those of these trials whose weights were kept."""
        numbers = {REFERENCE, *(number for _, number, _ in self._leading)}
        return [trial for trial in trials if trial.number in numbers]

    def load(self, trial: TrialRecord, task: Task, data: TrainingData) -> dict[str, torch.Tensor]:
        """Return a trial's weights at its best epoch, none of a trial that never had any.

        It is trained again, exactly, when there is no file of that epoch.

        The file is of another epoch when a worker continued after the last epoch that counts: beyond the rung at which
        its trial was stopped in deterministic mode, or beyond the checkpoint from which another worker continued.
        """
        if not trial.worker.get(HAS_WEIGHTS, True):
            return {}
        from safetensors.torch import load

        try:
            content = self._storage.read(weights_path(trial.number))
        except FileNotFoundError:
            return retrain(trial, task, data)
        if loss_of_weights(content) != trial.val_loss:
            return retrain(trial, task, data)
        weights: dict[str, torch.Tensor] = load(content)
        return weights

    def remove(self) -> None:
        """Remove all files: the winner is in the store by now."""
        self._storage.delete("weights")
        self._storage.delete("checkpoints")


def retrain(trial: TrialRecord, task: Task, data: TrainingData) -> dict[str, torch.Tensor]:
    """Train a trial again up to its best epoch.

    Returns:
        The weights of that epoch; empty when the task yields none.

    Raises:
        RuntimeError: The training failed this time.
    """
    best = trial.best
    if best is None:
        raise ValueError(f"trial {trial.number} has no finite epoch")
    run, weights = train_with_weights(trial, task, data, best.epoch)
    if run.error:
        raise RuntimeError(f"trial {trial.number} could not be trained again: {run.error.partition(chr(10))[0]}")
    return weights
