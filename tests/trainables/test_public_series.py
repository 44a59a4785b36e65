"""Series of statsmodels (public domain) as a user has them: carbon dioxide by month, the economy by quarter, others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainables.series import Series

SEEDS = (1, 2, 3)
HORIZONS = {"co2": 12, "unemp": 4, "realgdp": 4, "infl": 4, "tbilrate": 4, "sunspots": 5, "nile": 3}


def write_series(folder: Path, name: str) -> Path:
    """Writes a table with the columns ``t`` and ``y``."""
    datasets = pytest.importorskip("statsmodels.datasets")
    if name == "co2":
        values = datasets.co2.load_pandas().data["co2"]["1974":].resample("MS").mean()
        frame = pd.DataFrame({"t": values.index, "y": values.to_numpy()})
    elif name in ("sunspots", "nile"):
        years = getattr(datasets, name).load_pandas().data
        frame = pd.DataFrame({"t": years.iloc[:, 0].astype(int), "y": years.iloc[:, 1]})
    else:
        quarters = datasets.macrodata.load_pandas().data
        stamps = [
            f"{year:.0f}Q{quarter:.0f}" for year, quarter in zip(quarters["year"], quarters["quarter"], strict=True)
        ]
        frame = pd.DataFrame({"t": stamps, "y": quarters[name]})
    frame.to_csv(folder / f"{name}.csv", index=False)
    return folder / f"{name}.csv"


def learned(task: Series, splits: Any, families: tuple[str, ...], seed: int, epochs: int) -> dict[str, float]:
    """The test scores of the family with the lowest validation loss."""
    best: tuple[float, str, dict[str, Any]] = (np.inf, "", {})
    for family in families:
        config = task.space().config({**task.reference, "family": family})
        for report in task.fit(config, splits.training, seed, max_epochs=epochs):
            assert report.weights is not None
            if report.val_loss < best[0]:
                best = (report.val_loss, family, {k: v.clone() for k, v in report.weights.items()})
    config = task.space().config({**task.reference, "family": best[1]})
    return task.scores(task.predictor(config, best[2], splits), splits.test.open())


def naive_errors(task: Series, splits: Any) -> dict[str, float]:
    """The RMSE of each baseline on the test split."""
    test = splits.test.open()
    found = task.guesses(splits, test.inputs)
    return {
        name: float(np.sqrt(np.mean((said - test.targets) ** 2)))
        for name, said in found.items()
        if not isinstance(said, str)
    }


@pytest.mark.slow
def test_the_best_family_forecasts_a_year_better_than_the_year_before(tmp_path: Path) -> None:
    task = Series(write_series(tmp_path, "co2"), "t", "y", horizon=12)
    splits = task.load()
    naive = naive_errors(task, splits)
    found = [learned(task, splits, ("dlinear", "patchtst", "boosting"), seed, 20) for seed in SEEDS]
    assert max(scores["rmse"] for scores in found) < 0.7 * naive["seasonal naive"]
    assert np.mean([scores["rmse"] for scores in found]) < 1.25 * naive["exponential smoothing"]  # named by the verdict
    assert max(scores["mase"] for scores in found) < 1


@pytest.mark.slow
def test_what_starts_from_a_baseline_is_never_much_worse_and_its_intervals_hold(tmp_path: Path) -> None:
    ratios, inside = {}, {}
    for name, horizon in HORIZONS.items():
        task = Series(write_series(tmp_path, name), "t", "y", horizon=horizon)
        splits = task.load()
        scores = learned(task, splits, ("dlinear",), 1, 60)
        ratios[name] = scores["rmse"] / min(naive_errors(task, splits).values())
        inside[name] = scores["coverage_90"]
    assert max(ratios.values()) < 1.2, ratios
    assert 0.85 <= np.mean([*inside.values()]) <= 0.97, inside
    assert min(inside.values()) > 0.75, inside
