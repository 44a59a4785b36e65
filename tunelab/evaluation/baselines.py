"""Simple models on the same splits, which show what a search adds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import LinAlgWarning
from scipy.sparse import issparse
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from search_spaces.errors import describe_error
from trainables import RawSplit, Splits, Task
from trainables.base.kinds.registry import row_kind
from tunelab.records.assessment.baseline import Baseline
from tunelab.system.errors import DATA_FAULTS

RIDGE = 1e-2  # just enough for columns that depend on one another
LINEAR = ("linear", "logistic")
BOOSTING = "gradient boosting"
MAX_BOOSTING_CELLS = 40_000_000  # rows x features x classes; above, boosting would take longer than many sweeps
# Below, one thread is used: more threads wait for one another longer than they compute, mostly while figures are drawn.
MANY_CELLS = 10_000_000


def baselines(task: Task, splits: Splits, test: RawSplit) -> tuple[Baseline, ...]:
    """Train mean or majority, a linear model and gradient boosting on the training rows; score them as the winner is.

    A model that costs too much, or fails, has a note that says so instead of scores.

    Args:
        task: gives the feature matrices, and models of its own; no others when it has no matrix.
        splits: the task's data.
        test: the opened test split.
    """
    own = tuple(_own_models(task, splits, test))
    if task.features(splits, splits.train.inputs) is None:
        return own
    return (
        *own,
        *_guesses(task, splits, test),
        *_simple_models(task, splits, test),
        _gradient_boosting(task, splits, test),
    )


def _own_models(task: Task, splits: Splits, test: RawSplit) -> Iterator[Baseline]:
    """Score the simple models that a task has of its own."""
    for name, scores in task.rivals(splits).items():
        try:
            yield Baseline(name, scores(splits.validation), scores(test))
        except DATA_FAULTS as problem:
            yield _failed(name, problem)


def _guesses(task: Task, splits: Splits, test: RawSplit) -> Iterator[Baseline]:
    """Score the predictions of a task that need no model."""
    kind, facts, parts = row_kind(task.facts.kind), splits.training.facts, (splits.validation, test)
    found = [task.guesses(splits, part.inputs) for part in parts]
    for name in found[0]:
        guessed = [said[name] for said in found]
        without = [said for said in guessed if isinstance(said, str)]
        if without:
            yield Baseline(name, {}, {}, without[0])
            continue
        numbers = [said for said in guessed if not isinstance(said, str)]
        outputs = [kind.encode_target(said, facts).reshape(-1, 1) for said in numbers]
        scores = [task.output_scores(said, part, facts) for said, part in zip(outputs, parts, strict=True)]
        yield Baseline(name, validation=scores[0], test=scores[1])


def _simple_models(task: Task, splits: Splits, test: RawSplit) -> Iterator[Baseline]:
    """Score a constant guess and a linear model, and the latter on each further matrix of the task."""
    kind = row_kind(task.facts.kind)
    models = _classifiers if kind.classifies else _regressors
    for name, model in models().items():
        is_linear = name in LINEAR
        yield _scored(task, splits, test, name, model, None if is_linear else partial(task.features, splits))
        for what, features in task.linear_features(splits).items() if is_linear else ():
            yield _scored(task, splits, test, f"{name} on {what}", models()[name], features)


def _scored(
    task: Task, splits: Splits, test: RawSplit, name: str, model: Any, features: Callable[[Any], Any] | None
) -> Baseline:
    """Train a model of scikit-learn on a matrix; on the task's ``plain_features`` when ``features`` is None.

    A matrix that is not sparse is standardised for a linear model.
    """
    y, facts = splits.training.arrays["y_train"].reshape(-1), splits.training.facts
    parts = (splits.train, splits.validation, test)
    try:
        features = task.plain_features(splits) if features is None else features
        x = features(parts[0].inputs)
        if name.startswith(LINEAR) and not issparse(x):
            model = make_pipeline(StandardScaler(), model)
        with threadpool_limits(1 if x is None or x.size < MANY_CELLS else None), warnings.catch_warnings():
            # columns that depend on one another, or too few steps: the scores show what the model is worth
            warnings.simplefilter("ignore", LinAlgWarning)
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
            outputs = [raw_outputs(model, features(part.inputs), facts) for part in parts[1:]]
        scores = [task.output_scores(said, part, facts) for said, part in zip(outputs, parts[1:], strict=True)]
        return Baseline(name, validation=scores[0], test=scores[1])
    except DATA_FAULTS as problem:
        return _failed(name, problem)


def _gradient_boosting(task: Task, splits: Splits, test: RawSplit) -> Baseline:
    """LightGBM at its defaults; the number of trees is the one with the lowest validation loss."""
    from lightgbm.basic import LightGBMError  # loads when it is used

    from trainables.base.tables.families.booster import train_until_best

    training, kind = splits.training, row_kind(task.facts.kind)
    found = task.tree_features(splits, splits.train.inputs)
    if found is None:
        return Baseline(BOOSTING, {}, {}, "not run: the task gives no matrix that trees can read")
    x, categorical = found
    cells = x.size * max(1, int(training.facts["n_outputs"]))
    if cells > MAX_BOOSTING_CELLS:
        note = f"not run: {cells:,} cells (rows x features x classes) are above {MAX_BOOSTING_CELLS:,}"
        return Baseline(BOOSTING, {}, {}, note)
    try:
        model = train_until_best(
            training,
            kind.name,
            x,
            _matrix(task, splits, splits.validation),
            categorical=categorical,
            threads=_threads(x),
        )
        scores = [
            task.output_scores(model(_matrix(task, splits, part)), part, training.facts)
            for part in (splits.validation, test)
        ]
        return Baseline(BOOSTING, validation=scores[0], test=scores[1])
    except (LightGBMError, *DATA_FAULTS) as problem:
        return _failed(BOOSTING, problem)


def _matrix(task: Task, splits: Splits, part: RawSplit) -> np.ndarray:
    found = task.tree_features(splits, part.inputs)
    assert found is not None
    return found[0]


def _threads(x: np.ndarray) -> int:
    return 1 if x.size < MANY_CELLS else os.cpu_count() or 1


def _failed(name: str, problem: BaseException) -> Baseline:
    return Baseline(name, {}, {}, f"failed: {describe_error(problem, whole=False)}")


def _regressors() -> dict[str, Any]:
    return {"mean": DummyRegressor(), "linear": Ridge(alpha=RIDGE)}


def _classifiers() -> dict[str, Any]:
    return {
        "majority": DummyClassifier(strategy="prior"),
        "logistic": LogisticRegression(max_iter=1000),
    }


def raw_outputs(model: Any, x: np.ndarray | None, facts: Mapping[str, Any]) -> np.ndarray:
    """Return a network's outputs: the standardised target (n, 1), the logit of class 1 (n, 1), or one of each class."""
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(x), dtype=np.float64).reshape(-1, 1)
    known = model.predict_proba(x)
    probabilities = np.zeros((len(known), len(facts["classes"])))
    probabilities[:, model.classes_.astype(np.int64)] = known  # a class that no training row has gets nothing
    logs = np.log(np.clip(probabilities, 1e-7, 1.0))
    logits: np.ndarray = logs[:, 1:] - logs[:, :1] if facts["n_outputs"] == 1 else logs
    return logits
