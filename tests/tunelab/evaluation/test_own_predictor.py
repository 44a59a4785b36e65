"""A task whose predictor is a class of the user's: kept, loaded back, and a champion only if that works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import optuna
import pandas as pd
import pytest

import tunelab
from search_spaces import UserError
from tests.displays import Acting
from trainables import get_task
from tunelab.analysis.outcome import verdict
from tunelab.system.trust import state_folder
from tunelab.tracking.open import open_store
from tunelab.tracking.process_state import fluent

LINE = '''
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from search_spaces import SearchSpace
from trainables import (
    EpochReport, Predictor, RawSplit, SealedTest, Splits, Task, TaskFacts, TrainingData, digest_arrays,
)

class LinePredictor(Predictor):
    """Predicts slope times x."""
    kind = "my_line"

    def __init__(self, slope):
        self.slope = slope

    def predict(self, inputs):
        return pd.DataFrame({"prediction": inputs["x"].to_numpy() * self.slope})

    def save(self, folder):
        (folder / "line.json").write_text(json.dumps(self.slope))
        (folder / "predictor.json").write_text(json.dumps({"predictor": self.kind}))

    @classmethod
    def load(cls, folder):
        {LOAD}

class Line(Task):
    """y = 2 x."""
    facts = TaskFacts("line", "A line", "regression", "made up", "CC0", score="mae", score_direction="minimize",
                      trials=3, max_epochs=2)
    reference = {"lr": 0.1}

    def space(self, name=None):
        return SearchSpace("line", lambda trial: {"lr": trial.suggest_float("lr", 0.01, 0.5)})

    def load(self, split_seed=0):
        x = np.random.default_rng(split_seed).normal(size=90).astype(np.float32)
        parts = {name: x[i * 30 : (i + 1) * 30] for i, name in enumerate(("train", "val", "test"))}
        arrays = {f"{k}_{name}": v[:, None] if k == "x" else v for name, p in parts.items() if name != "test"
                  for k, v in (("x", p), ("y", 2 * p))}
        raw = {name: RawSplit(pd.DataFrame({"x": p}), 2 * p) for name, p in parts.items()}
        digest = digest_arrays(arrays, {"test": parts["test"]})
        return Splits(TrainingData(arrays, {}, digest), raw["train"], raw["val"], SealedTest(raw["test"]))

    def fit(self, config, data, seed, *, max_epochs, device="cpu", checkpoint=None):
        generator = torch.Generator().manual_seed(seed)
        slope = torch.randn(1, generator=generator)
        x, y = torch.as_tensor(data.arrays["x_train"][:, 0]), torch.as_tensor(data.arrays["y_train"])
        for epoch in range(1, max_epochs + 1):
            slope = slope - config["lr"] * 2 * ((slope * x - y) * x).mean()
            x_val, y_val = data.arrays["x_val"][:, 0], data.arrays["y_val"]
            yield EpochReport(epoch, float(((slope.numpy() * x_val - y_val) ** 2).mean()), {}, {"slope": slope})

    def predictor(self, config, weights, splits):
        return LinePredictor(float(weights["slope"]))

    def scores(self, predictor, split):
        return {"mae": float(np.abs(predictor.predict(split.inputs)["prediction"] - split.targets).mean())}
'''
LOADS = 'return cls(json.loads((folder / "line.json").read_text()))'
FAILS = 'raise RuntimeError("not written yet")'
DIFFERS = "return cls(3.5)"


@pytest.fixture
def swept(
    ray_session: None,
    in_folder: Path,
    make_store_uri: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Any]:
    """Runs a small sweep of the line whose predictor is loaded by the given statement."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(load: str) -> Any:
        Path("line.py").write_text(LINE.replace("{LOAD}", load), encoding="utf-8")
        store = make_store_uri(tmp_path / "store")
        settings: dict[str, Any] = {"tracking_uri": store, "confirm_top": 0, "ensemble": 0}
        return tunelab.run_sweep("./line.py", Acting(), **settings)

    return run


def test_it_is_a_champion_and_loaded_again_only_by_those_who_name_its_file(
    swept: Callable[[str], Any], tmp_path: Path
) -> None:
    result = swept(LOADS)
    assert result.best.champion, result.best.not_champion
    rows = pd.DataFrame({"x": [1.0, -2.0]})
    predicted = result.load_model().predict(rows)  # this user has just run the file
    with fluent(result.tracking_uri):
        assert mlflow.pyfunc.load_model(result.best.model_uri).predict(rows).equals(predicted)

    notes = state_folder()
    assert notes is not None
    (notes / "named.jsonl").unlink()  # somebody else's store now
    with pytest.raises(UserError, match=r"names the Python file '.*line\.py', which you have not run before.*--trust"):
        result.load_model()
    assert result.load_model(trust=["line.py"]).predict(rows).equals(predicted)
    moved = tmp_path / "moved.py"
    moved.write_bytes(Path("line.py").read_bytes())
    assert result.load_model(trust=[moved]).predict(rows).equals(predicted)
    Path("line.py").write_text(Path("line.py").read_text(encoding="utf-8") + "\n# changed", encoding="utf-8")
    with pytest.raises(UserError, match="which has changed since the model was made"):
        result.load_model(trust=["line.py"])


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (FAILS, "its model cannot be loaded back (The class 'LinePredictor' cannot load its model: RuntimeError"),
        (DIFFERS, "its model predicts otherwise after it was loaded back"),
    ],
    ids=["fails", "differs"],
)
def test_one_that_cannot_be_loaded_back_is_never_a_champion(
    load: str, message: str, swept: Callable[[str], Any]
) -> None:
    result = swept(load)
    assert result.best.version
    assert not result.best.champion
    assert message in result.best.not_champion
    assert verdict(result).startswith(f"Not a champion: {message[:30]}")
    client = open_store(result.tracking_uri).client
    assert "champion" not in client.get_registered_model("tunelab-line").aliases


def test_a_class_of_a_notebook_cell_says_what_to_do(tmp_path: Path) -> None:
    from trainables.base.contract.own_code import OwnClass

    own = OwnClass.from_class(replace_module(type("Cell", (), {})))
    assert own is not None
    own.save(tmp_path)
    with pytest.raises(UserError, match=r"defined in a notebook's cell or a shell.*Put it into a Python file"):
        OwnClass.load(tmp_path / "own_class.json").find([])
    assert OwnClass.from_class(type(get_task("wine"))) is None
    package = OwnClass.from_class(optuna.Study)
    assert package is not None
    assert package.package == "optuna"
    assert package.find([]) is optuna.Study
    with pytest.raises(UserError, match=r"which cannot be imported.*Install it"):
        replace(package, module="optuna_gone.study").find([])


def replace_module(cls: type) -> type:
    """As a class of a cell is: in a module that has no file."""
    cls.__module__ = "no_such_module"
    return cls
