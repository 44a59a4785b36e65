"""The contract of a task: what is learned, from which data, and how one training run reports.

Nothing here imports torch, ray or mlflow, so that listing tasks costs nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from trainables.base.contract.data import RawSplit, Splits, TrainingData
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.options import TaskOption
from trainables.base.contract.predictor import Predictor

if TYPE_CHECKING:
    import numpy as np
    import torch

    from search_spaces import SearchSpace

Config = Mapping[str, Any]

SPLIT_SEED = 20_261_101  # one split for all sweeps unless asked otherwise, so that their results compare


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one trial, as ``Task.fit`` yields it.

    Attributes:
        epoch: Number of the epoch, from 1.
        val_loss: The loss that the search minimises, on the validation split: for a regression the mean squared error
            of the standardised target, for classes the cross entropy in nats. NaN or inf ends the trial as diverged.
        metrics: Further numbers by name: ``train_loss``, ``lr``, ``val_rmse`` (in the target's unit), ... Names may
            have letters, digits, blanks and ``_ - . : /``.
        weights: What ``Task.predictor`` builds the model from, by name; the live tensors, valid until the next epoch
            begins, so that a caller that keeps them copies them, unless they are ``LastingWeights``. None when no
            model is to be kept.
        save: Writes a checkpoint into an existing folder, from which ``fit(..., checkpoint=folder)`` continues. None
            when a trial is cheap enough to start again.
        is_last: True if the trial ends with this epoch, whatever its budget, so that no rung can stop it.
    """

    epoch: int
    val_loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, torch.Tensor] | None = None
    save: Callable[[Path], None] | None = None
    is_last: bool = False


