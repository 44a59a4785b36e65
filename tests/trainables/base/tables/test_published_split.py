"""The published splits are those of the papers: LightGBM at its defaults reaches the errors that are known for them."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest

from search_spaces import UserError
from trainables import get_task
from trainables.base.tables.published_split import PublishedSplitTask, published_rows

TREES, PATIENCE = 4_000, 500  # the best round of all trees is the best of those until nothing has improved for long


def errors(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """RMSE on validation and test, in the unit of ``y``, of LightGBM's defaults at its best round."""
    rows = published_rows(len(y))
    mean, std = y[rows.train].mean(), y[rows.train].std()
    z = (y - mean) / std
    quiet = {"verbose": -1}
    data = lightgbm.Dataset(x[rows.train], z[rows.train], params=quiet)
    model = lightgbm.train(
        {"objective": "regression", "num_threads": 1, **quiet},
        data,
        TREES,
        valid_sets=[lightgbm.Dataset(x[rows.validation], z[rows.validation], reference=data)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    found = []
    for part in (rows.validation, rows.test):
        predicted = np.asarray(model.predict(x[part], num_iteration=model.best_iteration))
        found.append(float(np.sqrt(np.mean((predicted * std + mean - y[part]) ** 2))))
    return found[0], found[1]


def test_california_housing_is_split_as_published() -> None:
    task = get_task("california_housing", split="published")
    assert isinstance(task, PublishedSplitTask)
    frame = task.read()
    validation, test = errors(frame[list(task.numeric)].to_numpy(np.float32), frame[task.target].to_numpy(float))
    assert (round(validation, 6), round(test, 6)) == (0.449671, 0.449457)


@pytest.mark.slow
def test_diamonds_are_split_as_published() -> None:
    task = get_task("diamonds", split="published")
    assert isinstance(task, PublishedSplitTask)
    frame = task.read()
    indicators = pd.get_dummies(frame[list(task.categorical)]).to_numpy(np.float32)
    x = np.concatenate([frame[list(task.numeric)].to_numpy(np.float32), indicators], axis=1)
    price = frame["price"].to_numpy(float)
    validation, test = errors(x, price)
    assert price.std() == pytest.approx(3989.4, abs=0.01)
    assert (round(validation / price.std(), 6), round(test / price.std(), 6)) == (0.134990, 0.137222)


def test_a_published_split_is_what_trials_get_and_has_no_seed() -> None:
    task = get_task("california_housing", split="published")
    splits = task.load()
    rows = published_rows(20_640)
    assert isinstance(task, PublishedSplitTask)
    truth = task.read()[task.target].to_numpy()
    assert np.array_equal(splits.train.targets, truth[rows.train])
    assert np.array_equal(splits.validation.targets, truth[rows.validation])
    assert len(splits.test) == 4_128
    with pytest.raises(UserError, match="takes no --split-seed"):
        task.load(3)
    with pytest.raises(UserError, match="own or published"):
        get_task("diamonds", split="mine")
    price = get_task("diamonds", split="published")
    assert isinstance(price, PublishedSplitTask)
    assert price.target_transform == "none"
