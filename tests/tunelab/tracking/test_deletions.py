"""Experiments and runs that are renamed or deleted in MLflow's pages before a sweep continues."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from tests.displays import Acting
from tests.toys import TOY
from tunelab import load_result
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep
from tunelab.tracking.store import Store

pytestmark = pytest.mark.usefixtures("ray_session")
Change = Callable[[MlflowClient, SweepResult], None]


def spec(uri: str, **changes: Any) -> Any:
    values = {"task": TOY, "name": "s", "trials": 4, "max_epochs": 2, "confirm_top": 0}
    return make_spec({**values, "sampler": "random", "tracking_uri": uri, **changes})


def interrupted(uri: str) -> SweepResult:
    """A sweep that Ctrl-C ended after two trials."""
    return run_sweep(spec(uri), Acting(after={2: lambda: signal.raise_signal(signal.SIGINT)}))


def experiment_of(client: MlflowClient, result: SweepResult) -> str:
    return str(client.get_run(result.parent_run_id).info.experiment_id)


def rename(client: MlflowClient, result: SweepResult) -> None:
    client.rename_experiment(experiment_of(client, result), "vintage")
    client.update_run(result.parent_run_id, name="mine")


def delete_experiment(client: MlflowClient, result: SweepResult) -> None:
    where = experiment_of(client, result)
    client.create_run(where, run_name="another")
    client.delete_experiment(where)


def delete_parent(client: MlflowClient, result: SweepResult) -> None:
    client.delete_run(result.parent_run_id)


def delete_trial(client: MlflowClient, result: SweepResult) -> None:
    client.delete_run(result.trials[0].run_id)


def delete_and_restore(client: MlflowClient, result: SweepResult) -> None:
    where = experiment_of(client, result)
    client.delete_run(result.trials[1].run_id)
    client.delete_experiment(where)
    client.restore_experiment(where)


def remove_for_good(client: MlflowClient, result: SweepResult) -> None:
    """What ``mlflow gc`` does."""
    store: Any = client._tracking_client.store
    for run_id in (result.parent_run_id, result.trials[0].run_id, result.trials[1].run_id):
        client.delete_run(run_id)
        store._hard_delete_run(run_id)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename, ""),
        (delete_experiment, "The experiment 'toy' had been deleted in the store"),
        pytest.param(delete_parent, "1 run of this sweep had been deleted in the store; restored.", marks=slow),
        pytest.param(delete_trial, "1 run of this sweep had been deleted", marks=slow),
        pytest.param(delete_and_restore, "", marks=slow),
        pytest.param(remove_for_good, "no longer in the store", marks=slow),
    ],
)
def test_a_sweep_continues_in_its_own_runs(store_uri: str, tmp_path: Path, change: Change, said: str) -> None:
    before = interrupted(store_uri)
    store = Store(store_uri)
    change(store.client, before)
    display = Acting()
    result = run_sweep(spec(store_uri), display)
    assert not result.stopped
    notes = [step for step in display.steps if "store" in step]
    assert [said in note for note in notes] == ([True] if said else [])
    (parent,) = store.sweeps()
    gone = change is remove_for_good
    assert (parent.info.run_id == before.parent_run_id) is not gone
    assert (parent.info.run_id, parent.info.status) == (result.parent_run_id, "FINISHED")
    assert len([e for e in store.client.search_experiments(view_type=ViewType.ALL) if e.name != "Default"]) == 1
    runs = store.children(result.parent_run_id)
    assert {number: run.info.status for number, run in runs.items()} == dict.fromkeys(range(4), "FINISHED")
    assert [trial.run_id for trial in result.trials] == [runs[number].info.run_id for number in range(4)]
    assert result.best is not None
    assert result.best.run_id == runs[result.best.trial].info.run_id
    assert load_result("s", store_uri).best == result.best
    names = {run.info.run_name for run in store.client.search_runs([parent.info.experiment_id])}
    assert "another" not in names


@slow
def test_a_finished_sweep_comes_back_with_a_word_and_its_model(store_uri: str, tmp_path: Path) -> None:
    wine = spec(store_uri, task="wine", trials=2, ensemble=0, set={"family": "mlp"})
    finished = run_sweep(wine)
    client = Store(store_uri).client
    client.delete_run(finished.parent_run_id)
    display = Acting()
    assert run_sweep(wine, display).best == finished.best
    assert Store(store_uri).load_model(Store(store_uri).model_uri("s"), tmp_path / "model").kind == "table"
    assert [step for step in display.steps if "1 run of this sweep had been deleted" in step]
    assert client.get_run(finished.parent_run_id).info.lifecycle_stage == "active"


def test_a_new_sweep_in_a_deleted_experiment_says_so(store_uri: str) -> None:
    client = Store(store_uri).client
    where = client.create_experiment("toy")
    old = client.create_run(where, run_name="old").info.run_id
    client.delete_experiment(where)
    display = Acting()
    result = run_sweep(spec(store_uri, trials=1), display)
    assert not result.stopped
    assert [step for step in display.steps if "'toy' had been deleted in the store; it is restored, without" in step]
    assert client.get_run(old).info.lifecycle_stage == "deleted"
    assert experiment_of(client, result) == where
