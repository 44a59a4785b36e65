"""The systems that are compared: each trains on a table's training and validation rows and predicts its test rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from search_spaces.errors import UserError
from trainables import Splits
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.tabular import TabularTask
from tunelab.records.assessment.optimism import Optimism

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.tables.spec import TableEntry

OURS = "tunelab"
NEEDS = {"autogluon": "autogluon.tabular"}
ROUNDS = 1_000  # of scikit-learn's boosting at most; it stops when its own validation rows no longer improve


@dataclass(frozen=True)
class Request:
    """One table, one seed.

    Attributes:
        entry: names the table.
        task, splits: the same rows for every system.
        seed: of the system.
        seconds: of the search that the system may use.
    """

    entry: TableEntry
    task: TabularTask
    splits: Splits
    seed: int
    seconds: float


@dataclass(frozen=True)
class Scored:
    """What a system reached on the test rows.

    Attributes:
        scores: by name.
        outputs: (n, n_outputs) raw outputs, from which an interval of a score follows; None where they are not known.
        optimism: the loss that a search expected on new rows, beside that of the test rows; None where it says none.
    """

    scores: Mapping[str, float]
    outputs: np.ndarray | None = None
    optimism: Optimism | None = None


def tunelab(request: Request) -> Scored:
    """Run a sweep at its defaults within the time; its winner's scores.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the sweep, which has no test scores then.
        UserError: it ended before its time for another reason, or no trial has a result.
    """
    from tunelab.records.spec import make_spec
    from tunelab.run import run_sweep
    from tunelab.search.limits import Stop

    with tempfile.TemporaryDirectory() as folder:
        spec = {
            **{"task": request.entry.task, "task_options": dict(request.entry.options), "seed": request.seed},
            **{"time_budget": request.seconds, "trials": 10_000, "confirm_top": 0},
            "tracking_uri": f"sqlite:///{Path(folder) / 'mlflow.db'}",
        }
        result = run_sweep(make_spec(spec))
    if result.stopped == Stop.INTERRUPTED.value:
        raise KeyboardInterrupt
    if not result.ended_as_asked:
        raise UserError(f"'{request.entry.name}': the sweep ended early: {result.stopped}.")
    if result.best is None:
        raise UserError(f"'{request.entry.name}': no trial has a result after {request.seconds:g} s.")
    return Scored(result.best.test, optimism=result.optimism)


def lightgbm(request: Request) -> Scored:
    """Train LightGBM at its defaults, stopped early on the validation rows."""
    from trainables.base.tables.families.booster import train_until_best

    task, splits = request.task, request.splits
    (x, categorical), x_val, x_test = _matrices(task, splits)
    threads = 1
    model = train_until_best(
        splits.training, task.facts.kind, x, x_val, categorical=categorical, threads=threads, seed=request.seed
    )
    return _scored(request, model(x_test))


def scikit_learn(request: Request) -> Scored:
    """Train scikit-learn's histogram gradient boosting, stopped early on rows that it sets aside itself."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    from tunelab.evaluation.baselines import raw_outputs

    task, splits = request.task, request.splits
    kind, y = row_kind(task.facts.kind), splits.training.arrays["y_train"].reshape(-1)
    (x, categorical), _, x_test = _matrices(task, splits)
    stops = not kind.classifies or int(np.unique(y, return_counts=True)[1].min()) > 1
    make = HistGradientBoostingClassifier if kind.classifies else HistGradientBoostingRegressor
    few = [position for position in categorical if x[:, position].max() < make().max_bins]  # more are read as numbers
    model = make(max_iter=ROUNDS, early_stopping=stops, random_state=request.seed, categorical_features=few or None)
    model.fit(x, y)
    return _scored(request, raw_outputs(model, x_test, splits.training.facts))


def autogluon(request: Request) -> Scored:
    """Train AutoGluon at its defaults within the time, on the same training and validation rows."""
    from autogluon.tabular import TabularPredictor  # type: ignore[import-not-found]

    task, splits = request.task, request.splits
    kind, facts = row_kind(task.facts.kind), splits.training.facts
    test = splits.test.open()
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(label=task.target, path=folder, problem_type=kind.name, verbosity=0)
        predictor.fit(
            _frame(task.target, splits.train),
            tuning_data=_frame(task.target, splits.validation),
            time_limit=request.seconds,
        )
        if not kind.classifies:
            from trainables.base.kinds.metrics import regression_metrics

            return Scored(regression_metrics(test.targets, predictor.predict(test.inputs).to_numpy()))
        probabilities = predictor.predict_proba(test.inputs)[list(facts["classes"])].to_numpy()
    return _scored(request, kind.encode_outputs(probabilities))


def _scored(request: Request, outputs: np.ndarray) -> Scored:
    kind, facts = row_kind(request.task.facts.kind), request.splits.training.facts
    return Scored(kind.scores(outputs, request.splits.test.open().targets, facts), outputs)


def _frame(target: str, part: Any) -> pd.DataFrame:
    frame: pd.DataFrame = part.inputs.assign(**{target: part.targets})
    return frame


def _matrices(task: TabularTask, splits: Splits) -> tuple[tuple[np.ndarray, list[int]], np.ndarray, np.ndarray]:
    parts = (splits.train, splits.validation, splits.test.open())
    train, validation, test = (task.tree_features(splits, part.inputs) for part in parts)
    return train, validation[0], test[0]


SYSTEMS: dict[str, Callable[[Request], Scored]] = {
    OURS: tunelab,
    "lightgbm": lightgbm,
    "scikit-learn": scikit_learn,
    "autogluon": autogluon,
}


def missing_system(name: str) -> str | None:
    """Return the package that a system needs and that is not installed; None when it can be run."""
    package = NEEDS.get(name)
    return package if package is not None and find_spec(package.partition(".")[0]) is None else None
