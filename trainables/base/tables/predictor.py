"""A trained MLP on a table: raw columns in, the target in its unit (or a class with probabilities) out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from trainables.base.contract.task import Config, Predictor, RawSplit
from trainables.base.kinds.classification import THRESHOLD
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.metrics import best_threshold
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.preprocessing import TablePreprocessing
from trainables.base.training.embeddings import build_embedded_mlp
from trainables.base.training.mlp import MLP

BATCH = 65_536  # rows a forward pass; bounds memory on large inputs


class TablePredictor(Predictor):
    """Preprocessing and network of one trial.

    Args:
        kind: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        config: the trial's configuration.
        facts: ``TrainingData.facts`` of the data it was trained on.
        weights: state dict of the network.
        preprocessing: fitted on the training rows.
    """

    kind: ClassVar[str] = "table"

    def __init__(
        self,
        kind: Kind,
        config: Config,
        facts: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        preprocessing: TablePreprocessing,
    ) -> None:
        self.task_kind = kind
        self.config = config
        self.facts = facts
        self.preprocessing = preprocessing
        self.model = build_model(config, facts)
        self.model.load_state_dict(dict(weights))
        self.model.eval()

    def outputs(self, inputs: pd.DataFrame) -> np.ndarray:
        """(n, raw columns) to the network's raw outputs (n, n_outputs) float32."""
        x = torch.from_numpy(self.preprocessing.transform(inputs))
        with torch.inference_mode():
            return torch.cat([self.model(part) for part in torch.split(x, BATCH)]).reshape(len(x), -1).numpy()

    def predict(self, inputs: pd.DataFrame) -> pd.DataFrame:
        """A column ``prediction``; for classes also ``p_<class>``, the probabilities."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts, inputs.index)

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
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, folder / "weights.safetensors")
        self.preprocessing.save(folder)
        meta = {"predictor": self.kind, "kind": self.task_kind, "config": self.config, "facts": self.facts}
        (folder / "predictor.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TablePredictor:
        meta = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
        return cls(
            kind=meta["kind"],
            config=meta["config"],
            facts=meta["facts"],
            weights=load_file(folder / "weights.safetensors"),
            preprocessing=TablePreprocessing.load(folder),
        )


def build_model(config: Config, facts: Mapping[str, Any]) -> torch.nn.Module:
    """The network that a configuration describes, for data with these facts."""
    if config.get("embedding"):
        return build_embedded_mlp(config, facts)
    return MLP(facts["n_inputs"], config["hidden_sizes"], facts["n_outputs"], config["dropout"])
