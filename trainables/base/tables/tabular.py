"""A task on a table: read, split, preprocess, train an MLP, predict. A new one gives facts, columns and ``read``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.data import Splits, TrainingData
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task
from trainables.base.tables.references import BOOSTING_DEFAULTS, table_reference

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

    from trainables.base.contract.splits import RowSplit
    from trainables.base.kinds.kind import TargetTransform
    from trainables.base.tables.columns.selection import Columns
    from trainables.base.tables.inputs import TableInputs
    from trainables.base.tables.predictor import TablePredictor
    from trainables.base.tables.preprocessing import NumericTransform

SHOWN_COLUMNS = 30  # of a table, in an error


class TabularTask(Task):
    """A table with one target column, learned by any of the families (see ``trainables.base.tables.families``).

    Attributes:
        target: name of the target column.
        numeric, categorical, dates: names of the columns the model reads.
        target_transform: the scale a target is learned on, see ``TargetScale``.
        numeric_transform: ``"quantile"`` maps numbers to a normal distribution by their training quantiles.
        carried: names of columns that raw rows keep beside those that models of tables read.
    """

    space_name = "tabular"
    reference = table_reference()
    further_references: Sequence[Mapping[str, bool | int | float | str]] = (BOOSTING_DEFAULTS,)
    target: str
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    target_transform: TargetTransform = "none"
    numeric_transform: NumericTransform = "standard"
    carried: tuple[str, ...] = ()

    @abstractmethod
    def read(self) -> pd.DataFrame:
        """Read the whole table, target included; verify it as far as possible."""

    def split(self, frame: pd.DataFrame, split_seed: int) -> RowSplit:
        """Return the row positions of the splits: 64/16/20 at random, stratified for classes."""
        from trainables.base.contract.splits import split_rows
        from trainables.base.kinds.registry import row_kind

        classes = frame[self.target].to_numpy() if row_kind(self.facts.kind).classifies else None
        return split_rows(len(frame), split_seed, classes)

    def columns(self) -> Columns:
        """Return the columns that models read."""
        from trainables.base.tables.columns.selection import Columns

        return Columns(tuple(self.numeric), tuple(self.categorical), tuple(self.dates))

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        from trainables.base.tables.data import build_splits

        frame = self._checked(self.read())
        return build_splits(
            frame,
            self.split(frame, split_seed),
            kind=self.facts.kind,
            target=self.target,
            columns=self.columns(),
            numeric_transform=self.numeric_transform,
            target_transform=self.target_transform,
            carried=self.carried,
        )

    def _checked(self, frame: Any) -> pd.DataFrame:
        """Return what ``read`` gave, if it is a table that holds the named columns; raises ``UserError`` otherwise."""
        import pandas as pd

        from trainables.base.tables.columns.selection import SORTS

        name = self.facts.name
        if not isinstance(frame, pd.DataFrame):
            raise UserError(f"Task '{name}': read() must return a pandas DataFrame, got {type(frame).__name__}.")
        attributes = {"target": (self.target,)} | {sort: tuple(getattr(self.columns(), sort)) for sort in SORTS}
        for attribute, columns in attributes.items():
            lost = [column for column in columns if column not in frame.columns]
            if lost:
                there = ", ".join(map(str, frame.columns[:SHOWN_COLUMNS]))
                raise UserError(f"Task '{name}': {attribute} names '{lost[0]}', which read() does not give: {there}.")
            if attribute != "target" and self.target in columns:
                raise UserError(
                    f"Task '{name}': {attribute} holds the target '{self.target}': a model would only copy it. "
                    "Leave it out."
                )
        return frame

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
        from trainables.base.tables.families.registry import family_of

        fit = family_of(config).fit
        return fit(config, data, seed, kind=self.facts.kind, max_epochs=max_epochs, device=device)

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> TablePredictor:
        from trainables.base.tables.predictor import TablePredictor

        found = TablePredictor(
            kind=self.facts.kind,
            config=dict(config),
            facts=dict(splits.training.facts),
            weights=weights,
            preprocessing=splits.preprocessing,
        )
        if self.facts.score == "average_precision":  # of rare positives, which no model gives half of the probability
            found.tune_threshold(splits.validation)
        return found

    def features(self, splits: Splits, inputs: Any) -> np.ndarray:
        return self._inputs(splits, inputs).x

    def tree_features(self, splits: Splits, inputs: Any) -> tuple[np.ndarray, list[int]]:
        from trainables.base.tables.families.boosting import matrix

        return matrix(self._inputs(splits, inputs), splits.training.facts)

    def _inputs(self, splits: Splits, frame: pd.DataFrame) -> TableInputs:
        from trainables.base.tables.columns.categories import CategoryEncoding
        from trainables.base.tables.inputs import encode_rows

        return encode_rows(frame, splits.preprocessing, CategoryEncoding.from_json(splits.training.facts["categories"]))

    def plain_features(self, splits: Splits) -> Callable[[Any], np.ndarray]:
        """Return standardised numbers, neither bent to a normal distribution nor clipped, beside the indicators."""
        from trainables.base.tables.preprocessing import TablePreprocessing

        plain = TablePreprocessing.fit(splits.train.inputs, splits.preprocessing.columns, "standard")
        return lambda inputs: plain.transform(inputs, clip=False)
