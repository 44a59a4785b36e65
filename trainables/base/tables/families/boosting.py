"""Boosting: LightGBM, reported by rounds so that a search can stop it as it stops a network.

Ke et al. 2017, "LightGBM: A Highly Efficient Gradient Boosting Decision Tree". Categorical columns go in as they are
and are split by LightGBM itself. A model is kept as LightGBM's own text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import lightgbm
import numpy as np
import torch
from torch import Tensor

from trainables.base.contract.data import TrainingData
from trainables.base.contract.files.damage import reading
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.tables.budget import usual_epochs
from trainables.base.tables.families.family import Family, TableModel
from trainables.base.tables.families.unseen import KnownRows
from trainables.base.tables.inputs import TableInputs
from trainables.base.training.lightgbm_text import check_lightgbm_text
from trainables.base.training.loop import Validation
from trainables.base.training.randomness import stream_seed

OBJECTIVES = {"regression": "regression", "binary": "binary", "multiclass": "multiclass", "images": "multiclass"}
MAX_ROUNDS = 4_000  # of a trial: its epochs share them out
PATIENCE_ROUNDS = 200  # without a better validation loss until a trial ends
BASELINE_PATIENCE = 100  # rounds of LightGBM at its defaults, whose learning rate is 0.1
MODEL_FILE = "booster.txt"
PARAMETERS = (
    *("num_leaves", "learning_rate", "min_data_in_leaf", "feature_fraction", "bagging_fraction", "lambda_l2"),
    *("lambda_l1", "max_bin", "cat_smooth", "extra_trees", "min_gain_to_split", "path_smooth"),
)


class Booster:
    """A LightGBM model in training: rounds are added, outputs of a fixed matrix follow along.

    Args:
        x, y: (n, features) and (n,) training rows; ``y`` as ``RowKind.encode_target`` gives it.
        kind, n_outputs: of the target.
        parameters: LightGBM's own, by name.
        categorical: positions of the columns that hold categories, whole numbers from 0; negative ones are missing.
        seed: of LightGBM's draws.
        threads: of LightGBM.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        kind: Kind,
        n_outputs: int,
        parameters: Mapping[str, Any],
        *,
        categorical: list[int],
        seed: int,
        threads: int,
    ) -> None:
        fixed = {
            "objective": OBJECTIVES[kind],
            "seed": seed % (2**31 - 1),
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if OBJECTIVES[kind] == "multiclass":
            fixed["num_class"] = n_outputs
        parameters = {**fixed, **parameters}
        self.rounds, self._threads = 0, threads
        self._data = lightgbm.Dataset(
            x, np.asarray(y).reshape(-1), categorical_feature=categorical, params=parameters, free_raw_data=True
        )
        self._booster = lightgbm.Booster(parameters, self._data)
        self._ended = False

    def add(self, rounds: int) -> None:
        """Train this many more rounds; fewer where no split is left that gains anything."""
        for _ in range(rounds):
            if self._ended:
                return
            self._ended = self._booster.update()
            self.rounds += 1

    def outputs(self, x: np.ndarray, since: int) -> np.ndarray:
        """Return what the rounds after the first ``since`` add to the raw outputs of ``x``, (n, n_outputs)."""
        if since == self.rounds:
            return np.zeros((len(x), 1))
        # With another number of threads than the rounds have, each round would build a new team: 20 times as slow.
        found = self._booster.predict(
            x, start_iteration=since, num_iteration=self.rounds - since, raw_score=True, num_threads=self._threads
        )
        return np.asarray(found, dtype=np.float64).reshape(len(x), -1)

    def text(self, rounds: int) -> str:
        """Return the model of the first ``rounds`` rounds as LightGBM writes it."""
        written: str = self._booster.model_to_string(num_iteration=rounds)
        return written


def matrix(inputs: TableInputs, n_numeric: int) -> tuple[np.ndarray, list[int]]:
    """Return numbers and categories side by side, (n, columns) float32, and the positions of the categories."""
    numbers = inputs.x if n_numeric == inputs.x.shape[1] or not inputs.codes.shape[1] else inputs.x[:, :n_numeric]
    joined = np.concatenate([numbers, inputs.codes.astype(np.float32)], axis=1)
    return joined, list(range(numbers.shape[1], joined.shape[1]))


class BoostedModel:
    """A LightGBM model of ``TableInputs``.

    Args:
        text: LightGBM's own of the model.
        facts: of the data that it was trained on.
    """

    def __init__(self, text: str, facts: Mapping[str, Any]) -> None:
        self._booster, self._n_numeric = lightgbm.Booster(model_str=text), int(facts["n_ordered"])
        self._counts = category_counts(facts)

    def outputs(self, inputs: TableInputs) -> np.ndarray:
        rows = KnownRows.from_matrix(*matrix(inputs, self._n_numeric), self._counts)
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
        n_numeric = int(data.facts["n_ordered"])
        (x, categorical), (x_val, _) = (
            matrix(TableInputs.from_arrays(data.arrays, part), n_numeric) for part in ("train", "val")
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
        outputs, best, best_rounds = np.zeros((len(rows.x), 1)), math.inf, 0
        for epoch in range(1, max_epochs + 1):
            since = booster.rounds
            booster.add(step)
            outputs = outputs + booster.outputs(rows.x, since)
            val_loss, metrics = validation.judge(torch.from_numpy(rows.average(outputs)))
            metrics = {"rounds": float(booster.rounds), "lr": float(config["learning_rate"]), **metrics}
            yield EpochReport(epoch, val_loss, metrics, weights=LiveText(booster, booster.rounds))
            if val_loss < best:
                best, best_rounds = val_loss, booster.rounds
            ended = booster.rounds == since or not math.isfinite(val_loss)
            if ended or booster.rounds - best_rounds >= PATIENCE_ROUNDS:
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


class LiveText(Mapping[str, Tensor]):
    """The weights of a report: written only when somebody reads them, since most epochs are not kept."""

    def __init__(self, booster: Booster, rounds: int) -> None:
        self._booster, self._rounds = booster, rounds

    def __getitem__(self, name: str) -> Tensor:
        return as_weights(self._booster.text(self._rounds))[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("booster",))

    def __len__(self) -> int:
        return 1


def train_until_best(
    data: TrainingData,
    kind: Kind,
    x: np.ndarray,
    x_val: np.ndarray,
    *,
    categorical: list[int],
    threads: int,
    seed: int = 0,
) -> Callable[[np.ndarray], np.ndarray]:
    """Train LightGBM at its defaults with early stopping on the validation split.

    Args:
        data: ``y_train``, ``y_val`` and the facts of the target.
        kind: of the target.
        x: (n, columns) of the training rows.
        x_val: (n, columns) of the validation rows.
        categorical: positions of the columns that hold categories.
        threads: of LightGBM.
        seed: of LightGBM; without sampling it changes little.

    Returns:
        A function from a matrix (n, columns) to raw outputs (n, n_outputs), with the trees of the best round.
    """
    n_outputs, validation = int(data.facts["n_outputs"]), Validation(kind, data)
    booster = Booster(
        x, data.arrays["y_train"], kind, n_outputs, {}, categorical=categorical, seed=seed, threads=threads
    )
    outputs, best, best_rounds = np.zeros((len(x_val), 1)), math.inf, 1
    while booster.rounds < MAX_ROUNDS and booster.rounds - best_rounds < BASELINE_PATIENCE:
        since = booster.rounds
        booster.add(1)
        if booster.rounds == since:
            break
        outputs = outputs + booster.outputs(x_val, since)
        val_loss = validation.loss(torch.from_numpy(outputs))
        if val_loss < best:
            best, best_rounds = val_loss, booster.rounds
    model = lightgbm.Booster(model_str=booster.text(best_rounds))

    def predict(matrix: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(matrix, raw_score=True, num_threads=threads)).reshape(len(matrix), -1)

    return predict


def rounds_per_epoch(training_rows: int) -> int:
    """Return how many rounds an epoch is, so that the usual epochs of a trial are about ``MAX_ROUNDS``."""
    return math.ceil(MAX_ROUNDS / usual_epochs(training_rows))


def as_weights(text: str) -> dict[str, Tensor]:
    """Return a model's text as a tensor of bytes, which is how weights travel and are kept during a sweep."""
    return {"booster": torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)}


def as_text(weights: Mapping[str, Tensor]) -> str:
    """Return the text that ``as_weights`` packed."""
    return weights["booster"].cpu().numpy().tobytes().decode()