class Task(ABC):
    """One thing to learn. Subclasses give ``facts``, ``reference``, ``load`` and ``fit``; the rest has defaults.

    A task object travels to every worker: it keeps its options and no data.

    Attributes:
        facts: What is known before anything runs.
        reference: Parameters of the search space, tried first; in a space with branches (families) also those of the
            other branches, each of which is tried once. Empty for none.
        further_references: Parameters of further trials that a search begins with, each after the reference of its
            branch.
        space_name: The search space when none has the task's own name.
        options: The constructor's keyword arguments, which are also options of ``tunelab sweep``.
        bundled_files: Names of the bundled data files that it reads.
        unread: Columns of raw rows that no model reads, which importances and histograms leave out.
    """

    facts: TaskFacts
    reference: Mapping[str, bool | int | float | str] = {}
    further_references: Sequence[Mapping[str, bool | int | float | str]] = ()
    space_name: str = "mlp"
    options: ClassVar[tuple[TaskOption, ...]] = ()
    bundled_files: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def modules(self) -> tuple[str, ...]:
        """Names of loaded modules that workers may lack, so that their code travels with the task."""
        return ()

    def check_data(self) -> None:
        """Check that the data is there and undamaged: a quick look, before anything starts.

        Raises:
            UserError: It is missing or damaged.
        """
        from trainables.base.contract.files.bundled import read_bytes

        for name in self.bundled_files:
            read_bytes(name)

    @abstractmethod
    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        """Read, verify, split and preprocess the data.

        Args:
            split_seed: Fixes the split; the same seed gives the same splits in every process.

        Returns:
            The splits. Everything fitted (scales, categories, bins) is fitted on the training rows alone.

        Raises:
            UserError: The data cannot be read, or cannot be learned from.
        """

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
        """Train one configuration.

        The same arguments give the same reports, bit for bit on a CPU with the same number of threads: draw every
        random number from generators of ``seed``, and leave the process's global ones as they were found.

        Args:
            config: What the search space returned, e.g. ``{"lr": 0.001, "hidden_sizes": [128, 64]}``. A missing key
                raises ``KeyError`` with its name.
            data: Training and validation split; never written to.
            seed: Of initial weights, order of rows, dropout and every other draw.
            max_epochs: Number of epochs at most; a task may end earlier when the validation loss stops falling.
            device: Of torch, ``"cpu"`` or ``"cuda"``.
            checkpoint: Folder that ``EpochReport.save`` of the same trial wrote; continue after its epoch. None to
                begin at epoch 1.

        Yields:
            One report an epoch, counted from 1 (after a checkpoint, from the next epoch). The generator may be closed
            after any report: the scheduler has stopped the trial.

        Raises:
            Exception: Whatever goes wrong; it is recorded as the trial's failure, and the sweep continues.
        """

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> Predictor | None:
        """Build the trained model as users call it.

        Args:
            config: What ``fit`` got.
            weights: Of the best epoch's report, copied.
            splits: The task's data, for ``training.facts`` and ``preprocessing``.

        Returns:
            The predictor; that of the network when the task has ``build``, otherwise None: the task has no way to
            predict from raw inputs.
        """
        if type(self).build is Task.build:
            return None
        from trainables.base.contract.network import NetworkPredictor  # loads torch

        return NetworkPredictor(self, config, splits.training.facts, weights)

    def calibration(self, predictor: Predictor, splits: Splits) -> Mapping[str, Any]:
        """Return facts of a predictor that depend on its own errors, such as widths of intervals; none by default.

        Args:
            predictor: Of this task, or an ensemble of such, which needs its own and not those of a member.
            splits: The task's data; the test split stays sealed.

        Returns:
            JSON values by name, which join the predictor's ``facts``.
        """
        return {}

    def build(self, config: Config) -> torch.nn.Module:
        """Build the untrained network of a configuration.

        A torch task that has this needs no ``predictor`` and ``scores`` of its own: raw inputs become float32 (as
        ``split_arrays`` standardised them), and the outputs what its kind of target makes of them.

        Args:
            config: What ``fit`` gets.
        """
        raise NotImplementedError(f"{type(self).__name__} has no network to build")

    def scores(self, predictor: Predictor, split: RawSplit) -> dict[str, float]:
        """Score a predictor on raw rows.

        Args:
            predictor: As ``Task.predictor`` built it, or an ensemble of such.
            split: The validation rows, or the opened test split.

        Returns:
            Scores by name without prefix, e.g. ``rmse`` in the target's unit, ``facts.score`` among them.
        """
        if not hasattr(predictor, "outputs"):
            raise NotImplementedError(f"{type(self).__name__} has a predictor but no scores")
        return self.output_scores(predictor.outputs(split.inputs), split, getattr(predictor, "facts", {}))

    def output_scores(self, outputs: np.ndarray, split: RawSplit, facts: Mapping[str, Any]) -> dict[str, float]:
        """Score raw outputs, of a model or of a baseline.

        Args:
            outputs: (n, n_outputs) as the task's models give them.
            split: The n rows.
            facts: ``TrainingData.facts`` of the data.

        Returns:
            Scores by name without prefix.
        """
        import numpy as np

        from trainables.base.kinds.registry import row_kind

        return row_kind(self.facts.kind).scores(outputs, np.asarray(split.targets), facts)

    def features(self, splits: Splits, inputs: Any) -> np.ndarray | None:
        """Convert raw inputs to a plain matrix for baselines from scikit-learn.

        Args:
            splits: The task's data.
            inputs: n rows, as ``RawSplit.inputs`` holds them.

        Returns:
            (n, features) without missing values; those of ``split_arrays``, otherwise None: the task has no such
            matrix, and so no baselines.
        """
        from trainables.base.contract.arrays import MEAN, standardised

        facts = splits.training.facts
        return standardised(inputs, facts) if MEAN in facts else None

    def plain_features(self, splits: Splits) -> Callable[[Any], np.ndarray | None]:
        """Return a function from raw inputs to the matrix for a linear model; the one of ``features`` by default.

        A sparse matrix of scipy is taken as it is, a plain one is standardised first.

        Args:
            splits: the task's data; all that is fitted is fitted on its training rows.
        """
        return lambda inputs: self.features(splits, inputs)

    def linear_features(self, splits: Splits) -> Mapping[str, Callable[[Any], np.ndarray]]:
        """Return further matrices for a linear model, each of which makes one more baseline; none by default.

        Args:
            splits: The task's data; all that is fitted is fitted on its training rows.

        Returns:
            Functions from raw inputs to a matrix (n, features), by what the matrix holds.
        """
        return {}

    def tree_features(self, splits: Splits, inputs: Any) -> tuple[np.ndarray, list[int]] | None:
        """Convert raw inputs to a matrix (n, columns) for gradient boosting, and the positions of its categories.

        Categories are whole numbers from 0, negative where training never saw one. Returns ``features`` without
        categories unless a task overrides it; None when the task has no features.
        """
        found = self.features(splits, inputs)
        return None if found is None else (found, [])

    def guesses(self, splits: Splits, inputs: Any) -> Mapping[str, np.ndarray | str]:
        """Return predictions that need no model, as further baselines; none by default.

        Args:
            splits: The task's data.
            inputs: n rows, as ``RawSplit.inputs`` holds them.

        Returns:
            (n,) numbers in the target's unit by the name of the baseline, of a regression only; a phrase instead says
            why there are none.
        """
        return {}

    def blocks(self, split: RawSplit) -> np.ndarray | None:
        """Return which rows are not independent of each other, so that a bootstrap draws them together.

        Args:
            split: n rows.

        Returns:
            (n,) the number of each row's block; None, as by default, where rows are independent.
        """
        return None

    def rivals(self, splits: Splits) -> Mapping[str, Callable[[RawSplit], Mapping[str, float]]]:
        """Return simple models of the task's own that a search must beat, as further baselines; none by default.

        Args:
            splits: The task's data; everything fitted is fitted on its training rows.

        Returns:
            Functions from raw rows to what ``scores`` returns, by the name of the baseline.
        """
        return {}

    def space(self, name: str | None = None) -> SearchSpace:
        """Return a search space: the one named, else the one of this task's name or type.

        A short name is completed by the task's own space or what that is a variant of: from ``tabular``, ``"small"``
        leads to ``tabular_small``.

        Args:
            name: Of a space, e.g. ``"mlp"``, or the path of a Python file; None for the task's own.

        Raises:
            UserError: There is no space of that name for this task.
        """
        from search_spaces import get_space, space_names  # optuna loads only when a space is asked for

        own = self.space_names()[0]
        if name is None:
            return get_space(own)
        completed = [f"{stem}_{name}" for stem in (own, own.rpartition("_")[0])]
        return get_space(next((n for n in completed if n in space_names()), name))

    def space_names(self) -> list[str]:
        """Return the names of the task's own space, first, and of its variants: ``kogpt2`` has ``kogpt2_lora``."""
        from search_spaces import space_names

        own = self.facts.name if self.facts.name in space_names() else self.space_name
        return [own, *(name for name in space_names() if name.startswith(f"{own}_"))]

    def description(self) -> dict[str, Any]:
        """Return what the data turned out to be, as JSON values, shown before training: rows, columns, notes."""
        return {}
