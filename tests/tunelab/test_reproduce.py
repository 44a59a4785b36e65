"""Exact re-runs: identical for trials that ran in parallel or were stopped early; told when not."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces import UserError
from tests.tunelab.conftest import Shelf
from trainables import get_task
from tunelab.cli.reproduce import command
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.records.trial import Epoch, TrialStatus
from tunelab.reproduce import first_difference, reproduce
from tunelab.run import run_sweep
from tunelab.tracking.connection import TAG_LIMIT
from tunelab.tracking.store import Store

FAMILIES = get_task("wine").space().branches()


@pytest.fixture(scope="module")
def sweep(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> tuple[SweepResult, str]:
    """Ten trials side by side in two reused workers, some stopped early, and a copy of their runs to be damaged."""
    copy = tmp_path_factory.mktemp("reproduce") / "mlflow.db"
    shutil.copy(shelf.uri.removeprefix("sqlite:///"), copy)
    return shelf.results["와인"], f"sqlite:///{copy}"


def test_every_trial_of_a_parallel_sweep_comes_out_identical(sweep: tuple[SweepResult, str]) -> None:
    result, uri = sweep
    assert {t.status for t in result.trials} == {TrialStatus.FINISHED, TrialStatus.STOPPED}
    assert {t.config["family"] for t in result.trials} == set(FAMILIES)
    for trial in result.trials:
        found = reproduce(Store(uri), trial.run_id)
        assert found.identical, str(found.difference)
        assert found.epochs == len(trial.epochs)
        assert not found.environment


def test_the_store_gives_back_the_result_that_the_launch_returned(sweep: tuple[SweepResult, str]) -> None:
    result, uri = sweep
    store = Store(uri)
    assert store.load(result.parent_run_id) == result
    for trial in result.trials:
        loaded = store.load_trial(trial.run_id)
        assert (loaded.epochs, loaded.config, loaded.params) == (trial.epochs, trial.config, trial.params)
        assert (loaded.seed, loaded.max_epochs, loaded.status) == (trial.seed, trial.max_epochs, trial.status)


def test_no_run_is_left_running_and_children_hang_under_their_parent(sweep: tuple[SweepResult, str]) -> None:
    result, uri = sweep
    store = Store(uri)
    runs = store.client.search_runs([store.experiment("wine")])
    assert {run.info.status for run in runs} == {"FINISHED"}
    children = store.children(result.parent_run_id)
    assert sorted(children) == [t.number for t in result.trials]
    stopped = {n for n, run in children.items() if run.data.tags["tunelab.stopped_early"] == "true"}
    assert stopped == {t.number for t in result.trials if t.status == TrialStatus.STOPPED}


def test_the_first_epoch_that_differs_is_named() -> None:
    curve = [Epoch(n, 1.0 / n, {"train_loss": 0.5}, float(n)) for n in (1, 2, 3)]
    assert first_difference(curve, [replace(e, seconds=9.0) for e in curve]) is None
    other = [curve[0], replace(curve[1], metrics={"train_loss": 0.5 + 1e-16 + 1e-15}), curve[2]]
    difference = first_difference(curve, other)
    assert difference is not None
    assert (difference.epoch, difference.metric) == (2, "train_loss")
    shorter = first_difference(curve, curve[:2])
    assert shorter is not None
    assert (shorter.epoch, shorter.now) == (3, None)


def test_changed_data_and_foreign_runs_are_refused(
    sweep: tuple[SweepResult, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    result, uri = sweep
    store = Store(uri)
    with pytest.raises(UserError, match="not a trial"):
        reproduce(store, result.parent_run_id)
    with pytest.raises(UserError, match="No run"):
        reproduce(store, "0" * 32)
    task = get_task("wine")
    changed = task.read().iloc[:-1]  # type: ignore[attr-defined]
    monkeypatch.setattr(type(task), "read", lambda self: changed)
    with pytest.raises(UserError, match="digest"):
        reproduce(store, result.trials[0].run_id)


def test_a_long_spec_comes_from_the_result_and_a_failure_is_told(
    sweep: tuple[SweepResult, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: object, *arguments: object, **options: object) -> None:
        raise RuntimeError("out of luck\nand more")

    result, uri = sweep
    store = Store(uri)
    full = store.run(result.parent_run_id).data.tags["tunelab.spec"]
    store.client.set_tag(result.parent_run_id, "tunelab.spec", full.ljust(TAG_LIMIT, " ")[: TAG_LIMIT - 1] + "{")
    monkeypatch.setattr(type(get_task("wine")), "fit", broken)
    with pytest.raises(SystemExit) as end:
        command(result.trials[0].run_id, tracking_uri=uri, as_json=False)
    assert end.value.code == 1
    shown = capsys.readouterr().out
    assert "val_loss is missing now" in shown
    assert "it failed now: RuntimeError: out of luck\n" in shown


def test_a_task_file_must_be_the_one_it_was(tmp_path: Path) -> None:
    from trainables.base.contract.files.digests import file_digest
    from tunelab.reproduce import _same_task

    file = tmp_path / "my_task.py"
    file.write_text("x = 1\n", encoding="utf-8")
    spec = {"task": str(file), "task_options": {}}
    before = {"tunelab.task_file": file_digest(file)}
    file.write_text("x = 2\n", encoding="utf-8")
    with pytest.raises(UserError, match="has changed"):
        _same_task(spec, before)
    file.unlink()
    with pytest.raises(UserError, match="not here"):
        _same_task(spec, before)


@pytest.mark.parametrize(
    ("tag", "value", "says"),
    [
        ("tunelab.seed", None, "'tunelab.seed' is missing"),
        ("tunelab.status", "dancing", "'tunelab.status' cannot be read"),
        ("tunelab.config", "[1]", "'tunelab.config' cannot be read"),
        ("tunelab.versions", "{", "'tunelab.versions' cannot be read"),
        ("mlflow.parentRunId", None, "'mlflow.parentRunId' is missing"),
    ],
)
def test_a_damaged_run_is_told_in_a_sentence(
    sweep: tuple[SweepResult, str], tag: str, value: str | None, says: str
) -> None:
    result, uri = sweep
    store, run_id = Store(uri), result.trials[2].run_id
    before = store.run(run_id).data.tags[tag]
    store.client.delete_tag(run_id, tag)
    if value is not None:
        store.client.set_tag(run_id, tag, value)
    try:
        with pytest.raises(UserError, match=f"Run '{run_id}' is damaged: its tag {says}"):
            reproduce(store, run_id)
    finally:
        store.client.set_tag(run_id, tag, before)


def test_an_epoch_that_is_missing_in_the_store_is_told(sweep: tuple[SweepResult, str]) -> None:
    result, uri = sweep
    store = Store(uri)
    trial = next(t for t in result.trials if len(t.epochs) > 2)
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database, database:
        database.execute("DELETE FROM metrics WHERE run_uuid = ? AND step = 2", (trial.run_id,))
    with pytest.raises(UserError, match=f"{len(trial.epochs) - 1} epochs of {len(trial.epochs)} are left"):
        reproduce(store, trial.run_id)


def test_a_table_that_was_named_from_another_folder_is_looked_for_there(
    ray_session: None, store_uri: str, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{i},{i % 7},{i * 2.5 + i % 3}\n" for i in range(60))
    (in_folder / "집.csv").write_text(f"a,b,값\n{rows}", encoding="utf-8")
    options = {"task": "table", "task_options": {"data": "집.csv", "target": "값"}, "trials": 1, "max_epochs": 2}
    result = run_sweep(make_spec({**options, "confirm_top": 0, "tracking_uri": store_uri}))
    (in_folder / "elsewhere").mkdir()
    monkeypatch.chdir(in_folder / "elsewhere")
    with pytest.raises(UserError, match="from the folder that the sweep was made in"):
        reproduce(Store(store_uri), result.trials[0].run_id)
    monkeypatch.chdir(in_folder)
    assert reproduce(Store(store_uri), result.trials[0].run_id).identical
