"""The simple models beside a winner, on tables whose splits do not hold every class alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trainables import get_task
from tunelab.evaluation.baselines import baselines


@pytest.mark.parametrize("classes", [["a", "b", "c"], ["b", "c", "a"], ["a", "c", "b"]])
def test_a_class_that_no_training_row_has_is_scored_as_missed(classes: list[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=200), "when": pd.date_range("2024-01-01", periods=200)})
    kinds = np.where(frame["x"] > 0, classes[0], classes[1])
    frame["kind"] = np.where((frame.index >= 180) & (frame.index % 2 == 0), classes[2], kinds)
    frame.to_csv(tmp_path / "kinds.csv", index=False)
    task = get_task("table", data=tmp_path / "kinds.csv", target="kind", time_column="when")
    splits = task.load()
    found = {one.name: one for one in baselines(task, splits, splits.test.open())}
    assert list(found) == ["majority", "logistic", "gradient boosting"]
    assert found["logistic"].validation["accuracy"] > 0.9
    assert 0.6 < found["logistic"].test["accuracy"] <= 0.75  # 10 of the 40 test rows are of the unseen class
    assert all(np.isfinite(one.test["log_loss"]) for one in found.values())


def test_a_class_of_a_single_training_row_does_not_stop_boosting(tmp_path: Path) -> None:
    """Above 10,000 rows boosting stops early by itself, on rows set aside from every class."""
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=16_000).round(1)})
    frame["kind"] = np.where(frame["x"] > 0, "a", "b")
    frame.loc[[10, 12_000, 15_000], "kind"] = "c"
    frame["part"] = ["train"] * 11_000 + ["val"] * 2_000 + ["test"] * 3_000
    frame.to_csv(tmp_path / "kinds.csv", index=False)
    task = get_task("table", data=tmp_path / "kinds.csv", target="kind", split_column="part")
    splits = task.load()
    boosting = baselines(task, splits, splits.test.open())[-1]
    assert boosting.test["accuracy"] > 0.99


def test_the_linear_model_finds_a_sum_of_columns(tmp_path: Path) -> None:
    """On plain standardised columns, also where the network gets numbers bent to a normal distribution."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.exponential(size=1500), "b": rng.uniform(size=1500)})
    frame.assign(y=frame["a"] * 3 + frame["b"]).to_csv(tmp_path / "sum.csv", index=False)
    task = get_task("table", data=tmp_path / "sum.csv", target="y")
    splits = task.load()
    linear = next(one for one in baselines(task, splits, splits.test.open()) if one.name == "linear")
    assert linear.test["r2"] > 0.999


def test_gradient_boosting_reads_categories_and_stops_at_its_best_round(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shop = rng.integers(40, size=1_200)
    effect = rng.normal(size=40)
    frame = pd.DataFrame({"shop": [f"shop {n}" for n in shop], "x": rng.normal(size=1_200)})
    frame["y"] = effect[shop] + 0.3 * frame["x"] + rng.normal(0, 0.2, 1_200)
    frame.to_csv(tmp_path / "shops.csv", index=False)
    task = get_task("table", data=tmp_path / "shops.csv", target="y")
    splits = task.load()
    features = task.tree_features(splits, splits.train.inputs)
    assert features is not None
    matrix, categorical = features
    assert matrix.shape[1] == 2
    assert categorical == [1]
    boosting = baselines(task, splits, splits.test.open())[-1]
    assert boosting.name == "gradient boosting"
    assert boosting.test["rmse"] < 0.5


@pytest.mark.parametrize("name", ["auto_mpg", "wine"])
def test_lightgbms_defaults_are_the_baseline_itself(name: str) -> None:
    """A sweep tries them first: by validation, its winner is no worse than the baseline of gradient boosting."""
    task = get_task(name)
    splits = task.load()
    config = task.space().config({**task.reference, **task.further_references[0]})
    best = min(task.fit(config, splits.training, 5, max_epochs=300), key=lambda report: report.val_loss)
    assert best.weights is not None
    trial = task.predictor(config, dict(best.weights), splits)
    assert trial is not None
    baseline = next(b for b in baselines(task, splits, splits.test.open()) if b.name == "gradient boosting")
    assert task.scores(trial, splits.validation) == pytest.approx(dict(baseline.validation))
    assert task.scores(trial, splits.test.open()) == pytest.approx(dict(baseline.test))
