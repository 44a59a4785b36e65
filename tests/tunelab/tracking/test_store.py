"""What a sweep leaves in MLflow and in Optuna: figures, data, provenance, champions, states."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mlflow
import optuna
import pytest
from optuna.trial import TrialState

from search_spaces import UserError
from tests.tunelab.conftest import Shelf
from tunelab import study_of
from tunelab.records.result import SweepResult
from tunelab.records.tracking_store import ModelEntry
from tunelab.records.trial import TrialStatus
from tunelab.system.environment import git_commit
from tunelab.tracking.store import Store

PER_EPOCH = {"val_loss", "train_loss", "lr", "seconds", "val_accuracy", "val_auc", "val_f1", "val_log_loss"}
AT_THE_END = {"best_val_loss", "best_epoch", "epochs", "train_seconds"}


def test_a_trial_has_these_metrics_and_no_others(shelf: Shelf) -> None:
    result, store = shelf.results["와인"], Store(shelf.uri)
    children = store.children(result.parent_run_id)
    assert sorted(children) == [t.number for t in result.trials]
    for number, run in children.items():
        own = {name for name in run.data.metrics if not name.startswith(("test_", "model_", "confirm_"))}
        boosts = result.trials[number].params["family"] == "boosting"  # it has rounds, and no loss of a training epoch
        per_epoch = PER_EPOCH - {"train_loss"} | {"rounds"} if boosts else PER_EPOCH
        assert own == per_epoch | AT_THE_END, number
        assert own == set(run.data.metrics) or "tunelab.winner" in run.data.tags or "tunelab.confirm" in run.data.tags
        assert run.data.tags["tunelab.digest"] == result.data.digest
        assert run.data.tags.get("mlflow.source.git.commit", "") == git_commit()
        assert set(json.loads(run.data.tags["tunelab.versions"])) >= {"torch", "ray", "optuna", "mlflow"}


def test_the_data_is_an_input_that_says_where_it_comes_from(shelf: Shelf) -> None:
    result, store = shelf.results["와인"], Store(shelf.uri)
    (data,) = store.run(result.parent_run_id).inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("wine", result.data.digest[:12])
    described = mlflow.data.get_source(data).to_dict()["tags"]
    assert described["mlflow.source.name"] == f"trainables.get_task('wine').load({result.data.split_seed})"
    assert described["licence"] == "CC BY 4.0"
    assert json.loads(data.dataset.profile)["test_rows"] == result.data.test_rows


def test_a_stored_sweep_is_the_one_that_was_returned_in_the_same_order(shelf: Shelf) -> None:
    store = Store(shelf.uri)
    for name, result in shelf.results.items():
        loaded = store.load(store.find_sweep(name))
        assert loaded == result or name == "toy"  # which reports NaN, and that equals nothing
        assert [list(t.params) for t in loaded.trials] == [list(t.params) for t in result.trials]
    started = [run.info.start_time for run in store.sweeps()]
    assert started == sorted(started, reverse=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"PK" + content,
        lambda content: replace_in(content, '"trials"', '"trails"'),
        lambda content: replace_in(content, '"best"', '"beast"'),
        lambda content: replace_in(content, '"stopped_early"', '"stopped"'),
    ],
)
def test_a_damaged_result_is_refused(damage: Callable[[bytes], bytes], shelf: Shelf) -> None:
    with pytest.raises(UserError, match="stored result of this sweep is damaged"):
        SweepResult.from_bytes(damage(shelf.results["와인"].to_bytes()))


def replace_in(content: bytes, old: str, new: str) -> bytes:
    import gzip

    text = gzip.decompress(content).decode()
    assert old in text
    return gzip.compress(text.replace(old, new).encode())


def test_a_champion_is_beaten_on_its_own_data_alone(store_uri: str, tmp_path: Path) -> None:
    store = Store(store_uri)
    experiment = store.experiment("wine")

    def register(name: str, loss: float, digest: str) -> tuple[str, bool]:
        (tmp_path / "mlruns" / name).mkdir(exist_ok=True)
        run_id = store.client.create_run(experiment).info.run_id
        found = store.register(ModelEntry("wine", str(tmp_path / "mlruns" / name), run_id, loss, digest))
        return found.version, found.champion

    assert register("first", 0.5, "d1") == ("1", True)
    assert register("worse", 0.6, "d1") == ("2", False)
    assert register("equal", 0.5, "d1") == ("3", False)
    assert register("other data", 0.1, "d2") == ("4", True)
    assert store.client.get_model_version_by_alias("tunelab-wine", "champion").version in ("4", 4)
    assert register("worse on other data", 0.2, "d2") == ("5", False)
    assert register("better", 0.4, "d1") == ("6", True)
    assert store.client.get_model_version_by_alias("tunelab-wine", "champion").version in ("6", 6)
    assert store.client.get_model_version_by_alias("tunelab-wine", "champion-d2").version in ("4", 4)
    assert register("better", 0.4, "d1") == ("6", True), "the same model is registered once"
    assert register("first", 0.5, "d1") == ("1", False)


def test_a_study_of_a_sweep_is_one_for_optuna(shelf: Shelf) -> None:
    result = shelf.results["toy"]
    study = study_of(result)
    states = {TrialStatus.FINISHED: TrialState.COMPLETE, TrialStatus.FAILED: TrialState.FAIL}
    assert [t.state for t in study.trials] == [states[t.status] for t in result.trials]
    assert study.best_value == result.ranked()[0].val_loss
    assert [t.params for t in study.trials] == [dict(t.params) for t in result.trials]
    assert optuna.visualization.plot_intermediate_values(study_of(shelf.results["와인"])).data
    outside = replace(result.trials[0], params={"x": 7.0, "idle": "a"})
    assert len(study_of(replace(result, trials=(outside, *result.trials[1:]))).trials) == len(result.trials) - 1
