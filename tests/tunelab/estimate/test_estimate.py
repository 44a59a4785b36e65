"""Plans, clean-ups and examinations: what they say, and what they leave alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search_spaces import UserError
from tests.fault_toys import FAULT_TOY
from tests.toys import TOY
from tunelab.clean import find_removable
from tunelab.cli.plan import lines_of
from tunelab.doctor import examine
from tunelab.estimate import prediction as cost
from tunelab.estimate.predict import predict
from tunelab.estimate.simulation import Spread, expected_training
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep
from tunelab.search.asha import Rungs
from tunelab.search.events import Finished, Started
from tunelab.search.journal import FILE, Journal
from tunelab.setup.named_files import named_places
from tunelab.system.machine import cpu_quota
from tunelab.system.scratch import PROCESS_MARK, SCRATCH_PREFIX
from tunelab.system.trust import remember
from tunelab.tracking.store import Store


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_a_sweep_whose_probe_diverges_is_predicted(store_uri: str) -> None:
    options = {"bad": "nan", "bad_above": -1.0}
    found = predict(make_spec({"task": TOY, "task_options": options, "trials": 4, "tracking_uri": store_uri}))
    assert found.wall_seconds > 0


def test_expected_epochs_without_stopping_are_all() -> None:
    found = expected_training(10, [9], Rungs((), 3), [1.0, 3.0])
    assert found.epochs == Spread(90, 90, 90)
    assert found.seconds == Spread(180, 180, 180)


def test_expected_epochs_lie_between_the_first_rung_and_all() -> None:
    epochs = expected_training(64, [27], Rungs((1, 3, 9), 3), [1.0]).epochs
    assert 64 < epochs.low < epochs.mean < epochs.high < 0.5 * 64 * 27
    assert epochs.mean < 0.35 * 64 * 27


def test_expected_epochs_of_a_hundred_thousand_trials_are_known_while_one_waits() -> None:
    epochs = expected_training(100_000, [27], Rungs((1, 3, 9), 3), [1.0]).epochs
    assert epochs.mean == pytest.approx(3 * 100_000, rel=0.05)


def test_references_are_trained_to_their_end_at_their_own_cost() -> None:
    costs = [1.0, 1.0, 100.0, 1.0]  # seconds an epoch: one family costs far more
    alone = expected_training(4, [27], Rungs((1, 3, 9), 3, frozenset(range(4))), costs)
    assert alone.epochs.mean == 4 * 27
    assert alone.seconds.mean == 27 * sum(costs)
    first_only = expected_training(40, [27], Rungs((1, 3, 9), 3), costs)
    four = expected_training(40, [27], Rungs((1, 3, 9), 3, frozenset(range(4))), costs)
    assert four.seconds.mean > first_only.seconds.mean + 27 * 50


def test_trials_that_end_by_themselves_are_no_longer_than_that() -> None:
    found = expected_training(4, [10, 30], Rungs((1, 3, 9), 3, frozenset(range(4))), [2.0, 1.0])
    assert found.epochs == Spread(80, 80, 80)
    assert found.seconds == Spread(100, 100, 100)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_time_budget_is_part_of_a_plan(store_uri: str) -> None:
    values = {"task": TOY, "task_options": {"pause": 0.2}, "max_epochs": 9, "trials": 200, "tracking_uri": store_uri}
    values |= {"scheduler": "none", "confirm_top": 0}
    cut = predict(make_spec({**values, "time_budget": "30s"}))
    whole = predict(make_spec(values))
    assert whole.in_time == 200 > cut.in_time > 0
    assert cut.epochs < 0.7 * whole.epochs
    assert cut.wall_seconds < whole.wall_seconds - 60
    assert f"--time-budget ends it after about {cut.in_time}" in lines_of(cut)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_plan_predicts_epochs_time_memory_and_disk(store_uri: str) -> None:
    values = {"task": FAULT_TOY, "task_options": {"pause": 0.05}, "max_epochs": 9, "tracking_uri": store_uri}
    values |= {"trials": 10, "sampler": "random", "scheduler": "none", "confirm_top": 0}
    plan = predict(make_spec(values))
    result = run_sweep(make_spec(values))
    assert plan.concurrency == result.concurrency
    assert plan.epochs == result.epochs == 90
    assert plan.epochs_range == (90, 90)
    assert plan.epoch_seconds == pytest.approx(0.05, rel=0.3)
    assert plan.train_seconds == pytest.approx(result.train_seconds, rel=0.3)
    assert plan.memory_bytes > plan.worker_bytes > 10**8
    assert 10**6 < plan.disk_bytes < 10**8
    assert not Path(store_uri.removeprefix("sqlite:///")).parent.joinpath("sweeps", "probe").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_plan_of_few_trials_knows_when_they_end_by_themselves(store_uri: str) -> None:
    values = {"task": "wine", "set": {"family": "boosting"}, "trials": 3, "scheduler": "none", "confirm_top": 0}
    values |= {"tracking_uri": store_uri}
    plan, result = predict(make_spec(values)), run_sweep(make_spec(values))
    assert plan.epochs == result.epochs < 3 * plan.max_epochs / 2


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_what_cannot_fit_is_refused(monkeypatch: pytest.MonkeyPatch, store_uri: str) -> None:
    monkeypatch.setattr(cost, "available_memory", lambda: 2 * 10**8)
    with pytest.raises(UserError, match="GB of memory"):
        predict(make_spec({"task": TOY, "trials": 2, "tracking_uri": store_uri}))


def only_own_scratch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scratch folders are looked for in one folder alone: others of this machine may be of sweeps beside this test."""
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr("tunelab.clean.SHORT_PARENTS", ())


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_clean_shows_and_removes_leftovers_and_nothing_else(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "mlruns"
    spec = {"trials": 2, "max_epochs": 2, "confirm_top": 0, "tracking_uri": store_uri}
    result = run_sweep(make_spec({**spec, "task": "wine", "set": {"family": "mlp"}, "name": "done"}))
    run_sweep(make_spec({**spec, "task": TOY, "name": "running"}))
    leftovers = [
        home / "sweeps" / "done" / "weights" / "trial-00001.safetensors",
        home / "sweeps" / "done" / "confirm" / "weights" / "trial-00001.safetensors",
        home / "sweeps" / "done" / "error.txt",
        tmp_path / "tmp" / "ray" / "session_1" / PROCESS_MARK,
        tmp_path / "tmp" / f"{SCRATCH_PREFIX}999999999-x" / PROCESS_MARK,
    ]
    in_use = [
        home / "sweeps" / "running" / "weights" / "trial-00000.safetensors",
        tmp_path / "tmp" / "ray" / "session_2" / PROCESS_MARK,
        tmp_path / "tmp" / "ray" / "session_3" / "of_somebody_else",
        tmp_path / "tmp" / f"{SCRATCH_PREFIX}{os.getpid()}-x" / PROCESS_MARK,
        tmp_path / "tmp" / f"{SCRATCH_PREFIX}2024-results" / "of_somebody_else",
        home / "sweeps" / "done" / "notes.txt",
    ]
    for path in (*leftovers, *in_use):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("999999999" if path in leftovers else str(os.getpid()))
    only_own_scratch(tmp_path / "tmp", monkeypatch)
    owner = Journal(home / "sweeps" / "running")
    items = find_removable(home)
    assert len(items) == len(leftovers)
    for item in items:
        item.remove()
    owner.close()
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in in_use)
    store = Store(store_uri)
    assert store.load(result.parent_run_id) == result
    assert store.client.get_model_version("tunelab-wine", "1").run_id in {trial.run_id for trial in result.trials}


