"""What shuffling a column costs, beside scikit-learn's own function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance

from trainables import RawSplit, get_task
from tunelab.analysis.permutation_importance import column_importance


class Sum:
    """A sum of columns as a predictor, and as scikit-learn's estimator."""

    def __init__(self, facts: Any) -> None:
        self.facts = facts
        self.calls = 0

    def outputs(self, inputs: pd.DataFrame) -> np.ndarray:
        self.calls += 1
        outputs: np.ndarray = inputs.fillna(0.0).astype(float).to_numpy() @ np.linspace(-0.001, 0.001, inputs.shape[1])
        return outputs[:, None]

    def fit(self, x: Any, y: Any) -> None:
        raise NotImplementedError


def test_it_is_scikit_learns_with_a_call_of_the_model_for_each_column() -> None:
    task = get_task("auto_mpg")
    splits = task.load()
    model: Any = Sum(splits.training.facts)
    rows = splits.validation

    def score(_: Any, x: pd.DataFrame, y: np.ndarray) -> float:
        return -task.scores(model, RawSplit(x, y))["rmse"]

    found = column_importance(task, model, rows)
    assert found is not None
    assert model.calls <= len(rows.inputs.columns) + 3
    theirs = permutation_importance(
        model, rows.inputs, rows.targets, scoring=score, n_repeats=found.repeats, random_state=0
    )
    assert len(found.columns) == len(rows.inputs.columns)
    for name, mean, std in zip(rows.inputs.columns, theirs["importances_mean"], theirs["importances_std"], strict=True):
        ours = next(column for column in found.columns if column.name == name)
        assert (ours.mean, ours.std) == pytest.approx((mean, std), rel=1e-6, abs=1e-12)
