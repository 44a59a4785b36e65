"""A task that costs nothing to train: what a sweep of it takes is control alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.mlp import suggest_mlp
from search_spaces.space import SearchSpace
from trainables.base.contract.data import RawSplit, SealedTest, Splits, TrainingData, digest_arrays
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.task import SPLIT_SEED, Config, EpochReport, Task

if TYPE_CHECKING:
    import numpy as np


class Instant(Task):
    """Curves that fall like those of real trials, from the configuration alone; no data, no model."""

    facts = TaskFacts(
        name="instant",
        title="Made-up curves, to measure what control costs",
        kind="regression",
        source="computed",
        licence="none",
        score="rmse",
        score_direction="minimize",
        max_epochs=27,
    )

    def load(self, split_seed: int = SPLIT_SEED) -> Splits:
        import numpy as np

        empty: np.ndarray = np.zeros(1, dtype=np.float32)
        arrays = {"x_train": empty, "y_train": empty, "x_val": empty, "y_val": empty}
        part = RawSplit(empty, empty)
        training = TrainingData(arrays, {}, digest_arrays(arrays))
        return Splits(training, train=part, validation=part, test=SealedTest(part))

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
        floor = abs(math.log10(float(config["lr"])) + 2.5) + float(config["dropout"])
        for epoch in range(1, max_epochs + 1):
            loss = 0.2 + 0.1 * floor + 1.0 / epoch
            yield EpochReport(epoch, loss, {"train_loss": loss, "lr": float(config["lr"])})

    def space(self, name: str | None = None) -> SearchSpace:
        """Return the perceptron's space: nine parameters, some conditional, so that proposing costs what it does."""
        return SearchSpace("mlp", suggest_mlp)