def test_a_damaged_journal_does_not_keep_clean_from_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_own_scratch(tmp_path / "tmp", monkeypatch)
    storage = tmp_path / "shared"
    for name in ("broken", "done"):
        folder = tmp_path / "sweeps" / name
        folder.mkdir(parents=True)
        journal = Journal(folder)
        journal.append(Started({"storage": str(storage)}))
        journal.append(Finished(""))
        journal.close()
    (tmp_path / "sweeps" / "broken" / FILE).write_text("{\n")
    kept = storage / "done" / "notes.txt"
    for path in (kept, storage / "done" / "confirm" / "weights" / "trial-00001.safetensors"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    notes: list[str] = []
    remember(named_places({"storage": str(storage)}))  # what only a journal names is left alone
    items = find_removable(tmp_path, notes.append)
    assert [(item.owner, item.what, item.size) for item in items] == [("done", "weights of a confirmation", 1)]
    assert len(notes) == 1
    assert notes[0].startswith("broken is left alone: The journal")
    items[0].remove()
    assert kept.exists()
    assert find_removable(tmp_path) == []


def test_the_doctor_says_what_it_cannot_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray_session: None
) -> None:
    monkeypatch.delattr("ray.tune.execution.class_cache.DEFAULT_ENV_VARS")

    def broken() -> float:
        raise AttributeError("no such thing on this system")

    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.getloadavg", broken)
    (tmp_path / "home").mkdir()
    findings = {finding.name: finding for finding in examine(f"sqlite:///{tmp_path}/home/mlflow.db", None)}
    assert findings["CPUs"].problem == "AttributeError: no such thing on this system"
    assert "not there yet" in findings["store"].value
    assert list((tmp_path / "home").iterdir()) == []
    assert "class_cache.DEFAULT_ENV_VARS" in findings["Ray's private parts"].value
    assert "new workers" in findings["Ray's private parts"].problem


@pytest.mark.usefixtures("ray_session")
def test_the_doctor_sees_this_machine_and_an_unfinished_sweep(store_uri: str, tmp_path: Path) -> None:
    folder = tmp_path / "mlruns" / "sweeps" / "cut"
    folder.mkdir(parents=True)
    journal = Journal(folder)
    journal.append(Started({}))
    journal.close()
    findings = {finding.name: finding for finding in examine(store_uri, None)}
    assert {"torch", "ray", "mlflow", "CPUs", "memory", "data", "store", "Ray"} <= set(findings)
    assert "tunelab resume cut" in findings["sweep cut"].problem
    assert "CPUs: 2" in findings["Ray"].value
    assert not findings["data"].problem
    away = {finding.name: finding for finding in examine("http://u:hunter2@127.0.0.1:9", None)}
    assert "no MLflow store answers" in away["store"].problem
    assert "hunter2" not in away["store"].problem


def test_a_container_s_quota_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text("150000 100000\n")
    assert cpu_quota(file) == 1.5
    file.write_text("max 100000\n")
    assert cpu_quota(file) is None
