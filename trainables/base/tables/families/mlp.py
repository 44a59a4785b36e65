"""Mlp: one perceptron on the plain inputs, the model of the course notes; its training is written out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.tables.families.family import Family, NetworkModel, TableModel
from trainables.base.training.mlp import MLP, fit_mlp


class Perceptron(Family):
    """``MLP``; configuration: ``hidden_sizes``, ``dropout``, ``lr``, ``weight_decay``, ``batch_size``."""

    name: ClassVar[str] = "mlp"

    def fit(
        self, config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
    ) -> Iterator[EpochReport]:
        return fit_mlp(config, data, seed, kind=kind, max_epochs=max_epochs, device=device)

    def model(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TableModel:
        def build() -> MLP:
            return MLP(facts["n_inputs"], config["hidden_sizes"], facts["n_outputs"], config["dropout"])

        return NetworkModel(build, config, weights)
