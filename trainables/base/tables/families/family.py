"""A family of models on tables: how it is trained, kept and asked for outputs. One file a family beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.tables.inputs import TableInputs
from trainables.base.training.model_files import load_weights, save_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

ROWS = 8192  # rows of one forward pass at prediction; bounds memory on large inputs


class TableModel(Protocol):
    """A trained model: rows in, raw outputs out."""

    def outputs(self, inputs: TableInputs) -> np.ndarray:
        """Return raw outputs (n, n_outputs) float32: the standardised target, or logits."""


class Family(ABC):
    """One family: its configuration's key ``family`` holds ``name``."""

    name: ClassVar[str]

    @abstractmethod
    def fit(
        self, config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
    ) -> Iterator[EpochReport]:
        """Train one model and yield a report an epoch; see ``Task.fit``.

        Args:
            config: the family's hyperparameters, as its part of the search space gives them.
            data: arrays ``x_train`` (n, n_inputs) float32, ``y_train`` (n,), the same of ``x_val`` and ``y_val``, and
                where there are categorical columns ``codes_train``, ``codes_val`` (n, columns) int32; facts as
                ``build_splits`` makes them.
            seed: fixes initial weights, order of rows, dropout and every other draw.
            kind: of the target.
            max_epochs: budget.
            device: of torch, ``"cpu"`` or ``"cuda"``.
        """

    @abstractmethod
    def model(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TableModel:
        """Build the trained model from the weights of a report and the facts of the data it was trained on."""

    def save(self, weights: Mapping[str, Tensor], folder: Path) -> None:
        """Write the weights into a folder, never as a pickle; safetensors unless the family has its own format."""
        save_weights(folder, weights)

    def load(self, folder: Path) -> dict[str, Tensor]:
        """Read what ``save`` wrote."""
        return load_weights(folder)


class NetworkModel:
    """A torch network on ``TableInputs.x``.

    Args:
        build, config, weights: as for ``restore``.
    """

    def __init__(self, build: Callable[[], nn.Module], config: Config, weights: Mapping[str, Tensor]) -> None:
        from trainables.base.training.restoring import restore

        self.network = restore(build, config, weights)

    def outputs(self, inputs: TableInputs) -> np.ndarray:
        import torch

        with torch.inference_mode():
            parts = [self.network(part) for part in torch.split(torch.from_numpy(inputs.x), ROWS)]
            found: np.ndarray = torch.cat(parts).float().reshape(len(inputs), -1).numpy()
        return found
