"""kill -9 of the driver at random moments, and signals: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search_spaces import UserError
from tests.displays import Acting
from tests.drivers import journal_lines, ray_address, start_driver, wait_until
from tests.fault_toys import FAULT_TOY
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.records.trial import TrialStatus
from tunelab.run import run_sweep
from tunelab.search.journal import FILE
from tunelab.setup.resume import find_name, last_session, next_name, resumed_spec
from tunelab.system.errors import SweepFailed
from tunelab.system.machine import process_tree
from tunelab.system.scratch import SCRATCH_PREFIX
from tunelab.tracking.store import Store

KILLS = 10
TRIALS = 30


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_ten_kills_at_random_moments_lose_nothing(make_store_uri: Callable[[Path], str], tmp_path: Path) -> None:
    uri = make_store_uri(tmp_path / "mlruns")
    values = {
        "task": FAULT_TOY,
        "task_options": {"pause": 0.01, "checkpoints": True},
        "name": "killed",
        "trials": TRIALS,
        "max_epochs": 9,
        "sampler": "random",
        "confirm_top": 0,
        "tracking_uri": uri,
    }
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    parents, killed = set(), 0
    for _ in range(KILLS):
        before = journal_lines(tmp_path, "killed")
        events = rng.randint(0, 30)
        driver = start_driver(values, tmp_path, address=ray_address())
        wait_until(lambda: journal_lines(tmp_path, "killed") >= before + events, driver)  # noqa: B023 called at once
        driver.join(rng.uniform(0, 0.2))
        driver.kill()
        driver.join()
        killed += driver.exitcode == -signal.SIGKILL  # not one that had come to its end
        store = Store(uri)
        parents |= {run.info.run_id for run in store.sweeps()}
    last = start_driver({"resume": "killed"}, tmp_path, address=ray_address())
    last.join(120)
    assert last.exitcode == 0, (seed, (tmp_path / "stderr.txt").read_text())
    assert len(parents) == 1, seed
    assert killed >= KILLS // 2, seed

    (parent,) = parents
    result = Store(uri).load(parent)
    undisturbed = run_sweep(make_spec({**values, "name": "undisturbed", "tracking_uri": "off"}))
    assert configurations(result) == configurations(undisturbed), seed
    assert all(t.has_result for t in result.trials), seed
    assert_whole(result, Store(uri))


def configurations(result: SweepResult) -> list[tuple[int, dict[str, object], int]]:
    return [(t.number, dict(t.config), t.seed) for t in result.trials]


def assert_whole(result: SweepResult, store: Store) -> None:
    """Journal, store and result tell the same; every trial has one run, and every run an end."""
    children = store._search(
        store.client.get_run(result.parent_run_id).info.experiment_id,
        f"tags.`mlflow.parentRunId` = '{result.parent_run_id}'",
    )
    numbers = Counter(int(run.data.tags["tunelab.trial"]) for run in children)
    assert numbers == {trial.number: 1 for trial in result.trials}
    assert {run.info.status for run in children} <= {"FINISHED", "FAILED"}
    parent = store.client.get_run(result.parent_run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["max_epochs"] == str(result.spec.max_epochs)
    assert len(parent.inputs.dataset_inputs) == 1
    for trial in result.trials:
        assert [e.epoch for e in trial.epochs] == list(range(1, len(trial.epochs) + 1))
        tracked = store.load_trial(trial.run_id)
        logged = next(run for run in children if run.info.run_id == trial.run_id).data.params
        assert logged == {name: str(value) for name, value in trial.params.items()}
        assert [(e.epoch, e.val_loss) for e in tracked.epochs] == [(e.epoch, e.val_loss) for e in trial.epochs]
        assert (tracked.params, tracked.status, tracked.seed) == (trial.params, trial.status, trial.seed)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_an_interrupted_evaluation_goes_on_and_registers_one_model(store_uri: str) -> None:
    spec = make_spec(
        {"task": "wine", "name": "w", "trials": 2, "max_epochs": 2, "confirm_top": 0, "tracking_uri": store_uri}
    )
    for step in ("opening the test split", "logging the model"):
        result = run_sweep(spec, Acting(at={step: lambda: signal.raise_signal(signal.SIGINT)}))
        assert result.stopped == "interrupted"
        assert Store(store_uri).client.get_run(result.parent_run_id).info.status == "KILLED"
    result = run_sweep(spec)
    again = run_sweep(spec)
    extended = run_sweep(spec.model_copy(update={"trials": 3}))
    store = Store(store_uri)
    assert result.stopped == ""
    assert again == result
    assert len(result.test_openings) == 2  # every opening counts, those of interrupted evaluations too
    assert {extended.parent_run_id, again.parent_run_id} == {result.parent_run_id}
    assert len(extended.trials) == 3
    assert extended.trials[:2] == result.trials
    assert_whole(extended, store)
    versions = store.client.search_model_versions("name = 'tunelab-wine'")
    runs = {version.run_id for version in versions}
    assert len(versions) == len(runs)  # one a winner


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_kills_while_the_winner_is_confirmed_scored_and_logged_lose_nothing(store_uri: str, tmp_path: Path) -> None:
    values = {"task": "wine", "name": "w", "trials": 3, "max_epochs": 9, "tracking_uri": store_uri}
    values |= {"confirm_top": 1, "confirm_seeds": 2}
    steps = ("confirming", "opening the test split", "logging the model", "drawing figures")
    for step in steps:
        driver = start_driver(values, tmp_path, address=ray_address(), dies_at=step)
        driver.join(120)
        assert driver.exitcode == -signal.SIGKILL, (step, (tmp_path / "stderr.txt").read_text())
    last = start_driver({"resume": "w"}, tmp_path, address=ray_address())
    last.join(120)
    assert last.exitcode == 0, (tmp_path / "stderr.txt").read_text()
    store = Store(store_uri)
    (parent,) = store.sweeps()
    result = store.load(parent.info.run_id)
    assert_whole(result, store)
    assert result.best is not None
    assert result.confirmation is not None
    assert len(result.confirmation.rows) == 2
    assert len(result.test_openings) == len(steps) - 1
    (version,) = store.client.search_model_versions("name = 'tunelab-wine'")
    assert version.run_id == result.best.run_id
    winners = [
        run.info.run_id for run in store.children(parent.info.run_id).values() if "tunelab.winner" in run.data.tags
    ]
    assert winners == [result.best.run_id]


@pytest.mark.usefixtures("ray_session", "in_folder")
@pytest.mark.parametrize(
    "where",
    [
        pytest.param("tunelab.search.sampling.study.StudySampler.suggest", marks=pytest.mark.slow),
        "trainables.base.tables.tabular.TabularTask.scores",
    ],
)
def test_what_nobody_expected_ends_a_sweep_in_order_and_it_goes_on_when_mended(where: str, store_uri: str) -> None:
    def broken(self: object, *arguments: object) -> None:
        raise ZeroDivisionError("this is broken")

    values = {"task": "wine", "name": "w", "trials": 3, "max_epochs": 2, "confirm_top": 0, "tracking_uri": store_uri}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, broken)
        with pytest.raises(SweepFailed, match=r"ZeroDivisionError: this is broken\. .*`tunelab resume w`"):
            run_sweep(make_spec(values))
    store = Store(store_uri)
    (parent,) = store.sweeps()
    assert parent.info.status == "FAILED"
    assert "in broken" in store.artifact(parent.info.run_id, "error.txt").decode()
    assert {run.info.status for run in store.children(parent.info.run_id).values()} <= {"FINISHED", "KILLED"}
    result = run_sweep(make_spec(values))
    assert result.best is not None
    assert result.best.test
    assert_whole(result, store)


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_sweep_of_a_name_that_is_taken_elsewhere_is_refused(store_uri: str, tmp_path: Path) -> None:
    values = {"task": FAULT_TOY, "name": "taken", "trials": 1, "max_epochs": 1, "tracking_uri": store_uri}
    first = run_sweep(make_spec(values))
    shutil.rmtree(tmp_path / "mlruns" / "sweeps")
    with pytest.raises(UserError, match=r"A sweep named 'taken' is in .* already"):
        run_sweep(make_spec(values))
    assert [run.info.run_id for run in Store(store_uri).sweeps()] == [first.parent_run_id]
    assert not (tmp_path / "mlruns" / "sweeps").exists()


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(
    "kind", [signal.SIGINT, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (signal.SIGTERM, signal.SIGHUP))]
)
def test_a_signal_ends_a_sweep_in_order(kind: signal.Signals, store_uri: str, tmp_path: Path) -> None:
    values = {**slow_values(store_uri), "scheduler": "none"}
    driver = start_driver(values, tmp_path, address=ray_address())
    journal = tmp_path / "mlruns" / "sweeps" / "slow" / FILE

    def one_ended_and_another_began() -> bool:
        _, ended, after = (journal.read_text() if journal.exists() else "").rpartition('"ended"')
        return bool(ended) and '"proposed"' in after

    assert wait_until(one_ended_and_another_began, driver)
    os.kill(driver.pid or 0, kind)
    driver.join(60)
    assert driver.exitcode == 130, (tmp_path / "stderr.txt").read_text()
    store = Store(store_uri)
    (parent,) = store.sweeps()
    assert parent.info.status == "KILLED"
    result = store.load(parent.info.run_id)
    assert result.stopped == "interrupted"
    summary = json.loads((tmp_path / "stdout.txt").read_text())
    assert summary["stopped"] == "interrupted"
    assert summary["trials"]["interrupted"] >= 1
    assert summary["best"]["trial"] == result.ranked()[0].number
    assert summary["best"]["test"] == {}, "the test split stays closed"
    assert parent.data.metrics["best_val_loss"] == summary["best"]["val_loss"]
    assert f"Trial {summary['best']['trial']} won" in parent.data.tags["mlflow.note.content"]
    assert {t.status for t in result.trials} >= {TrialStatus.INTERRUPTED}
    statuses = {n: run.info.status for n, run in store.children(parent.info.run_id).items()}
    assert {
        t.number: "KILLED" if t.status == TrialStatus.INTERRUPTED else "FINISHED" for t in result.trials
    } == statuses
    finished = run_sweep(make_spec(values))
    assert_whole(finished, store)
    assert finished.parent_run_id == parent.info.run_id


def slow_values(store_uri: str) -> dict[str, Any]:
    """A sweep of some seconds."""
    return {
        "task": FAULT_TOY,
        "task_options": {"pause": 0.1},
        "name": "slow",
        "trials": 6,
        "max_epochs": 9,
        "sampler": "random",
        "confirm_top": 0,
        "tracking_uri": store_uri,
    }


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_a_second_signal_ends_at_once_and_the_sweep_can_be_resumed(store_uri: str, tmp_path: Path) -> None:
    values = {**slow_values(store_uri), "task_options": {"pause": 0.3}}
    driver = start_driver(values, tmp_path, address=ray_address())
    assert wait_until(lambda: journal_lines(tmp_path, "slow") > 4, driver)
    for _ in range(2):
        os.kill(driver.pid or 0, signal.SIGINT)
    driver.join(30)
    assert driver.exitcode == 130
    finished = run_sweep(make_spec({**values, "task_options": {"pause": 0.3}}))
    assert_whole(finished, Store(store_uri))


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_time_budget_keeps_what_there_is_and_can_be_given_more(store_uri: str) -> None:
    values = {**slow_values(store_uri), "trials": 3, "scheduler": "none", "task_options": {"pause": 0.4}}
    first = run_sweep(make_spec({**values, "concurrency": 1, "time_budget": 1.0}))
    assert first.stopped == "time budget reached"
    assert len(first.ranked()) < 3
    assert Store(store_uri).client.get_run(first.parent_run_id).info.status == "FINISHED"
    whole = run_sweep(make_spec(values))
    assert whole.stopped == ""
    assert_whole(whole, Store(store_uri))


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "in_folder")
def test_a_changed_space_is_refused_with_the_difference_or_becomes_a_new_sweep(store_uri: str, tmp_path: Path) -> None:
    home = tmp_path / "mlruns"
    task = tmp_path / "mine.py"
    source = (
        "from tests.toys import Toy\nfrom search_spaces import SearchSpace\n\n"
        "class Mine(Toy):\n    reference = {}\n\n    def space(self, name=None):\n"
        '        return SearchSpace("mine", lambda trial: {"x": trial.suggest_float("x", 0.0, 1.0)})\n'
    )
    task.write_text(source)
    values = {"task": str(task), "name": "old", "trials": 3, "max_epochs": 3, "confirm_top": 0}
    old = run_sweep(make_spec({**values, "tracking_uri": store_uri}))
    task.write_text(source + "    speed = 2\n")
    with pytest.raises(UserError, match=r"the task's file '.*mine.py' has changed"):
        run_sweep(resumed_spec(last_session(home, "old"), {"trials": 4}))
    task.write_text(source.replace("1.0)", "0.5)"))
    note = last_session(home, "old")
    with pytest.raises(UserError, match=r"hyperparameter x was .*1\.0.*, is .*0\.5"):
        run_sweep(resumed_spec(note, {"trials": 4}))
    new = run_sweep(resumed_spec(note, {"name": next_name(home, "old"), "warm_start": find_name(home, "ol")}))
    assert new.name == "old-2"
    assert new.parent_run_id != old.parent_run_id
    assert all(float(str(trial.params["x"])) <= 0.5 for trial in new.trials)
    with pytest.raises(UserError, match="has 3 already"):
        resumed_spec(note, {"trials": 2})


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.8, 2.0, 3.2, 4.4, 5.6])
def test_ctrl_c_while_ray_starts_ends_in_order(seconds: float, tmp_path: Path) -> None:
    sweep = started_group("sweep", tmp_path)
    time.sleep(seconds)
    out, err = ended_by(signal.SIGINT, sweep)
    if out:  # the search had begun
        assert json.loads(out)["sweep"] == "early"
    else:
        assert err.endswith("tunelab: stopped before there was a result.\n")


@pytest.mark.slow
def test_sigterm_while_ray_starts_ends_a_plan_in_a_sentence(tmp_path: Path) -> None:
    plan = started_group("plan", tmp_path)  # signalled with Ray's first process, before Ray connects
    while not any(comm(pid) == "gcs_server" for pid in process_tree(plan.pid)):
        assert plan.poll() is None
        time.sleep(0.02)
    _, err = ended_by(signal.SIGTERM, plan)
    assert err == "tunelab: stopped before there was a result.\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "sweep"])
def test_sigterm_to_a_process_group_ends_every_command_as_ctrl_c_does(command: str, tmp_path: Path) -> None:
    """`timeout` and batch systems signal the group as a whole."""
    process = started_group(command, tmp_path)
    while not list(Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}{process.pid}-*/actors")):  # until trials begin
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    out, err = ended_by(signal.SIGTERM, process)
    assert "***" not in err, "Ray's own words on a signal"
    if command == "sweep":
        assert json.loads(out)["stopped"] == "interrupted"
    else:
        assert err == "tunelab: stopped before there was a result.\n"


def started_group(command: str, folder: Path) -> subprocess.Popen[str]:
    """A command of the command line on a small task, in a process group of its own, as in a terminal."""
    code = "from tunelab.cli.main import main; main()"
    line = [sys.executable, "-c", code, command, "heart_disease", "--trials", "400", "--json", "--name", "early"]
    return subprocess.Popen(
        line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def ended_by(kind: signal.Signals, process: subprocess.Popen[str]) -> tuple[str, str]:
    """What a group that gets a signal wrote to stdout and stderr; it ends in order."""
    os.killpg(process.pid, kind)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    return out, err


def comm(pid: int) -> str:
    """A process's name; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
