"""The families of series on a public one: carbon dioxide at Mauna Loa (statsmodels, public domain), by month."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.series import Series

SEEDS = (1, 2, 3)


@pytest.mark.slow
def test_the_best_family_forecasts_a_year_better_than_the_year_before(tmp_path: Path) -> None:
    co2 = pytest.importorskip("statsmodels.datasets.co2")
    months = co2.load_pandas().data["co2"]["1974":].resample("MS").mean().rename_axis("month").reset_index()
    months.to_csv(tmp_path / "co2.csv", index=False)
    task = Series(tmp_path / "co2.csv", "month", "co2", horizon=12)
    splits = task.load()
    test = splits.test.open()
    naive = {
        name: float(np.sqrt(np.mean((said - test.targets) ** 2)))
        for name, said in task.guesses(splits, test.inputs).items()
        if not isinstance(said, str)
    }
    for seed in SEEDS:
        best: tuple[float, str, dict[str, Any]] = (np.inf, "", {})
        for family in ("dlinear", "patchtst", "boosting"):
            config = task.space().config({**task.reference, "family": family})
            for report in task.fit(config, splits.training, seed, max_epochs=20):
                assert report.weights is not None
                if report.val_loss < best[0]:
                    best = (report.val_loss, family, {k: v.clone() for k, v in report.weights.items()})
        config = task.space().config({**task.reference, "family": best[1]})
        scores = task.scores(task.predictor(config, best[2], splits), test)
        assert scores["rmse"] < 0.7 * naive["seasonal naive"]
        assert scores["rmse"] < 1.5 * naive["exponential smoothing"]  # a strong baseline, which the verdict would name
        assert scores["mase"] < 1
