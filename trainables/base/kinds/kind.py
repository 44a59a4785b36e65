"""What depends on the kind of a target: loss, decoding of raw outputs, metrics, encoding of targets.

One object a kind; ``registry.kind_of`` finds it by its name. Code that trains, scores, averages or draws asks the
object and never compares names. torch and pandas load where they are needed, so that a name costs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

Kind = Literal["regression", "binary", "multiclass", "images", "generator", "language_model", "function"]
TargetTransform = Literal["none", "log", "robust"]
TABLE_KINDS: tuple[Kind, ...] = ("regression", "binary", "multiclass")  # what a column of a table can be


class GradientBuffers(Protocol):
    """Preallocated tensors that a hand-written backward pass works in."""

    output_gradient: Tensor  # (rows, n_outputs), written to
    per_row: Tensor  # 1 / rows
    two: Tensor  # 2.0
    minus_ones: Tensor  # (rows, 1)


@dataclass(frozen=True)
class TargetKind(ABC):
    """A kind of target, also one without outputs for each row (a language model).

    Attributes:
        name: as ``TaskFacts.kind`` gives it.
        loss_text: Formula and unit of ``val_loss``, for people.
        has_data: whether tunelab sees the data; False for a user's own function.
        costly: whether a training takes so long that it has a GPU for itself and is not repeated for a comparison.
    """

    name: Kind
    costly: bool = False
    loss_text: str = "as the task reports it"
    has_data: bool = True


@dataclass(frozen=True)
class RowKind(TargetKind):
    """A kind whose models give raw outputs (n, n_outputs) for n rows.

    Attributes:
        classifies: whether the target is one of some classes.
        n_classes: how many classes there must be; None for any number, and for a regression.
        score, score_direction: default headline metric, and whether less or more of it is better.
    """

    classifies: ClassVar[bool]
    n_classes: ClassVar[int | None] = None
    score: ClassVar[str]
    score_direction: ClassVar[Literal["minimize", "maximize"]]

    def score_for(self, targets: pd.Series) -> str:
        """Return the headline metric for raw targets (n,), where their distribution asks for another than ``score``."""
        return self.score

    @abstractmethod
    def target_facts(self, train: np.ndarray, every: np.ndarray, transform: TargetTransform) -> dict[str, Any]:
        """Return what a model must know of the target, as JSON values, ``n_outputs`` among them.

        Args:
            train: (n,) raw targets of the training rows: all that is fitted is fitted on these.
            every: (n,) raw targets of all rows: names of classes only.
            transform: scale of a regression, see ``TargetScale``.
        """

    @abstractmethod
    def encode_target(self, targets: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        """Convert raw targets (n,) to what the loss takes, (n,): float32, or int64 class positions."""

    @abstractmethod
    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Return the loss that is optimised, a scalar: the mean over the rows of ``outputs`` (n, n_outputs)."""

    @abstractmethod
    def output_gradient(self, outputs: Tensor, target: Tensor, work: GradientBuffers) -> Tensor:
        """Return the gradient of ``loss`` with respect to the outputs (rows, n_outputs), in the buffers of ``work``."""

    @abstractmethod
    def row_losses(self, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the loss of each row, (n,) float64, whose mean is ``loss``.

        Args:
            outputs: (n, n_outputs) raw outputs.
            target: (n,) or (n, 1), as ``encode_target`` gives it.
        """

    def contradicted_losses(self, outputs: np.ndarray) -> np.ndarray | None:
        """Return the loss of each row if its target contradicted the prediction, (n,); None where that has no scale.

        Args:
            outputs: (n, n_outputs) raw outputs.
        """
        return None

    @abstractmethod
    def constant_outputs(self, target: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        """Return the raw outputs (n_outputs,) that fit encoded training targets (n,) best without any input."""

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Convert raw outputs to what may be averaged: (n, 1) targets as trained on, or (n, classes) probabilities."""

    @abstractmethod
    def encode_outputs(self, decoded: np.ndarray) -> np.ndarray:
        """Convert what ``decode`` gives back to raw outputs (n, n_outputs) float64."""

    @abstractmethod
    def decoded_loss(self, decoded: np.ndarray, target: np.ndarray) -> float:
        """Return the loss of averages of what ``decode`` gives, against encoded targets (n,)."""

    @abstractmethod
    def average(self, scores: Tensor) -> Tensor:
        """Average the raw outputs of members (members, rows, n_outputs) as ``decode`` does, to (rows, n_outputs)."""

    def outputs_of_means(self, means: Tensor) -> Tensor:
        """Convert weighted means of training targets to raw outputs (n, n_outputs).

        Args:
            means: (n, 1) targets as trained on, or (n, classes) frequencies of classes, from 0 to 1.
        """
        return means

    @abstractmethod
    def metrics(self, outputs: np.ndarray, target: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        """Return metrics by name of raw outputs (n, n_outputs) against encoded targets (n,), in the target's unit."""

    @abstractmethod
    def scores(self, outputs: np.ndarray, targets: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        """Return metrics by name of raw outputs (n, n_outputs) against raw targets (n,), in the target's unit."""

    @abstractmethod
    def frame(self, outputs: np.ndarray, facts: Mapping[str, Any], index: pd.Index | None = None) -> pd.DataFrame:
        """Return predictions as users read them: ``prediction`` and, for classes, ``p_<class>``, probabilities."""
