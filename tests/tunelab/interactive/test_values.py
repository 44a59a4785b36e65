"""Choices of any type and ranges that depend on another parameter, in ``fit``, records, reports and the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest

import tunelab
from tests.displays import Acting
from tunelab.interactive.result import InteractiveResult
from tunelab.report.report import make_document, to_markdown

pytestmark = pytest.mark.usefixtures("ray_session", "in_folder")

SIZES = [(8,), (16, 8)]
OPTIMIZERS = [{"name": "sgd", "betas": (0.9,)}, {"name": "adam", "betas": (0.9, 0.99)}]
BINS = [None, 4]
WIDTHS = list(np.array([16, 32]))


def space(trial: optuna.Trial) -> dict[str, Any]:
    depth = trial.suggest_int("depth", 1, 3)
    return {
        "sizes": trial.suggest_categorical("sizes", SIZES),  # type: ignore[arg-type]
        "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),  # type: ignore[arg-type]
        "bins": trial.suggest_categorical("bins", BINS),
        "width": trial.suggest_categorical("width", WIDTHS),
        "units": trial.suggest_int("units", depth, 8 * depth),
        "by_layer": {0: "relu", 1: ("tanh", depth)},
    }


def train(config: Mapping[str, Any], trial: Any) -> None:
    """Fails where a value is not the one that the space gave."""
    assert config["sizes"] in SIZES
    assert config["optimizer"] in OPTIMIZERS
    assert config["by_layer"][1][0] == "tanh"
    assert isinstance(config["by_layer"][1], tuple)
    assert config["bins"] is None or config["bins"] == 4
    for epoch in range(trial.max_epochs):
        trial.report(val_loss=config["units"] / len(config["sizes"]) + 1 / (epoch + 1), model={"w": weight()})


def weight() -> Any:
    import torch

    return torch.zeros(2)


def check(result: InteractiveResult) -> None:
    assert {t.status for t in result.trials} <= {"finished", "stopped_early"}, result.error
    for trial, frozen in zip(result.trials, result.study().trials, strict=True):
        assert trial.params["sizes"] in SIZES
        assert trial.params["optimizer"] in OPTIMIZERS
        assert trial.config == space(optuna.trial.FixedTrial(dict(trial.params)))  # type: ignore[arg-type]
        assert frozen.params == trial.params
    assert result.best is not None
    assert result.best.config == result.trials[result.best.trial].config
    assert isinstance(result.best.config["sizes"], tuple)
    assert set(result.to_pandas()["param_sizes"]) <= set(SIZES)


def built(config: Mapping[str, Any]) -> Any:
    assert config["optimizer"] in OPTIMIZERS
    assert config["by_layer"] == {0: "relu", 1: ("tanh", config["by_layer"][1][1])}
    raise ZeroDivisionError("reached")


@pytest.mark.filterwarnings("ignore:Choices for a categorical distribution")
def test_values_come_back_as_what_they_were(store_uri: str) -> None:
    settings: dict[str, Any] = {"max_epochs": 2, "confirm_top": 0, "tracking_uri": store_uri, "name": "values"}
    first = tunelab.run_sweep(train, Acting(), space=space, trials=5, **settings)
    check(first)
    result = tunelab.run_sweep(train, Acting(), space=space, trials=8, **settings)  # continued, from its journal
    check(result)
    assert [t.params for t in result.trials[:5]] == [t.params for t in first.trials]
    loaded = tunelab.load_result("values", store_uri)
    check(loaded)
    assert loaded.trials == result.trials
    assert loaded.space == result.space
    assert loaded.reproduce(train, trial=3).identical
    with pytest.raises(ZeroDivisionError, match="reached"):
        loaded.load_model(build=built)
    study = loaded.study()
    assert set(optuna.importance.get_param_importances(study)) >= {"sizes", "optimizer"}
    assert optuna.visualization.plot_parallel_coordinate(study).data
    assert optuna.visualization.plot_slice(study).data
    report = to_markdown(make_document(loaded))
    assert "(16, 8)" in report
    held = tunelab.run_sweep(
        train,
        Acting(),
        space=space,
        trials=3,
        set={"sizes": "(16, 8)"},
        max_epochs=1,
        confirm_top=0,
        tracking_uri="off",
    )
    assert {t.config["sizes"] for t in held.trials} == {(16, 8)}
