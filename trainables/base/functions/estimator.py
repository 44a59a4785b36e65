"""The predictor of a task whose trials train an estimator of scikit-learn on standardised arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trainables.base.contract.arrays import standardised
from trainables.base.contract.files.damage import entry, read_object
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import Config
from trainables.base.functions.models import ReportedModel
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind

if TYPE_CHECKING:
    import pandas as pd
    import torch

META = "predictor.json"


class EstimatorPredictor(Predictor):
    """A fitted estimator with the scaling of its inputs and the classes or the unit of its target.

    Args:
        weights: what ``to_tensors`` gave.
        config: of the trial.
        facts: ``TrainingData.facts``, as ``split_arrays`` makes them.
        task_kind: kind of the target.
    """

    kind: ClassVar[str] = "estimator"

    def __init__(
        self, weights: Mapping[str, torch.Tensor], config: Config, facts: Mapping[str, Any], task_kind: Kind
    ) -> None:
        self.facts, self.task_kind = dict(facts), task_kind
        self.preprocessing = None
        self._model = ReportedModel(weights, config)
        self._estimator = self._model.native()

    @property
    def flavour(self) -> str:
        return self._model.flavour

    def native(self) -> Any:
        """Return the estimator itself, which reads standardised arrays."""
        return self._estimator

    def encode(self, inputs: Any) -> np.ndarray:
        """Standardise raw inputs (n, features)."""
        return standardised(inputs, self.facts)

    def encoded_outputs(self, encoded: np.ndarray) -> np.ndarray:
        """Return outputs as those of a network: the standardised target (n, 1), or logits of the classes."""
        kind = row_kind(self.task_kind)
        if kind.classifies:
            return kind.encode_outputs(self._estimator.predict_proba(encoded))
        return np.asarray(self._estimator.predict(encoded), dtype=np.float64).reshape(-1, 1)

    def outputs(self, inputs: Any) -> np.ndarray:
        """Return ``encoded_outputs`` of raw inputs."""
        return self.encoded_outputs(self.encode(inputs))

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Return a column ``prediction``, and for classes one ``p_<class>`` a class."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts, getattr(inputs, "index", None))

    def save(self, folder: Path) -> None:
        self._model.save(folder)
        meta = read_object(folder / META) | {"predictor": self.kind, "facts": self.facts, "kind": self.task_kind}
        (folder / META).write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EstimatorPredictor:
        file = folder / META
        meta, model = read_object(file), ReportedModel.load(folder)
        kind: Any = entry(meta, "kind", str, file)
        return cls(model.weights, model.config, entry(meta, "facts", dict, file), kind)
