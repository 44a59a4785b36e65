"""Boosting: LightGBM, reported by epochs of many rounds so that a search can stop it as it stops a network.

Ke et al. 2017, "LightGBM: A Highly Efficient Gradient Boosting Decision Tree". Categorical columns go in as they are
and are split by LightGBM itself. The model of an epoch is that of its best round, kept as LightGBM's own text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import lightgbm
import numpy as np
import torch
from torch import Tensor

from trainables.base.contract.data import TrainingData
from trainables.base.contract.files.damage import reading
from trainables.base.contract.lasting_weights import LastingWeights
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.tables.budget import usual_epochs
from trainables.base.tables.families.booster import MAX_ROUNDS, Booster, judged_rounds
from trainables.base.tables.families.family import Family, TableModel
from trainables.base.tables.families.unseen import KnownRows
from trainables.base.tables.inputs import TableInputs
from trainables.base.training.lightgbm_text import check_lightgbm_text
from trainables.base.training.loop import Validation
from trainables.base.training.randomness import stream_seed

PATIENCE_ROUNDS = 200  # without a better validation loss until a trial ends
MODEL_FILE = "booster.txt"
PARAMETERS = (
    *("num_leaves", "learning_rate", "min_data_in_leaf", "feature_fraction", "bagging_fraction", "lambda_l2"),
    *("lambda_l1", "max_bin", "cat_smooth", "extra_trees", "min_gain_to_split", "path_smooth"),
)


def matrix(inputs: TableInputs, facts: Mapping[str, Any]) -> tuple[np.ndarray, list[int]]:
    """Return numbers, features of texts and categories side by side, and the positions of the categories.

    Args:
        inputs: n rows.
        facts: of the data: where these columns are.

    Returns:
        (n, columns) float32, and positions.
    """
    if not inputs.codes.shape[1]:
        return inputs.x, []
    first, last = facts.get("text_columns", (0, 0))  # earlier versions gave boosting no texts beside categories
    numbers = [inputs.x[:, : int(facts["n_ordered"])], inputs.x[:, first:last]]
    joined = np.concatenate([*numbers, inputs.codes.astype(np.float32)], axis=1)
    return joined, list(range(joined.shape[1] - inputs.codes.shape[1], joined.shape[1]))


class BoostedModel:
    """A LightGBM model of ``TableInputs``.

    Args:
        text: LightGBM's own of the model.
        facts: of the data that it was trained on.
    """

    def __init__(self, text: str, facts: Mapping[str, Any]) -> None:
        self._booster, self._facts = lightgbm.Booster(model_str=text), facts
        self._counts = category_counts(facts)

    def outputs(self, inputs: TableInputs) -> np.ndarray:
        rows = KnownRows.from_matrix(*matrix(inputs, self._facts), self._counts)
        found = self._booster.predict(rows.x, raw_score=True, num_threads=torch.get_num_threads())
        return rows.average(np.asarray(found, dtype=np.float32).reshape(len(rows.x), -1))


def category_counts(facts: Mapping[str, Any]) -> list[int]:
    """Return how many categories each categorical column of the training rows has."""
    return [len(known) for known in facts.get("categories", {}).get("values", {}).values()]


class Boosting(Family):
    """LightGBM; configuration: any of ``PARAMETERS``, named as in LightGBM."""

    name: ClassVar[str] = "boosting"

    def fit(
        self, config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
    ) -> Iterator[EpochReport]:
        (x, categorical), (x_val, _) = (
            matrix(TableInputs.from_arrays(data.arrays, part), data.facts) for part in ("train", "val")
        )
        booster = Booster(
            x,
            data.arrays["y_train"],
            kind,
            int(data.facts["n_outputs"]),
            {name: config[name] for name in PARAMETERS if name in config} | {"bagging_freq": 1},
            categorical=categorical,
            seed=stream_seed(seed, "boosting"),
            threads=torch.get_num_threads(),
        )
        step = rounds_per_epoch(len(x))
        validation = Validation(kind, data)
        rows = KnownRows.from_matrix(x_val, categorical, category_counts(data.facts))

        def loss(outputs: np.ndarray) -> float:
            return validation.loss(torch.from_numpy(rows.average(outputs)))

        rounds, best, best_round = judged_rounds(booster, rows.x, loss), math.inf, 0
        for epoch in range(1, max_epochs + 1):
            found = next(rounds, None)
            if found is None:
                return
            for one in islice(rounds, step - 1):
                found = one if one.loss < found.loss else found
            val_loss, metrics = validation.judge(torch.from_numpy(rows.average(found.outputs)))
            metrics = {"rounds": float(found.number), "lr": float(config["learning_rate"]), **metrics}
            yield EpochReport(epoch, val_loss, metrics, weights=LiveText(booster, found.number))
            if val_loss < best:
                best, best_round = val_loss, found.number
            if not math.isfinite(val_loss) or booster.rounds - best_round >= PATIENCE_ROUNDS:
                return

    def model(self, config: Config, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TableModel:
        return BoostedModel(as_text(weights), facts)

    def save(self, weights: Mapping[str, Tensor], folder: Path) -> None:
        (folder / MODEL_FILE).write_text(as_text(weights), encoding="utf-8")

    def load(self, folder: Path) -> dict[str, Tensor]:
        path = folder / MODEL_FILE
        with reading(path):
            text = path.read_text(encoding="utf-8")
            check_lightgbm_text(text)
        return as_weights(text)


class LiveText(LastingWeights):
    """The weights of a report: the text of a model takes as long as many rounds, and most epochs are not kept."""

    def __init__(self, booster: Booster, rounds: int) -> None:
        self._booster, self._rounds = booster, rounds

    def __getitem__(self, name: str) -> Tensor:
        return as_weights(self._booster.text(self._rounds))[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("booster",))

    def __len__(self) -> int:
        return 1


def rounds_per_epoch(training_rows: int) -> int:
    """Return how many rounds an epoch is, so that the usual epochs of a trial are about ``MAX_ROUNDS``."""
    return math.ceil(MAX_ROUNDS / usual_epochs(training_rows))


def as_weights(text: str) -> dict[str, Tensor]:
    """Return a model's text as a tensor of bytes, which is how weights travel and are kept during a sweep."""
    return {"booster": torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)}


def as_text(weights: Mapping[str, Tensor]) -> str:
    """Return the text that ``as_weights`` packed."""
    return weights["booster"].cpu().numpy().tobytes().decode()
