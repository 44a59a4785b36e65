"""The controller on simulated slots: order, stopping, retries, and continuing after a kill, in both modes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from tests.tunelab.search.simulated import Clock, Slots, make_controller
from trainables.base.worker.assignment import TrialAssignment, TrialReport
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.controller import SearchController
from tunelab.search.journal import FILE, read_events
from tunelab.search.limits import SearchLimits, Stop
from tunelab.search.replay import replay
from tunelab.search.source import NoTrial


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


def loss(plan: TrialAssignment, epoch: int) -> float:
    """Curves that cross now and then."""
    x = float(plan.config["x"])
    return (x - 0.3) ** 2 + (1 + plan.seed % 97 / 97) / epoch


def pace(salt: int) -> Callable[[int, int], float]:
    return lambda number, epoch: 0.05 + (number * 7919 + salt * 104_729) % 101 / 100


def table(records: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    """What determinism promises: configurations, statuses and curves."""
    return [(r.number, dict(r.params), r.status, [(e.epoch, e.val_loss) for e in r.epochs]) for r in records]


def test_trials_are_numbered_and_end_as_the_rungs_say(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, trials=30)
    Slots(3, loss, pace(1), clock).play(controller)
    records = controller.finish()
    assert [r.number for r in records] == list(range(30))
    assert records[0].params == {"x": 0.5, "idle": "a"}
    assert records[0].status == TrialStatus.FINISHED, "the reference is never stopped"
    for record in records:
        assert len(record.epochs) == (9 if record.status == TrialStatus.FINISHED else record.epochs[-1].epoch)
        assert record.status == TrialStatus.FINISHED or record.epochs[-1].epoch in (1, 3)
    stopped = sum(r.status == TrialStatus.STOPPED for r in records)
    assert 10 < stopped < 27
    assert controller.next_assignment() is NoTrial.DONE
    assert replay(read_events(tmp_path)).trials == records, "the journal tells the same"


@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_order_of_events_changes_nothing_in_deterministic_mode(tmp_path: Path, clock: Clock, concurrency: int) -> None:
    tables: list[Any] = []
    asynchronous: list[Any] = []
    for salt in range(2):
        for history_window, found in ((8 * concurrency if concurrency > 1 else 1, tables), (0, asynchronous)):
            folder = tmp_path / f"{salt}-{history_window}"
            folder.mkdir()
            controller = make_controller(folder, trials=60, concurrency=concurrency, history_window=history_window)
            Slots(
                concurrency,
                loss,
                pace(salt),
                clock,
                chunk=1 + salt,
                ends={number: 1 + number % 3 for number in range(0, 60, 5)},  # before, at and after the first rung
                parting=lambda number, salt=salt: (number * 31 + salt * 17) % 7 / 3,  # type: ignore[misc]
            ).play(controller)
            found.append(table(controller.finish()))
    assert all(t == tables[0] for t in tables)
    assert {row[2] for row in tables[0]} == {TrialStatus.FINISHED, TrialStatus.STOPPED}
    if concurrency > 1:
        assert any(t != asynchronous[0] for t in asynchronous), "this test must be able to fail"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history_window=st.sampled_from([0, 3, 24]),
    kills=st.lists(st.integers(1, 25), max_size=4),
    crashes=st.dictionaries(st.integers(0, 15), st.integers(1, 9), max_size=4),
    salt=st.integers(0, 5),
)
@example(history_window=24, kills=[1, 9, 1], crashes={}, salt=2)  # the last kill comes before what ran has run again
def test_a_killed_sweep_goes_on_as_if_nothing_had_been(
    tmp_path_factory: pytest.TempPathFactory,
    clock: Clock,
    history_window: int,
    kills: list[int],
    crashes: dict[int, int],
    salt: int,
) -> None:
    folder = tmp_path_factory.mktemp("sweep")
    for halt_after in [*kills, None]:
        earlier = replay(read_events(folder))
        controller = make_controller(folder, trials=16, history_window=history_window, restored=earlier)
        slots = Slots(3, loss, pace(salt), clock, crashes=dict(crashes), halt_after=halt_after)
        slots.play(controller)
        controller.state.journal.close()  # as the operating system does for a killed process
    records = controller.finish()
    assert [r.number for r in records] == list(range(16))
    for record in records:
        assert record.has_result
        assert [e.epoch for e in record.epochs] == list(range(1, len(record.epochs) + 1)), "no epoch twice, none lost"
        plan = TrialAssignment(record.number, record.config, record.seed, record.max_epochs)
        assert [e.val_loss for e in record.epochs] == [loss(plan, e.epoch) for e in record.epochs]
        seconds = [e.seconds for e in record.epochs]
        assert seconds == sorted(seconds)
    again = replay(read_events(folder))
    assert again.trials == records
    if history_window:
        clean = tmp_path_factory.mktemp("clean")
        controller = make_controller(clean, trials=16, history_window=history_window)
        Slots(3, loss, pace(salt + 1), clock).play(controller)
        assert table(records) == table(controller.finish()), "kills and crashes change nothing in deterministic mode"


def test_a_resumed_sweep_does_not_run_more_at_once_than_asked(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=3)
    for _ in range(3):
        assert isinstance(controller.next_assignment(), TrialAssignment)
    controller.state.journal.close()
    resumed = make_controller(tmp_path, concurrency=2, restored=replay(read_events(tmp_path)))
    assert [getattr(resumed.next_assignment(), "number", None) for _ in range(3)] == [0, 1, None]


def test_waiting_for_order_is_counted(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> None:
    controller = make_controller(tmp_path, trials=12, concurrency=2, history_window=2)
    Slots(2, loss, lambda number, epoch: 10.0 if number == 0 else 0.1, clock).play(controller)
    began = clock.now
    controller.finish()
    assert 80 < controller.idle_seconds < began - 1000, "one slot waited for trial 0, which took 90 seconds"
    loose = make_controller(tmp_path_factory.mktemp("loose"), trials=12, concurrency=2)
    Slots(2, loss, lambda number, epoch: 10.0 if number == 0 else 0.1, clock).play(loose)
    assert loose.idle_seconds == 0


def test_a_worker_that_dies_twice_makes_a_failed_trial(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, trials=2, concurrency=1)
    assert controller.next_assignment().number == 0  # type: ignore[union-attr]
    controller.on_crash(0, "The worker died: killed")
    assert controller.next_assignment().number == 0  # type: ignore[union-attr]
    controller.on_crash(0, "The worker died: killed")
    assert controller.records[0].status == TrialStatus.FAILED
    assert controller.records[0].error == "The worker died: killed"
    assert controller.next_assignment().number == 1  # type: ignore[union-attr]


def test_silence_is_seen_and_a_report_breaks_it(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=2)
    controller.next_assignment()
    controller.next_assignment()
    clock.now += 5
    controller.on_report(1, TrialReport(rows=[[1, 0.5, {}, 1.0]]))
    assert controller.silent_since(4) == [0]


def test_first_trials_that_fail_alike_end_the_sweep(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=2)
    for number in range(3):
        assert controller.next_assignment().number == number  # type: ignore[union-attr]
        controller.on_report(number, TrialReport(outcome="failed", error="ValueError: no such column\n\ntrace"))
    assert controller.next_assignment() is NoTrial.DONE
    assert controller.stopped is Stop.SAME_ERROR


def test_time_is_up_between_reports(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=2)
    controller.state.limits = SearchLimits(20, 9, 2, deadline=clock.now + 10)
    controller.next_assignment()
    assert controller.on_report(0, TrialReport(rows=[[1, 0.5, {}, 1.0]]))
    clock.now += 11
    assert not controller.on_report(0, TrialReport(rows=[[2, 0.4, {}, 2.0]]))
    assert controller.next_assignment() is NoTrial.DONE
    (record,) = controller.finish()
    assert record.status == TrialStatus.STOPPED  # the best epoch so far is the result, when no trial has one
    assert record.val_loss == 0.4
    assert '"ended"' not in (tmp_path / FILE).read_text()  # it continues when the sweep is resumed


def test_a_trial_that_the_time_budget_cut_counts_beside_one_that_ended(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=2)
    controller.state.limits = SearchLimits(20, 9, 2, deadline=clock.now + 10)
    for _ in range(2):
        controller.next_assignment()
    controller.on_report(0, TrialReport(rows=[[1, 0.9, {}, 1.0]], outcome="finished"))
    controller.on_report(1, TrialReport(rows=[[1, 0.5, {}, 1.0]]))
    clock.now += 11
    assert controller.next_assignment() is NoTrial.DONE
    ended, cut = controller.finish()
    assert [ended.status, cut.status] == [TrialStatus.FINISHED, TrialStatus.STOPPED]
    assert cut.val_loss == 0.5


def test_reports_after_the_end_are_ignored(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=1)
    controller.next_assignment()
    controller.on_report(0, TrialReport(rows=[[1, math.nan, {}, 1.0]], outcome="diverged"))
    before = (tmp_path / FILE).read_text()
    assert not controller.on_report(0, TrialReport(rows=[[2, 0.1, {}, 2.0]]))
    assert (tmp_path / FILE).read_text() == before
    assert json.loads(before.splitlines()[-1])["status"] == "diverged"


def test_a_trial_that_starts_again_without_its_checkpoint_is_told_once(tmp_path: Path, clock: Clock) -> None:
    controller = make_controller(tmp_path, concurrency=1)
    controller.next_assignment()
    rows = [[epoch, 1 / epoch, {}, float(epoch)] for epoch in range(1, 6)]
    controller.on_report(0, TrialReport(rows=rows[:4], checkpoint=(3, "checkpoints/trial-00000/epoch-00003")))
    controller.on_crash(0, "The worker died: its node is gone")
    plan = controller.next_assignment()
    assert isinstance(plan, TrialAssignment)
    assert (plan.checkpoint, plan.best) == ("checkpoints/trial-00000/epoch-00003", 1 / 3)
    controller.on_report(0, TrialReport(rows=rows))
    assert [e.row() for e in controller.records[0].epochs] == rows
    assert replay(read_events(tmp_path)).trials[0].epochs == controller.records[0].epochs


@pytest.mark.parametrize("history_window", [0, 24])
def test_optuna_learns_what_became_of_each_trial(tmp_path: Path, clock: Clock, history_window: int) -> None:
    controller = make_controller(tmp_path, trials=30, history_window=history_window)
    Slots(3, loss, pace(1), clock).play(controller)
    controller.state.limits = SearchLimits(34, 9, 3, retries=0)
    for number in range(30, 34):
        assert controller.next_assignment().number == number  # type: ignore[union-attr]
        if number == 30:
            controller.on_report(30, TrialReport(rows=[[1, 0.5, {}, 1.0], [2, math.nan, {}, 2.0]], outcome="diverged"))
        elif number == 31:
            controller.on_report(31, TrialReport(rows=[[1, 0.5, {}, 1.0]], outcome="failed", error="ValueError: no"))
        elif number == 32:
            controller.on_crash(32, "The worker died: killed")
        else:
            controller.on_report(33, TrialReport(rows=[[1, 0.001, {}, 1.0]]))  # runs until the sweep is interrupted
    controller.stop(Stop.INTERRUPTED)
    records = controller.finish()
    states = {
        TrialStatus.FINISHED: TrialState.COMPLETE,
        TrialStatus.STOPPED: TrialState.PRUNED,
        TrialStatus.DIVERGED: TrialState.FAIL,
        TrialStatus.FAILED: TrialState.FAIL,
        TrialStatus.INTERRUPTED: TrialState.FAIL,
    }
    assert {r.status for r in records} == set(states)
    for record, trial in zip(records, controller.state.study.study.trials, strict=True):
        assert trial.state == states[record.status]
        assert trial.params == dict(record.params)
        curve = {e.epoch: e.val_loss for e in record.epochs if math.isfinite(e.val_loss)}
        assert trial.intermediate_values == curve
        if trial.state == TrialState.PRUNED:
            assert trial.last_step == record.epochs[-1].epoch
        assert trial.value == (record.val_loss if record.has_result else None)


def test_a_controller_asks_for_ascending_numbers(tmp_path: Path, clock: Clock) -> None:
    controller: SearchController = make_controller(tmp_path, concurrency=4)
    assert [controller.next_assignment().number for _ in range(4)] == [0, 1, 2, 3]  # type: ignore[union-attr]
    assert controller.next_assignment() is NoTrial.WAIT
    assert controller.running == [0, 1, 2, 3]
