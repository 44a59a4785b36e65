"""Models that a user's function reports, loaded by MLflow's own loaders and as the guide beside their files says."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from sklearn.linear_model import SGDClassifier
from torch import nn

from trainables.base.functions.models import GUIDE, ReportedModel, to_tensors
from tunelab.tracking.process_state import fluent
from tunelab.tracking.store import Store

INPUTS = np.random.default_rng(0).normal(size=(40, 3))
LABELS = (INPUTS[:, 0] > 0).astype(int)
PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".joblib", ".bin"}


def fitted(library: str) -> Any:
    """A model of a library, with what predicts as it does."""
    if library == "sklearn":
        return SGDClassifier(loss="log_loss", random_state=0).fit(INPUTS, LABELS)
    if library == "lightgbm":
        module = pytest.importorskip("lightgbm", reason="LightGBM is not installed")
        return module.LGBMRegressor(n_estimators=3, verbose=-1).fit(INPUTS, INPUTS[:, 1])
    module = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    return module.XGBRegressor(n_estimators=3).fit(INPUTS, INPUTS[:, 1])


def native_inputs(library: str) -> Any:
    return importlib.import_module("xgboost").DMatrix(INPUTS) if library == "xgboost" else INPUTS


def logged(store: Store, predictor: ReportedModel) -> tuple[str, str]:
    """Where the model lies, and the name of its run."""
    run_id = store.client.create_run(store.experiment("mine"), tags={"tunelab.status": "finished"}).info.run_id
    store.client.set_terminated(run_id)
    example = INPUTS[: 3 if predictor.flavour else 0]  # what a bare network takes is not known
    return store.log_model(run_id, predictor, example, "mine", {"test_loss": 0.5}), str(run_id)


def follow_guide(folder: Path, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the code of the guide beside a model's files, there."""
    (guide,) = folder.rglob(GUIDE)
    monkeypatch.chdir(guide.parent)
    exec(guide.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0], names)


@pytest.mark.parametrize("library", ["sklearn", "lightgbm", "xgboost"])
def test_a_model_is_loaded_by_the_loader_of_its_own_flavour(
    library: str, store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted(library)
    expected = np.asarray(model.predict(INPUTS), dtype=float)
    store = Store(store_uri)
    uri, run_id = logged(store, ReportedModel(to_tensors(model), {"alpha": 0.5}))
    found = store.client.search_logged_models([store.run(run_id).info.experiment_id])
    (native,) = (m.model_uri for m in found if m.name == f"tunelab-mine-{library}")
    with fluent(store.uri):
        loaded = importlib.import_module(f"mlflow.{library}").load_model(native)
        assert np.allclose(loaded.predict(native_inputs(library)), expected, atol=1e-5)
        table = mlflow.pyfunc.load_model(uri).predict(INPUTS)
        for one, name in ((native, "native"), (uri, "served")):
            (tmp_path / name).mkdir()
            mlflow.artifacts.download_artifacts(one, dst_path=str(tmp_path / name))
    assert np.allclose(table["prediction"], expected, atol=1e-5)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in PICKLES]
    names: dict[str, Any] = {}
    follow_guide(tmp_path / "served", names, monkeypatch)
    by_hand = names.get("estimator") or names["booster"]
    assert np.allclose(by_hand.predict(native_inputs(library)), expected, atol=1e-5)


class Net(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers(inputs)
        return found


def test_a_network_is_loaded_as_its_guide_says(store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Net(4).eval()
    inputs = torch.as_tensor(INPUTS, dtype=torch.float32)
    uri, _ = logged(Store(store_uri), ReportedModel(to_tensors(network), {"width": 4}))
    with fluent(store_uri):
        folder = tmp_path / "served"
        folder.mkdir()
        mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
    assert not [path for path in folder.rglob("*") if path.suffix in PICKLES]
    names: dict[str, Any] = {"Net": Net}
    follow_guide(folder, names, monkeypatch)
    with torch.inference_mode():
        assert torch.equal(names["network"](inputs), network(inputs))
