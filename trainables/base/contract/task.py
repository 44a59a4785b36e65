"""The contract of a task: what is learned, from which data, and how one training run reports.

Nothing here imports torch, ray or mlflow, so that listing tasks costs nothing.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainables.base.contract.options import TaskOption
from trainables.base.kinds.kind import Kind  # at run time too: a stored result's facts are checked against it

if TYPE_CHECKING:
    import numpy as np
    import torch

    from search_spaces import SearchSpace

Config = Mapping[str, Any]

METRIC = "val_loss"  # every task reports it, lower is better
SPLIT_SEED = 20_261_101  # one split for all sweeps unless asked otherwise, so that their results compare


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task before anything runs.

    Attributes:
        name: as typed on the command line.
        title: one line for people.
        kind: what the target is.
        source: where the data comes from.
        licence: the data's licence.
        score: the headline metric on the test split, without prefix, e.g. ``"rmse"``, ``"accuracy"``.
        score_direction: whether a lower or a higher score is better.
        unit: the target's unit, e.g. ``"100,000 $"``; empty for classes.
        trials: default number of trials of a sweep.
        max_epochs: default budget of one trial.
        grace_period: default epochs before a trial can be stopped early; more where an epoch is only a few steps.
        note: what a user must know before believing a result.
    """

    name: str
    title: str
    kind: Kind
    source: str
    licence: str
    score: str
    score_direction: Literal["minimize", "maximize"]
    unit: str = ""
    trials: int = 32
    max_epochs: int = 27
    grace_period: int = 1
    note: str = ""


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one trial.

    Attributes:
        epoch: 1-based.
        val_loss: the loss that is optimised, on the validation split; may be NaN or inf (the trial then diverged).
        metrics: further figures by name: ``train_loss``, ``lr``, ``val_rmse`` (in the target's unit), ...
        weights: the live ``state_dict`` after this epoch; whoever keeps it copies it before the next epoch.
        save: writes a checkpoint folder from which ``fit(..., checkpoint=folder)`` goes on; None when a trial is
            cheap enough to start again.
    """

    epoch: int
    val_loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, torch.Tensor] | None = None
    save: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class TrainingData:
    """What a trial may see: the training and the validation split, preprocessed; never a test row.

    Attributes:
        arrays: by name, e.g. ``x_train`` (n, features) float32, ``y_train`` (n,) or (n, 1), ``x_val``, ``y_val``.
        facts: what a model needs to be built, JSON values, e.g. ``n_inputs``, ``n_outputs``, ``target_std``.
        digest: sha256 of everything in the splits, test rows included; equal digests mean equal data and split.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class RawSplit:
    """Rows as the user has them: inputs (a DataFrame, an image array, a list of texts) and targets (n,)."""

    inputs: Any
    targets: Any


class SealedTest:
    """The test split; opened by name only, so that every opening can be found and recorded."""

    def __init__(self, split: RawSplit) -> None:
        self._split = split

    def open(self) -> RawSplit:
        """The test rows. Callers record the opening on the sweep (see ``tunelab/evaluation/evaluate.py``)."""
        return self._split

    def __len__(self) -> int:
        return len(self._split.targets)


@dataclass(frozen=True)
class Splits:
    """A task's data, split and preprocessed.

    Attributes:
        training: what trials get.
        train: the raw training rows (pictures, importance, baselines).
        validation: the raw validation rows.
        test: the raw test rows, sealed.
        preprocessing: what a predictor needs to turn raw inputs into a model's inputs; fitted on ``train`` alone.
    """

    training: TrainingData
    train: RawSplit
    validation: RawSplit
    test: SealedTest
    preprocessing: Any = None


class Predictor(ABC):
    """A trained model with its preprocessing: raw inputs in, predictions in the target's unit out."""

    kind: ClassVar[str]  # by which ``trainables.load_predictor`` finds the class again

    @property
    def pipeline_parts(self) -> Mapping[str, Any]:
        """Of a transformers pipeline, else empty: ``model``, ``tokenizer``, ``card`` (its model card, Markdown) and
        ``facts`` (JSON values, ``licence`` among them)."""
        return {}

    @abstractmethod
    def predict(self, inputs: Any) -> Any:
        """Raw inputs to a DataFrame with a column ``prediction`` and, for classes, one ``p_<class>`` per class."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes safetensors, JSON and skops files into an existing folder; never a pickle."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Predictor:
        """Reads what ``save`` wrote; raises ``UserError`` when the folder holds something else."""


class Task(ABC):
    """One thing to learn. Subclasses give ``facts``, ``reference``, ``load`` and ``fit``; the rest has defaults."""

    facts: TaskFacts
    reference: Mapping[str, bool | int | float | str] = {}  # parameters of the search space, tried first
    space_name: str = "mlp"  # the space when none has the task's own name
    options: ClassVar[tuple[TaskOption, ...]] = ()  # keyword arguments of the constructor
    bundled_files: tuple[str, ...] = ()  # bundled data files that it reads

    def check_data(self) -> None:
        """Raises ``UserError`` when the data is missing or damaged: a quick look, before anything starts."""
        from trainables.base.contract.bundled import read_bytes

        for name in self.bundled_files:
            read_bytes(name)

    @abstractmethod
    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        """Reads, verifies, splits and preprocesses the data; the same seed gives the same splits."""

    @abstractmethod
    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        """Trains and yields one report an epoch, at most ``max_epochs``; the same arguments give the same reports."""

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> Predictor | None:
        """The trained model as users call it; None when the task has no way to predict from raw inputs."""
        return None

    def scores(self, predictor: Predictor, split: RawSplit) -> dict[str, float]:
        """Figures on raw rows (validation or the opened test split), by name without prefix, e.g. ``rmse``."""
        raise NotImplementedError(f"{type(self).__name__} has a predictor but no scores")

    def features(self, splits: Splits, inputs: Any) -> np.ndarray | None:
        """Raw inputs as a plain matrix (n, features) for baselines from scikit-learn; None when there is none."""
        return None

    def plain_features(self, splits: Splits) -> Callable[[Any], np.ndarray | None]:
        """Return a function from raw inputs to the matrix for a linear model; the one of ``features`` by default.

        Args:
            splits: the task's data; all that is fitted is fitted on its training rows.
        """
        return lambda inputs: self.features(splits, inputs)

    def tree_features(self, splits: Splits, inputs: Any) -> tuple[np.ndarray, list[int]] | None:
        """Convert raw inputs to a matrix (n, columns) for gradient boosting, and the positions of its categories.

        Categories are whole numbers from 0, negative where training never saw one. Returns ``features`` without
        categories unless a task overrides it; None when the task has no features.
        """
        found = self.features(splits, inputs)
        return None if found is None else (found, [])

    def space(self, name: str | None = None) -> SearchSpace:
        """The search space: the one named (``"mlp"``, or a Python file), else the one of this task's name or type.

        A short name is completed by the task's own space or what that is a variant of: from ``tabular``, ``"small"``
        leads to ``tabular_small``.

        Raises:
            UserError: when there is no space of that name for this task.
        """
        from search_spaces import get_space, space_names  # optuna loads only when a space is asked for

        own = self.facts.name if self.facts.name in space_names() else self.space_name
        if name is None:
            return get_space(own)
        completed = [f"{stem}_{name}" for stem in (own, own.rpartition("_")[0])]
        return get_space(next((n for n in completed if n in space_names()), name))

    def description(self) -> dict[str, Any]:
        """What the data turned out to be (rows, columns used and dropped), shown before training; JSON values."""
        return {}


def digest_arrays(*groups: Mapping[str, np.ndarray]) -> str:
    """sha256 over names, shapes, types and bytes of arrays, in name order: equal exactly when the data is equal."""
    import numpy as np

    sha = hashlib.sha256()
    for group in groups:
        for name in sorted(group):
            array = np.ascontiguousarray(group[name])
            sha.update(f"{name}{array.shape}{array.dtype.str}".encode())
            sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()
