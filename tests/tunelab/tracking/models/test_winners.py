"""Winners' models in the store: what they take and need, which of a run's models counts, who is the champion."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import LoggedModelOutput

from trainables import Predictor, get_task
from trainables.base.contract.predictors import PREDICTORS
from tunelab.records.tracking_store import ModelEntry
from tunelab.tracking.models.winners import MODEL_REQUIREMENTS, TEXT_REQUIREMENTS
from tunelab.tracking.process_state import fluent
from tunelab.tracking.store import Store

CONFIG: dict[str, Any] = {"hidden_sizes": [8], "dropout": 0.1, "lr": 1e-2, "weight_decay": 1e-3, "batch_size": 64}
FIGURES = {"test_rmse": 3.5}


@pytest.fixture(scope="module")
def cars() -> tuple[Predictor, pd.DataFrame]:
    """A barely trained model and rows that it reads."""
    task = get_task("auto_mpg")
    splits = task.load()
    *_, last = task.fit(CONFIG, splits.training, 0, max_epochs=1)
    assert last.weights is not None
    predictor = task.predictor(CONFIG, last.weights, splits)
    assert predictor is not None
    return predictor, splits.validation.inputs


@pytest.fixture
def store(store_uri: str) -> Store:
    return Store(store_uri)


def trial_run(store: Store) -> str:
    """A finished trial's run, as a sweep leaves it."""
    run = store.client.create_run(store.experiment("auto_mpg"), tags={"tunelab.status": "finished"})
    store.client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def log(store: Store, run_id: str, cars: tuple[Predictor, pd.DataFrame], **figures: float) -> str:
    return store.log_model(run_id, cars[0], cars[1][:3], "auto_mpg", figures or FIGURES)


def test_a_model_takes_the_cells_that_a_table_may_hold(store: Store, cars: tuple[Predictor, pd.DataFrame]) -> None:
    predictor, rows = cars
    uri = log(store, trial_run(store), cars)
    with fluent(store.uri):
        model = mlflow.pyfunc.load_model(uri)
    whole = rows.astype({"cylinders": "int64", "weight": "int64"})
    variants = [
        whole,
        rows.astype(float),
        whole.assign(weight=whole["weight"] + 0.5),
        whole.assign(cylinders=np.nan, origin=whole["origin"].where(whole["origin"] > 1)),
        whole.assign(weight=whole["weight"].astype(str), memo="further"),
    ]
    for frame in variants:
        assert model.predict(frame).equals(predictor.predict(frame))
    with pytest.raises(mlflow.MlflowException, match="weight"):
        model.predict(whole.drop(columns="weight"))


@pytest.mark.parametrize(
    ("task", "kind"), [("wine", "classifier"), ("heart_disease", "classifier"), ("auto_mpg", "regressor")]
)
def test_mlflow_evaluates_a_model_and_an_empty_frame_gives_an_empty_answer(store: Store, task: str, kind: str) -> None:
    learned = get_task(task)
    splits = learned.load()
    report = next(iter(learned.fit(CONFIG, splits.training, 0, max_epochs=1)))
    assert report.weights is not None
    predictor = learned.predictor(CONFIG, report.weights, splits)
    assert predictor is not None
    rows, targets = splits.validation.inputs, splits.validation.targets
    uri = log(store, trial_run(store), (predictor, rows))
    with fluent(store.uri), mlflow.start_run(experiment_id=store.experiment("evaluation")):
        data, plain = rows.assign(truth=targets), {"log_model_explainability": False}  # which fails on pandas' text
        found = mlflow.models.evaluate(uri, data, targets="truth", model_type=kind, evaluator_config=plain)
        model = mlflow.pyfunc.load_model(uri)
    scores = learned.scores(predictor, splits.validation)
    if kind == "classifier":
        assert found.metrics["accuracy_score"] == pytest.approx(scores["accuracy"])
    else:
        assert found.metrics["root_mean_squared_error"] == pytest.approx(scores["rmse"], rel=1e-5)
    empty = model.predict(rows.iloc[:0])
    assert list(empty.columns) == list(predictor.predict(rows).columns)
    assert len(empty) == 0


ROOT = Path(__file__).parents[4]
OWN = ("search_spaces", "trainables")


