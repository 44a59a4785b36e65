"""Simple models on the same splits, which show what a search adds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from search_spaces.errors import describe_error
from trainables import RawSplit, Splits, Task
from trainables.base.kinds.registry import row_kind
from tunelab.records.baseline import Baseline
from tunelab.system.errors import DATA_FAULTS

RIDGE = 1e-2  # just enough for columns that depend on one another
LINEAR = ("linear", "logistic")
BOOSTING = "gradient boosting"
MAX_BOOSTING_CELLS = 40_000_000  # rows x features x classes; above, boosting would take longer than many sweeps
# Below, one thread is used: more threads wait for one another longer than they compute, mostly while figures are drawn.
MANY_CELLS = 10_000_000


def baselines(task: Task, splits: Splits, test: RawSplit) -> tuple[Baseline, ...]:
    """Train mean or majority, a linear model and gradient boosting on the training split; score them as the winner is.

    A model that is too costly, or fails, has a note that says so instead of scores.

    Args:
        task: Gives the feature matrix; no baselines when it has none.
        splits: The task's data.
        test: The opened test split.
    """
    x = task.features(splits, splits.train.inputs)
    if x is None:
        return ()
    kind = row_kind(task.facts.kind)
    y = splits.training.arrays["y_train"].reshape(-1)
    facts = splits.training.facts
    parts = (splits.train, splits.validation, test)
    cells = x.size * max(1, int(facts["n_outputs"]))
    found = []
    for name, model in (_classifiers(y) if kind.classifies else _regressors()).items():
        if name == BOOSTING and cells > MAX_BOOSTING_CELLS:
            note = f"not run: {cells:,} cells (rows x features x classes) are above {MAX_BOOSTING_CELLS:,}"
            found.append(Baseline(name, {}, {}, note))
            continue
        try:
            features = task.plain_features(splits) if name in LINEAR else partial(task.features, splits)
            with threadpool_limits(None if cells > MANY_CELLS else 1):
                model.fit(features(parts[0].inputs), y)
                outputs = [_outputs(model, features(part.inputs), facts) for part in parts[1:]]
            scores = [kind.scores(said, part.targets, facts) for said, part in zip(outputs, parts[1:], strict=True)]
            found.append(Baseline(name, validation=scores[0], test=scores[1]))
        except DATA_FAULTS as problem:
            found.append(Baseline(name, {}, {}, f"failed: {describe_error(problem, whole=False)}"))
    return tuple(found)


def _regressors() -> dict[str, Any]:
    return {
        "mean": DummyRegressor(),
        "linear": make_pipeline(StandardScaler(), Ridge(alpha=RIDGE)),
        BOOSTING: HistGradientBoostingRegressor(random_state=0),
    }


def _classifiers(y: np.ndarray) -> dict[str, Any]:
    _, counts = np.unique(y, return_counts=True)
    stopping = "auto" if counts.min() > 1 else False  # it sets rows of every class aside, at least one
    return {
        "majority": DummyClassifier(strategy="prior"),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        BOOSTING: HistGradientBoostingClassifier(random_state=0, early_stopping=stopping),
    }


def _outputs(model: Any, x: np.ndarray | None, facts: Mapping[str, Any]) -> np.ndarray:
    """Return a network's outputs: the standardised target (n, 1), the logit of class 1 (n, 1), or one of each class."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(x), dtype=np.float64).reshape(-1, 1)
    known = model.predict_proba(x)
    probabilities = np.zeros((len(known), len(facts["classes"])))
    probabilities[:, model.classes_.astype(np.int64)] = known  # a class that no training row has gets nothing
    logs = np.log(np.clip(probabilities, 1e-7, 1.0))
    logits: np.ndarray = logs[:, 1:] - logs[:, :1] if facts["n_outputs"] == 1 else logs
    return logits
