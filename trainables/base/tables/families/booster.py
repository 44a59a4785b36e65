"""LightGBM in training: rounds one after another, judged on validation rows, and its defaults with early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import lightgbm
import numpy as np
import torch

from trainables.base.contract.data import TrainingData
from trainables.base.kinds.kind import Kind
from trainables.base.training.loop import Validation

OBJECTIVES = {"regression": "regression", "binary": "binary", "multiclass": "multiclass", "images": "multiclass"}
MAX_ROUNDS = 4_000  # of a trial: its epochs share them out
BASELINE_PATIENCE = 100  # rounds of LightGBM at its defaults, whose learning rate is 0.1


class Booster:
    """A LightGBM model in training.

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

    def add(self) -> bool:
        """Train one more round; return False when no split is left that gains anything."""
        if self._ended:
            return False
        self._ended = self._booster.update()
        self.rounds += 1
        return True

    def last_outputs(self, x: np.ndarray) -> np.ndarray:
        """Return what the last round adds to the raw outputs of ``x``, (n, n_outputs)."""
        # With another number of threads than the rounds have, each round would build a new team: 20 times as slow.
        found = self._booster.predict(
            x, start_iteration=self.rounds - 1, num_iteration=1, raw_score=True, num_threads=self._threads
        )
        return np.asarray(found, dtype=np.float64).reshape(len(x), -1)

    def text(self, rounds: int) -> str:
        """Return the model of the first ``rounds`` rounds as LightGBM writes it."""
        written: str = self._booster.model_to_string(num_iteration=rounds)
        return written


@dataclass(frozen=True)
class Round:
    """A round of boosting on rows that the model is judged on.

    Attributes:
        number: of the round, from 1.
        loss: of the model of all rounds up to this one.
        outputs: its raw outputs (n, n_outputs).
    """

    number: int
    loss: float
    outputs: np.ndarray


def judged_rounds(booster: Booster, x: np.ndarray, loss: Callable[[np.ndarray], float]) -> Iterator[Round]:
    """Train and yield round after round, until no split is left that gains anything.

    Args:
        booster: not trained yet.
        x: (n, columns) rows that it is judged on.
        loss: of raw outputs (n, n_outputs).
    """
    outputs = np.zeros((len(x), 1))
    while booster.add():
        outputs = outputs + booster.last_outputs(x)
        yield Round(booster.rounds, loss(outputs), outputs)


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
    rounds = judged_rounds(booster, x_val, lambda outputs: validation.loss(torch.from_numpy(outputs)))
    best, best_round = math.inf, 1
    for one in islice(rounds, MAX_ROUNDS):
        if one.loss < best:
            best, best_round = one.loss, one.number
        if one.number - best_round >= BASELINE_PATIENCE:
            break
    model = lightgbm.Booster(model_str=booster.text(best_round))

    def predict(matrix: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(matrix, raw_score=True, num_threads=threads)).reshape(len(matrix), -1)

    return predict