def imports(module: str, seen: set[str]) -> Iterator[str]:
    """The packages that a module of ours imports when it is loaded, by itself or by way of others of ours."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if module in seen or not file.exists():
        return
    seen.add(module)
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            top = name.partition(".")[0]
            yield from imports(name, seen) if top in OWN else [top]


def test_the_requirements_name_every_package_that_a_predictor_imports() -> None:
    distributions = packages_distributions()
    for kind, target in PREDICTORS.items():
        module, _, cls = target.partition(":")
        found = set(imports(module, set())) - set(sys.stdlib_module_names)
        own = getattr(import_module(module), cls).packages  # an instance's may be more, where its members need them
        named = {*MODEL_REQUIREMENTS, *(TEXT_REQUIREMENTS if kind == "language_model" else ()), *own}
        assert {name for top in found for name in distributions[top]} <= named, kind


def test_the_requirements_are_on_an_index_and_come_with_the_model(
    store: Store, cars: tuple[Predictor, pd.DataFrame]
) -> None:
    uri = log(store, trial_run(store), cars)
    lines = store.model_file(uri, "requirements.txt").decode().split()
    assert {line.partition("==")[0] for line in lines} == {"mlflow", *MODEL_REQUIREMENTS}
    assert not any("+" in line for line in lines)  # a build such as 2.9.0+cpu is on no index


@pytest.mark.parametrize("first", [True, False])
def test_the_noted_model_of_a_run_is_meant_whatever_the_order(store: Store, first: bool) -> None:
    run_id = trial_run(store)
    run = store.run(run_id)
    models = [
        store.client.create_logged_model(run.info.experiment_id, name, run_id) for name in ("served", "transformers")
    ]
    store.client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0) for model in models])
    noted = models[0 if first else 1].model_uri
    store.client.set_tag(run_id, "tunelab.model_uri", noted)
    assert store.model_uri(run_id) == noted


def test_a_new_winner_of_a_run_leaves_its_registered_models(store: Store, cars: tuple[Predictor, pd.DataFrame]) -> None:
    run_id = trial_run(store)
    one = log(store, run_id, cars)
    store.register(ModelEntry("auto_mpg", one, run_id, 0.5, "digest"))
    half = store.client.create_logged_model(store.run(run_id).info.experiment_id, "half", run_id)
    two, three = log(store, run_id, cars, test_rmse=3.0), log(store, run_id, cars, test_rmse=2.0)
    assert len({one, two, three}) == 3
    found = store.client.search_logged_models([store.run(run_id).info.experiment_id])
    assert {model.model_uri for model in found} >= {one, three}
    assert half.model_uri not in {model.model_uri for model in found}
    with fluent(store.uri):
        mlflow.pyfunc.load_model("models:/tunelab-auto_mpg@champion")


def test_figures_are_logged_once_and_stand_beside_the_model(store: Store, cars: tuple[Predictor, pd.DataFrame]) -> None:
    run_id = trial_run(store)
    for _ in range(3):
        store.log_metrics(run_id, FIGURES)
    uri = log(store, run_id, cars)
    assert log(store, run_id, cars) == uri
    model = store.client.get_logged_model(uri.rpartition("/")[2])
    assert {metric.key: metric.value for metric in model.metrics} == FIGURES
    values = [(point.step, point.value) for point in store.client.get_metric_history(run_id, "test_rmse")]
    assert set(values) == {(0, 3.5)}
    assert store.run(run_id).info.status == "FINISHED"


def test_the_champion_is_beaten_on_its_own_data_alone(store: Store) -> None:
    run_id = trial_run(store)
    experiment = store.run(run_id).info.experiment_id
    uris = [store.client.create_logged_model(experiment, f"m{i}", run_id).model_uri for i in range(4)]

    def register(number: int, val_loss: float, digest: str, objection: str = "") -> tuple[bool, str]:
        made = store.register(ModelEntry("auto_mpg", uris[number], run_id, val_loss, digest, objection=objection))
        assert made.version == str(number + 1)
        return made.champion, made.why

    assert register(0, 0.5, "a") == (True, "")
    assert register(1, 0.1, "b", "luck") == (False, "It is not a champion: luck.")
    assert register(1, 0.1, "b") == (True, "")
    assert register(2, 0.6, "a") == (False, "The champion is still version 1 (val_loss 0.5000).")
    assert register(3, 0.4, "a", "luck") == (False, "It is not a champion: luck.")
    assert store.client.get_model_version_by_alias("tunelab-auto_mpg", "champion").version in ("2", 2)
    assert register(3, 0.4, "a") == (True, "")
    assert register(3, 0.4, "a") == (True, "")


def test_each_table_of_the_users_has_a_champion_of_its_own(
    store: Store, cars: tuple[Predictor, pd.DataFrame], tmp_path: Path
) -> None:
    frame = cars[1].assign(**{"price in $": np.arange(len(cars[1])) * 3.0, "가격": np.arange(len(cars[1])) * 5.0})
    for file in ("Houses.2024.csv", "집.tsv"):
        frame.to_csv(tmp_path / file, index=False, sep="\t" if file.endswith("tsv") else ",")
    names = {
        get_task("table", data=tmp_path / file, target=target).facts.name
        for file, target in (("Houses.2024.csv", "price in $"), ("Houses.2024.csv", "가격"), ("집.tsv", "가격"))
    }
    assert names == {"table-houses-price-in", "table-houses-가격", "table-집-가격"}
    run_id = trial_run(store)
    uri = log(store, run_id, cars)
    for name in sorted(names):
        assert store.register(ModelEntry(name, uri, run_id, 0.5, name)).champion
        (tmp_path / name).mkdir()
        assert store.load_model(f"models:/tunelab-{name}@champion", tmp_path / name).kind == "table"
