"""A training function of the user's own: killed and resumed, on three nodes, and trained again, identical."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

import tunelab
from search_spaces import UserError
from tests.displays import Acting
from tests.drivers import journal_lines, ray_address, start_driver, wait_until
from tunelab.launch.ray_import import import_ray
from tunelab.records.trial import TrialStatus
from tunelab.reproduce import reproduce
from tunelab.tracking.store import Store

FUNCTION = """
import json
import random
import time

def space(trial):
    return {"lr": trial.suggest_float("lr", 0.05, 0.9), "pause": trial.suggest_categorical("pause", [PAUSE])}

def train(config, trial):
    done, w = 0, random.random()
    if trial.checkpoint is not None:
        done, w = json.loads((trial.checkpoint / "state.json").read_text())
    for epoch in range(done + 1, trial.max_epochs + 1):
        time.sleep(config["pause"])
        w += config["lr"] * (1 - w)
        state = json.dumps([epoch, w])
        save = lambda folder: (folder / "state.json").write_text(state)
        trial.report(val_loss=(1 - w) ** 2, epoch=epoch, checkpoint=save, **more(config, trial))

def more(config, trial):
    return {}
"""
SECOND = """
def more(config, trial):
    trial.set_constraint("slowest", config["lr"] - 0.8)
    return {"latency_ms": 10 * config["lr"] + trial.seed % 3}
"""
SCALE = 2.0


def space(trial: optuna.Trial) -> dict[str, Any]:
    return {"lr": trial.suggest_float("lr", 0.05, 0.9)}


def train(config: Mapping[str, Any], trial: Any) -> None:
    w = (trial.seed % 100) / 100
    for _ in range(trial.max_epochs):
        w += config["lr"] * (1 - w)
        trial.report(val_loss=SCALE * (1 - w) ** 2)


def values_of(folder: Path, uri: str, pause: float, **more: Any) -> dict[str, Any]:
    file = folder / "own.py"
    file.write_text(FUNCTION.replace("PAUSE", str(pause)), encoding="utf-8")
    settings = {"trials": 6, "max_epochs": 5, "sampler": "random", "confirm_top": 0, "tracking_uri": uri}
    return {"task": f"{file}:train", "name": "own", **settings, **more}


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_killed_sweep_of_a_function_is_resumed_and_reproduced(
    make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    uri = make_store_uri(tmp_path / "mlruns")
    values = values_of(tmp_path, uri, 0.05)
    driver = start_driver(values, tmp_path, address=ray_address())
    assert wait_until(lambda: journal_lines(tmp_path, "own") > 12, driver), (tmp_path / "stderr.txt").read_text()
    driver.kill()
    driver.join()
    resumed = start_driver({"resume": "own"}, tmp_path, address=ray_address())
    resumed.join(120)
    assert resumed.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    result = tunelab.load_result("own", uri)
    assert len(result.trials) == 6
    assert all(trial.has_result for trial in result.trials)
    assert TrialStatus.STOPPED in {trial.status for trial in result.trials}
    assert {trial.state.name for trial in result.study().trials} == {"COMPLETE", "PRUNED"}
    undisturbed = tunelab.run_sweep(values["task"], Acting(), **{**values_without_task(values), "name": "undisturbed"})
    assert [t.params for t in result.trials] == [t.params for t in undisturbed.trials]
    for trial in (result.trials[0], result.trials[-1]):
        found = reproduce(Store(uri), trial.run_id)
        assert found.identical, str(found.difference)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_killed_sweep_of_two_objectives_is_resumed_with_the_same_front(
    make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    uri = make_store_uri(tmp_path / "mlruns")
    objectives = {"task_options": {"metric": ["val_loss", "latency_ms"]}, "confirm_top": 2, "confirm_seeds": 2}
    values = values_of(tmp_path, uri, 0.05, sampler="nsga2", deterministic=True, **objectives, trials=8)
    (tmp_path / "own.py").write_text((tmp_path / "own.py").read_text() + SECOND)
    for lines in (12, 24, 40):
        driver = start_driver(values, tmp_path, address=ray_address())
        assert wait_until(lambda: journal_lines(tmp_path, "own") > lines, driver)  # noqa: B023 called at once
        driver.kill()
        driver.join()
        assert driver.exitcode == -signal.SIGKILL
    resumed = start_driver({"resume": "own"}, tmp_path, address=ray_address())
    resumed.join(120)
    assert resumed.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    result = tunelab.load_result("own", uri)
    again = {**values_without_task(values), "name": "undisturbed"}
    undisturbed = tunelab.run_sweep(values["task"], Acting(), **again)
    assert [t.params for t in result.trials] == [t.params for t in undisturbed.trials]
    assert [t.epochs[-1].metrics for t in result.trials] == [t.epochs[-1].metrics for t in undisturbed.trials]
    assert {t.status for t in result.trials} == {TrialStatus.FINISHED}
    assert result.front is not None
    assert undisturbed.front is not None
    assert replace(result.front, train_seconds=0.0) == replace(undisturbed.front, train_seconds=0.0)
    assert all(trial.is_feasible for trial in result.trials if trial.number in {p.trial for p in result.front.points})
    assert len(Store(uri).sweeps()) == 2  # each has one parent run


def values_without_task(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "task"}


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_function_in_memory_is_trained_again_by_who_has_it(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"trials": 3, "max_epochs": 3, "confirm_top": 0, "tracking_uri": store_uri}
    tunelab.run_sweep(train, Acting(), space=space, name="memory", **settings)
    result = tunelab.load_result("memory", store_uri)
    for number in range(3):
        found = result.reproduce(train, trial=number)
        assert found.identical, str(found.difference)
    store = Store(store_uri)
    with pytest.raises(UserError, match=r"'train' was given in memory.*load_result\(SWEEP\)\.reproduce\(FUNCTION\)"):
        reproduce(store, result.trials[0].run_id)
    recorded = store.artifact(result.parent_run_id, "function.json").decode()
    assert "trial.report(val_loss=SCALE" in recorded
    assert '"SCALE": "2.0"' in recorded
    monkeypatch.setitem(train.__globals__, "SCALE", 3.0)
    with pytest.raises(UserError, match="the values that it uses, or its data= are not those of run"):
        result.reproduce(train, trial=0)


@pytest.fixture
def cluster(ray_session: None) -> Iterator[Any]:
    import_ray()
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.mark.slow
def test_a_function_is_searched_on_three_nodes(cluster: Any, store_uri: str, tmp_path: Path) -> None:
    values = values_of(tmp_path, store_uri, 0.2, scheduler="none", storage=str(tmp_path / "shared"))
    driver = start_driver(values, tmp_path, address=cluster.address)
    driver.join(180)
    assert driver.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    result = tunelab.load_result("own", store_uri)
    assert result.concurrency == 3
    assert [len(trial.epochs) for trial in result.ranked()] == [5] * 6
