"""A trained model of texts: a column of texts in, the class with probabilities (or the target in its unit) out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import reading
from trainables.base.contract.predictor import Predictor, Reads
from trainables.base.contract.task import Config
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind
from trainables.base.text.characters import Characters
from trainables.base.text.explanation import explain
from trainables.base.text.networks import build_text_model
from trainables.base.text.reader import Reader, text_cells
from trainables.base.training.model_files import load_meta, load_weights, save_meta, save_weights
from trainables.base.training.restoring import restore

BATCH = 256  # texts of a forward pass


class TextPredictor(Predictor):
    """Alphabet and network of one trial.

    Attributes:
        rows_at_once: Texts of a forward pass.

    Args:
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        config: The trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on; ``text`` is the column that it reads.
        weights: State dict of the network.
        reader: Fitted on the training texts.
    """

    kind: ClassVar[str] = "text"
    reads: Reads = "table"
    rows_at_once: ClassVar[int] = BATCH

    def __init__(
        self,
        kind: Kind,
        config: Config,
        facts: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        reader: Reader,
    ) -> None:
        self.task_kind = kind
        self.config = config
        self.facts = facts
        self.columns = (str(facts["text"]),)
        self.preprocessing = reader
        self.model = self._network(weights)

    def _network(self, weights: Mapping[str, Tensor]) -> nn.Module:
        return restore(lambda: build_text_model(self.config, self.facts), self.config, weights)

    def outputs(self, inputs: pd.DataFrame) -> np.ndarray:
        """Convert n rows with the column of texts to raw outputs (n, n_outputs) float32."""
        return self.encoded_outputs(self.encode(inputs))

    def encode(self, inputs: pd.DataFrame) -> Tensor:
        """Prepare n rows for the network: character numbers (n, length) int32.

        Raises:
            UserError: The column is missing.
        """
        (column,) = self.columns
        if column not in inputs.columns:
            raise UserError(f"The input lacks the column '{column}', which the model reads.")
        return torch.from_numpy(self.preprocessing.transform(text_cells(inputs[column])))

    def encoded_outputs(self, encoded: Tensor) -> np.ndarray:
        """Convert what ``encode`` returned to raw outputs (n, n_outputs) float32."""
        if not len(encoded):
            return np.empty((0, int(self.facts["n_outputs"])), dtype=np.float32)
        with torch.inference_mode():
            return torch.cat([self.model(part) for part in torch.split(encoded, self.rows_at_once)]).numpy()

    def predict(self, inputs: pd.DataFrame) -> pd.DataFrame:
        """Predict rows: a column ``prediction``; for classes also ``p_<class>``, the probabilities."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts, inputs.index)

    def explain(self, text: str) -> pd.DataFrame:
        """Say what each word of a text contributes, by leaving it out.

        Args:
            text: To predict.

        Returns:
            See ``explain``.
        """
        return explain(self, self.columns[0], self.task_kind, text)

    def trial_input(self) -> pd.DataFrame:
        return pd.DataFrame({name: ["a"] for name in self.columns})

    def save(self, folder: Path) -> None:
        save_weights(folder, self.model.state_dict())
        self.preprocessing.save(folder)
        save_meta(folder, self.kind, self.task_kind, self.config, self.facts)

    @classmethod
    def load(cls, folder: Path) -> TextPredictor:
        meta, weights, characters = load_meta(folder), load_weights(folder), Characters.load(folder)
        with reading(meta.path):
            return cls(meta.kind, meta.config, meta.facts, weights, characters)
