"""A trained model on a table: raw columns in, the target in its unit (or a class with probabilities) out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from trainables.base.contract.data import RawSplit
from trainables.base.contract.files.damage import reading
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import Config
from trainables.base.kinds.classification import THRESHOLD
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.metrics import best_threshold
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.columns.categories import CategoryEncoding
from trainables.base.tables.families.registry import family_of
from trainables.base.tables.index_levels import with_index_levels
from trainables.base.tables.inputs import TableInputs, encode_rows
from trainables.base.tables.preprocessing import TablePreprocessing
from trainables.base.training.model_files import load_meta, save_meta

if TYPE_CHECKING:
    from torch import Tensor


class TablePredictor(Predictor):
    """Preprocessing and model of one trial.

    Args:
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        config: the trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on.
        weights: of a report of ``Family.fit``.
        preprocessing: fitted on the training rows.
    """

    kind: ClassVar[str] = "table"
    reads = "table"

    def __init__(
        self,
        kind: Kind,
        config: Config,
        facts: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        preprocessing: TablePreprocessing,
    ) -> None:
        self.task_kind = kind
        self.config = config
        self.facts = facts
        self.preprocessing = preprocessing
        self._categories = CategoryEncoding.from_json(facts.get("categories", {}))
        self._family = family_of(config)
        self._weights = weights
        self.model = self._family.model(config, facts, weights)

    def outputs(self, inputs: pd.DataFrame) -> np.ndarray:
        """Convert (n, raw columns) to the model's raw outputs (n, n_outputs) float32."""
        return self.encoded_outputs(self.encode(inputs))

    def encode(self, inputs: pd.DataFrame) -> TableInputs:
        """Prepare (n, raw columns) for the model."""
        return encode_rows(inputs, self.preprocessing, self._categories)

    def encoded_outputs(self, encoded: TableInputs) -> np.ndarray:
        """Convert what ``encode`` returned to raw outputs (n, n_outputs) float32."""
        if not len(encoded):
            return np.zeros((0, int(self.facts["n_outputs"])), np.float32)
        return self.model.outputs(encoded)

    def predict(self, inputs: pd.DataFrame) -> pd.DataFrame:
        """Predict raw rows: a column ``prediction``; for classes also ``p_<class>``, the probabilities."""
        return row_kind(self.task_kind).frame(self.outputs(with_index_levels(inputs)), self.facts, inputs.index)

    def tune_threshold(self, validation: RawSplit) -> None:
        """Set the probability above which the second class is predicted to that of the best F1.

        Args:
            validation: rows that chose the model; never the test rows.
        """
        kind = row_kind(self.task_kind)
        positive = kind.encode_target(validation.targets, self.facts) > 0.5
        if positive.any():
            found = kind.decode(self.outputs(validation.inputs))[:, 1]
            self.facts = {**self.facts, THRESHOLD: best_threshold(positive, found)}

    def save(self, folder: Path) -> None:
        self._family.save(self._weights, folder)
        self.preprocessing.save(folder)
        save_meta(folder, self.kind, self.task_kind, self.config, self.facts)

    @classmethod
    def load(cls, folder: Path) -> TablePredictor:
        meta = load_meta(folder)
        kind = meta.kind
        with reading(meta.path):
            weights = family_of(meta.config).load(folder)
        preprocessing = TablePreprocessing.load(folder)
        with reading(meta.path):
            return cls(kind, meta.config, meta.facts, weights, preprocessing)

    def trial_input(self) -> pd.DataFrame:
        return pd.DataFrame({name: [None] for name in self.preprocessing.columns.names}, dtype=object)
