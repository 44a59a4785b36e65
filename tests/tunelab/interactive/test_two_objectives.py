"""A sweep of two objectives from Python and from the command line: front, confirmation, MLflow, report, notebook."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import optuna
import pytest

import tunelab
from search_spaces import UserError
from tests.displays import Acting
from tunelab.cli.main import main
from tunelab.interactive.result import InteractiveResult
from tunelab.records.front import PointOutcome
from tunelab.report.report import make_document, to_markdown

pytestmark = pytest.mark.usefixtures("ray_session", "in_folder")

METRICS = ["val_loss", "latency_ms"]


def train(config: Mapping[str, Any], trial: Any) -> None:
    """The larger the network, the lower its loss and the longer it takes; the seed adds noise to the loss."""
    noise = np.random.default_rng(trial.seed).normal() * 0.05
    for epoch in range(trial.max_epochs):
        trial.set_constraint("memory", config["width"] - 200)
        trial.report(
            val_loss=1 / config["width"] + noise + 1 / (epoch + 1), latency_ms=config["width"] * config["depth"]
        )


def space(trial: optuna.Trial) -> dict[str, Any]:
    return {"width": trial.suggest_int("width", 1, 256, log=True), "depth": trial.suggest_int("depth", 1, 4)}


SETTINGS: dict[str, Any] = {"max_epochs": 2, "confirm_seeds": 3, "name": "two", "concurrency": 2}


@pytest.fixture(scope="module")
def two(ray_session: None, make_store_uri: Callable[[Path], str], tmp_path_factory: Any) -> InteractiveResult:
    """A finished sweep of two objectives."""
    store = make_store_uri(tmp_path_factory.mktemp("two"))
    return tunelab.run_sweep(train, Acting(), space=space, metric=METRICS, trials=10, tracking_uri=store, **SETTINGS)


def test_the_points_of_the_front_are_confirmed_and_marked_in_mlflow(two: InteractiveResult) -> None:
    front = two.front
    assert front is not None
    assert {t.status for t in two.trials} == {"finished"}  # nothing stops early
    assert len(front.seeds) == 3
    assert all(len(p.fresh) == 3 and p.outcome is not PointOutcome.UNCONFIRMED for p in front.points)
    assert two.best is not None
    assert front.leader is not None
    assert two.best.trial == front.leader.trial
    client = mlflow.MlflowClient(two.tracking_uri)
    runs = {t.number: client.get_run(t.run_id).data for t in two.trials}
    marks = {n: run.tags["tunelab.pareto"] for n, run in runs.items() if "tunelab.pareto" in run.tags}
    assert marks == {p.trial: str(p.outcome) for p in front.points}
    first = front.points[0]
    assert runs[first.trial].metrics["confirm_mean_latency_ms"] == first.means[1]
    assert client.get_run(two.parent_run_id).data.tags["tunelab.pareto"].startswith("The Pareto front of val_loss and")
    assert "report/pareto_front.html" in [f.path for f in client.list_artifacts(two.parent_run_id, "report")]


def test_report_notebook_and_figures_show_the_front(two: InteractiveResult) -> None:
    assert two.front is not None
    markdown = to_markdown(make_document(two))
    assert "## Pareto front" in markdown
    assert "latency_ms, fresh seeds" in markdown
    html = two._repr_html_()
    assert "latency_ms" in html
    assert "fresh seeds" in html
    assert html.count("<circle") == len(two.trials)
    assert str(two.front.points[0].outcome) in html
    names = {trace.name for trace in two.plot.pareto().data}
    assert names & {"holds on fresh seeds", "unclear", "luck"}
    assert two.plot.curves().data
    assert len(two.study().best_trials) == len(two.front.points)
    assert {"metric_latency_ms", "metric_constraint_memory"} <= set(two.to_pandas())


def test_it_is_loaded_by_name_and_extended(two: InteractiveResult) -> None:
    loaded = tunelab.load_result("two", two.tracking_uri)
    assert loaded.front == two.front
    more = tunelab.run_sweep(
        train, Acting(), space=space, metric=METRICS, trials=12, tracking_uri=two.tracking_uri, **SETTINGS
    )
    assert [t.params for t in more.trials[:10]] == [t.params for t in two.trials]
    assert len(more.trials) == 12
    with pytest.raises(UserError, match="exists and was another one"):
        tunelab.run_sweep(
            train,
            Acting(),
            space=space,
            metric=["val_loss", "constraint_memory"],
            trials=12,
            tracking_uri=two.tracking_uri,
            **SETTINGS,
        )


def test_one_objective_has_no_front(store_uri: str) -> None:
    def alone(config: Mapping[str, Any], trial: Any) -> None:
        trial.report(val_loss=config["width"])

    result = tunelab.run_sweep(
        alone, Acting(), space=space, trials=2, max_epochs=1, confirm_top=0, tracking_uri=store_uri
    )
    assert result.front is None
    with pytest.raises(UserError, match="has one objective and so no Pareto front"):
        result.plot.pareto()


def run_command(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of ``tunelab ARGUMENTS``."""
    monkeypatch.setattr(sys, "argv", ["tunelab", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_line_takes_several_metrics(
    in_folder: Path, store_uri: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_folder / "mine.py").write_text(
        "def train(config, trial):\n"
        "    for epoch in range(trial.max_epochs):\n"
        "        trial.report(accuracy=config['x'] ** 0.5, latency_ms=config['x'])\n"
        "def space(trial):\n"
        "    return {'x': trial.suggest_float('x', 0, 1)}\n"
    )
    command = ["sweep", "./mine.py:train", "--trials", "4", "--max-epochs", "1", "--confirm-top", "2"]
    command += ["--metric", "accuracy", "--metric", "latency_ms", "--direction", "maximize", "--direction", "minimize"]
    command += ["--confirm-seeds", "2", "--tracking-uri", store_uri, "--name", "cli"]
    assert run_command([*command, "--json"], monkeypatch) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [o["metric"] for o in shown["front"]["objectives"]] == ["accuracy", "latency_ms"]
    assert len(shown["front"]["points"]) == 4
    assert sum(point["outcome"] != "not confirmed" for point in shown["front"]["points"]) == 2
    assert run_command(["results", "cli", "--tracking-uri", store_uri], monkeypatch) == 0
    assert "The Pareto front" in capsys.readouterr().out
    twice = ["--metric", "accuracy", "--metric", "accuracy", "--tracking-uri", store_uri]
    assert run_command([*command[:6], *twice], monkeypatch) == 2
    assert "names 'accuracy' twice" in capsys.readouterr().err
