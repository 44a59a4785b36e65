"""Reads the LCBench surrogate of YAHPO Gym (Pfisterer et al. 2022): 34 tasks, 7 hyperparameters, 52 epochs.

The loss is one minus the balanced accuracy: the only measure that the surrogate has on the validation and on the test
split with the same scale. Neural networks of Zimmer et al. 2021, "Auto-PyTorch" (TPAMI 43).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.search.arena.curves import Curve, CurveTask, LossRange
from benchmarks.search.schedulers import TrialLength
from search_spaces import Config, SearchSpace, UserError
from trainables.base.contract.files.digests import file_digest

MODEL = "model.onnx"
FILES = (MODEL, "config_space.json", "encoding.json")
STATISTICS = ("statistics.csv", "../global_statistics/instance_target_statistics.csv")  # the first that exists
SCENARIO, TASK_ID = "lcbench", "OpenML_task_id"
COLUMNS = (  # of the model's input ``x_cont``
    *("epoch", "batch_size", "learning_rate", "momentum", "weight_decay"),
    *("num_layers", "max_units", "max_dropout"),
)
TIME, VALIDATION, TEST = 0, 3, 5  # of the model's six outputs: seconds and the two balanced accuracies
MAX_EPOCHS, GRACE_PERIOD = 52, 1
SHORTEST = 1e-3  # seconds of an epoch where the surrogate's time does not grow


def has_lcbench(folder: Path) -> bool:
    """Return whether a folder holds the surrogate."""
    return (folder / MODEL).is_file()


def read_lcbench(folder: Path) -> dict[str, CurveTask]:
    """Return the tasks of the surrogate by name, ``lcbench/3945`` and so on.

    Raises:
        UserError: a file is missing, or onnxruntime is not installed.
    """
    statistics = next((folder / name for name in STATISTICS if (folder / name).is_file()), None)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing or statistics is None:
        lacks = ", ".join(missing) or STATISTICS[0]
        raise UserError(f"'{folder}' is not the whole LCBench surrogate: it lacks {lacks}. Fetch yahpo_data again.")
    try:
        import onnxruntime
    except ImportError:
        raise UserError("LCBench's surrogate needs onnxruntime. Install it: pip install 'tunelab[bench]'.") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
    codes = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))[TASK_ID]
    parameters = json.loads((folder / "config_space.json").read_text(encoding="utf-8"))["hyperparameters"]
    space = _space([p for p in parameters if p["name"] not in (TASK_ID, "epoch")])
    ranges = _accuracy_ranges(statistics)
    digest = file_digest(folder / MODEL)
    names = next(p["choices"] for p in parameters if p["name"] == TASK_ID)
    return {
        f"lcbench/{name}": CurveTask(
            name=f"lcbench/{name}",
            space=space,
            length=TrialLength(MAX_EPOCHS, GRACE_PERIOD),
            validation=ranges[name, "val_balanced_accuracy"],
            test=ranges[name, "test_balanced_accuracy"],
            start=Surrogate(session, codes[name]).start,
            digest=digest,
        )
        for name in names
        if (name, "val_balanced_accuracy") in ranges
    }


class Surrogate:
    """The learning curves of one task, as the surrogate predicts them.

    Args:
        session: the model, an ``onnxruntime.InferenceSession``.
        code: the task's code.
    """

    def __init__(self, session: Any, code: int) -> None:
        self._session = session
        self._codes = np.full((MAX_EPOCHS, 1), code, np.int32)

    def start(self) -> Surrogate:
        """Return itself: the same configuration has the same curve in every search."""
        return self

    def __call__(self, config: Mapping[str, Any]) -> Curve:
        """Return the curve of a configuration."""
        inputs = np.empty((MAX_EPOCHS, len(COLUMNS)), np.float32)
        inputs[:, 0] = np.arange(1, MAX_EPOCHS + 1)
        inputs[:, 1:] = [float(config[name]) for name in COLUMNS[1:]]
        (outputs,) = self._session.run(None, {"x_cat": self._codes, "x_cont": inputs})
        outputs = outputs.astype(np.float64)
        steps = np.diff(outputs[:, TIME], prepend=0.0)
        return Curve(
            validation=1 - outputs[:, VALIDATION],
            test=1 - outputs[:, TEST],
            seconds=np.cumsum(np.maximum(steps, SHORTEST)),
        )


def _space(parameters: list[dict[str, Any]]) -> SearchSpace:
    """Return the surrogate's space from its description."""

    def suggest(trial: optuna.trial.BaseTrial) -> Config:
        config: Config = {}
        for p in parameters:
            draw = trial.suggest_int if p["type"] == "uniform_int" else trial.suggest_float
            config[p["name"]] = draw(p["name"], p["lower"], p["upper"], log=p["log"])
        return config

    return SearchSpace("lcbench", suggest)


def _accuracy_ranges(path: Path) -> dict[tuple[str, str], LossRange]:
    """Return the range of one minus each accuracy by task and name of the accuracy."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["scenario"] != SCENARIO:
                continue
            found.setdefault((row["instance"], row["metric"]), {})[row["statistic"]] = float(row["value"])
    return {
        key: LossRange(1 - values["max"], 1 - values["min"])
        for key, values in found.items()
        if key[1].endswith("balanced_accuracy")
    }
