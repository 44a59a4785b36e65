"""The leading trials with their models, and what these predict for the validation rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from trainables import Predictor, Splits, Task
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of
from trainables.base.training.ensemble import SharedInputs, is_member
from tunelab.evaluation.weights import LeadingWeights
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import TrialRecord

KEEP_WEIGHTS = 5  # leading trials whose weights are kept until the end, beside some of each family
MAX_CANDIDATES = 20  # the same where an ensemble may be made of them


@dataclass(frozen=True)
class Candidates:
    """Leading trials whose models give outputs for each row, best validation loss first.

    Attributes:
        kind: Kind of the target.
        trials: The trials.
        predictors: Their models at the best epoch.
        decoded: (trials, rows, outputs) what they predict for the validation rows, as ``RowKind.decode`` gives it.
        target: (rows,) encoded targets of the validation rows.
        seconds: Seconds that each model took to predict the validation rows.
        sizes: Bytes of each model's weights.
    """

    kind: RowKind
    trials: tuple[TrialRecord, ...]
    predictors: tuple[Predictor, ...]
    decoded: np.ndarray
    target: np.ndarray
    seconds: tuple[float, ...]
    sizes: tuple[int, ...]

    @property
    def row_losses(self) -> np.ndarray:
        """(trials, rows) the loss of each validation row."""
        return np.stack([self.kind.row_losses(self.kind.encode_outputs(one), self.target) for one in self.decoded])


def kept_weights(spec: SweepSpec) -> int:
    """Return the number of leading trials of any family whose weights are kept until the end of a sweep."""
    return max(KEEP_WEIGHTS, MAX_CANDIDATES if spec.ensemble else 0, spec.confirm_top or 0)


def load_candidates(result: SweepResult, task: Task, splits: Splits, weights: LeadingWeights) -> Candidates | None:
    """Load the models of the leading trials and predict the validation rows with each.

    Args:
        result: The sweep, with a trial that has a result.
        task: What it learned.
        splits: The task's data.
        weights: Weights of the leading trials.

    Returns:
        None when the models give no outputs for each row, e.g. language models.
    """
    kind, arrays = kind_of(task.facts.kind), splits.training.arrays
    if not isinstance(kind, RowKind) or "y_val" not in arrays:
        return None
    validation = SharedInputs(splits.validation.inputs)
    trials, predictors, decoded, seconds, sizes = [], [], [], [], []
    for trial in weights.kept(result.ranked()):
        state = weights.load(trial, task, splits.training)
        predictor = task.predictor(trial.config, state, splits) if state else None
        if predictor is None:
            return None
        predictors.append(predictor)
        if not is_member(predictor):
            return None
        SharedInputs(splits.validation.inputs[:1]).outputs(predictor)  # a first call costs what no other one does
        began = time.perf_counter()
        decoded.append(kind.decode(np.asarray(validation.outputs(predictor))))
        seconds.append(time.perf_counter() - began)
        sizes.append(sum(part.numel() * part.element_size() for part in state.values()))
        trials.append(trial)
    if not trials:
        return None
    target = np.asarray(arrays["y_val"]).reshape(-1)
    return Candidates(kind, tuple(trials), tuple(predictors), np.stack(decoded), target, tuple(seconds), tuple(sizes))
