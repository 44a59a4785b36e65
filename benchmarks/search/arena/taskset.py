"""Tables of TaskSet (Metz et al. 2020, "Using a thousand optimization tasks").

They hold 1,000 configurations of Adam with eight hyperparameters for each task, 51 losses a configuration, NaN or inf
where training diverged.

A file is JSON as in the repository of DyHPO, a list of ``{"hp": {name: value}, "valid": {"loss": [...]}, "test":
{"loss": [...]}}``, or a NumPy archive with ``names`` (8,), ``configs`` (rows, 8), ``valid`` and ``test`` (rows, 51). A
search walks over the rows: a proposed configuration becomes the nearest row that the search has not used yet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.search.arena.curves import Curve, CurveTask, LossRange
from benchmarks.search.schedulers import TrialLength
from search_spaces import Config, SearchSpace, UserError
from trainables.base.contract.files.bounded_input import check_archive
from trainables.base.contract.files.digests import file_digest

GRACE_PERIOD = 1
DECAYS = ("beta1", "beta2")  # searched as one minus themselves, on a logarithmic scale, like all the others


def has_taskset(folder: Path) -> bool:
    """Return whether a folder holds tables of TaskSet."""
    return bool(_files(folder))


def read_taskset(folder: Path) -> dict[str, CurveTask]:
    """Return the tasks in a folder by name, ``taskset/FILE``.

    Raises:
        UserError: a file lacks an array, or its shapes do not agree.
    """
    tasks = [_read_table(path) for path in _files(folder)]
    return {task.name: task for task in tasks}


class RowSearch:
    """One search over the rows of a table.

    Args:
        places: logarithms of the rows' hyperparameters scaled to 0..1, shape (rows, hyperparameters).
        low, width: of the logarithms, shape (hyperparameters,).
        names: of the hyperparameters.
        curves: validation and test losses, each of shape (rows, epochs).
    """

    def __init__(
        self,
        places: np.ndarray,
        low: np.ndarray,
        width: np.ndarray,
        names: list[str],
        curves: tuple[np.ndarray, np.ndarray],
    ) -> None:
        self._places, self._low, self._width, self._names, self._curves = places, low, width, names, curves
        self._used = np.zeros(len(places), bool)

    def __call__(self, config: Mapping[str, Any]) -> Curve:
        """Return the curve of the nearest row that is left."""
        logs = np.log([float(config[name]) for name in self._names])
        distances = (((logs - self._low) / self._width - self._places) ** 2).sum(axis=1)
        if self._used.all():
            self._used[:] = False
        row = int(np.argmin(np.where(self._used, math.inf, distances)))
        self._used[row] = True
        validation, test = (losses[row] for losses in self._curves)
        return Curve(validation, test, np.arange(1.0, len(validation) + 1))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in (".npz", ".json"))


def _read_table(path: Path) -> CurveTask:
    try:
        names, configs, validation, test = (_read_json if path.suffix == ".json" else _read_archive)(path)
    except UserError:
        raise
    except (LookupError, TypeError, ValueError, EOFError, OSError, MemoryError) as error:
        raise UserError(f"'{path}' is not a table of TaskSet: {error}.") from error
    if validation.ndim != 2 or validation.shape != test.shape or configs.shape != (len(validation), len(names)):
        raise UserError(f"'{path}' is not a table of TaskSet: its arrays differ in length.")
    logs = np.log(np.where([name in DECAYS for name in names], 1 - configs, configs))
    names = [f"one_minus_{name}" if name in DECAYS else name for name in names]
    low, high = logs.min(axis=0), logs.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    places = (logs - low) / width

    def suggest(trial: optuna.trial.BaseTrial) -> Config:
        return {
            name: trial.suggest_float(name, math.exp(a), math.exp(b), log=True)
            for name, a, b in zip(names, low, high, strict=True)
        }

    return CurveTask(
        name=f"taskset/{path.stem}",
        space=SearchSpace("taskset", suggest),
        length=TrialLength(validation.shape[1], GRACE_PERIOD),
        validation=_range(validation),
        test=_range(test),
        start=lambda: RowSearch(places, low, width, names, (validation, test)),
        digest=file_digest(path),
    )


def _read_archive(path: Path) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Return names, configurations, validation and test losses."""
    check_archive(path, str(path))
    with np.load(path, allow_pickle=False) as archive:
        names = [str(name) for name in archive["names"]]
        configs, validation, test = (archive[key].astype(np.float64) for key in ("configs", "valid", "test"))
    return names, configs, validation, test


def _read_json(path: Path) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Return names, configurations, validation and test losses; losses in float32, as the archives have them."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    names = list(rows[0]["hp"])
    configs = np.array([[row["hp"][name] for name in names] for row in rows], np.float64)
    losses = [np.array([row[part]["loss"] for row in rows], np.float32) for part in ("valid", "test")]
    return names, configs, losses[0].astype(np.float64), losses[1].astype(np.float64)


def _range(losses: np.ndarray) -> LossRange:
    """Return the lowest loss, and the median loss of the first epoch as regret 1: an untrained network's."""
    finite = losses[np.isfinite(losses)]
    first = losses[:, 0]
    return LossRange(float(finite.min()), float(np.median(first[np.isfinite(first)])))
