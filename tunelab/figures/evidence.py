"""What the figures of a winner are drawn from: its curve, its predictions for the opened test split, training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from trainables import Predictor, RawSplit, TaskFacts
from trainables.base.kinds.classification import Classification, probabilities
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of, row_kind
from trainables.base.kinds.target_scale import TargetScale
from tunelab.records.trial import TrialRecord


@dataclass(frozen=True)
class Evidence:
    """A winner and its data.

    Attributes:
        facts: the task's facts.
        trial: the winner; the leading member when it is an ensemble.
        predictor: the trained model.
        train: raw training rows.
        test: raw rows of the opened test split.
        outputs: raw outputs (n, n_outputs) for ``test``; None when the model gives none (a language model).
        model_facts: ``TrainingData.facts`` of the data it was trained on.
    """

    facts: TaskFacts
    trial: TrialRecord
    predictor: Predictor
    train: RawSplit
    test: RawSplit
    outputs: np.ndarray | None
    model_facts: Mapping[str, Any]

    @property
    def target(self) -> str:
        """What is predicted, for axis labels."""
        return str(self.model_facts.get("target", "target"))

    @property
    def unit(self) -> str:
        """The target's unit, e.g. ``"mpg"``; empty for classes."""
        return self.facts.unit

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the outputs; empty for a regression."""
        return [str(name) for name in self.model_facts.get("classes", ())]

    @property
    def can_be_shown(self) -> bool:
        """Whether figures can show test rows: there are some, and a model of rows gave outputs for them."""
        has_outputs = self.outputs is not None or not isinstance(kind_of(self.facts.kind), RowKind)
        return has_outputs and len(self.test.targets) > 0

    def predicted(self) -> np.ndarray:
        """Return the predictions of a regression (n,), in the target's unit."""
        assert self.outputs is not None
        return TargetScale.from_facts(self.model_facts).to_unit(self.outputs[:, 0])

    def class_probabilities(self) -> np.ndarray:
        """Return the predicted probabilities (n, classes)."""
        assert self.outputs is not None
        return probabilities(self.outputs)

    def predicted_classes(self) -> np.ndarray:
        """Return the positions of the predicted classes (n,), by the model's own threshold where it has one."""
        return self._kind().chosen(self.class_probabilities(), self.model_facts)

    def truth(self) -> np.ndarray:
        """Return the positions of the true classes (n,)."""
        return self._kind().positions(self.test.targets, self.model_facts)

    def _kind(self) -> Classification:
        return cast(Classification, row_kind(self.facts.kind))


def gather(
    facts: TaskFacts,
    trial: TrialRecord,
    predictor: Predictor,
    train: RawSplit,
    test: RawSplit,
    model_facts: Mapping[str, Any],
) -> Evidence:
    """Predict the test split once, for all figures and tables."""
    outputs, has_rows = getattr(predictor, "outputs", None), isinstance(kind_of(facts.kind), RowKind)
    found = np.asarray(outputs(test.inputs)) if outputs is not None and has_rows else None
    return Evidence(facts, trial, predictor, train, test, found, model_facts)
