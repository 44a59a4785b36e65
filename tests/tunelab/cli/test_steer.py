"""``tunelab steer`` and ``tunelab watch`` beside a search that runs: commands reach its journal, trials the view."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.toys import TOY_SPACE
from tests.tunelab.search.simulated import make_controller
from trainables.base.worker.assignment import TrialReport
from tunelab.cli.main import main
from tunelab.records.spec import ResolvedSpec
from tunelab.search.controller import SearchController
from tunelab.search.events import Finished, Started, Steered
from tunelab.search.journal import read_events

Run = Callable[[str], tuple[object, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(line: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["tunelab", *line.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def controller(in_folder: Path) -> Iterator[SearchController]:
    """A search of 6 trials of which the first has ended and the second runs; it looks for commands all the time."""
    folder = in_folder / "mlruns" / "sweeps" / "toy-1"
    folder.mkdir(parents=True)
    controller = make_controller(folder, trials=6, concurrency=2)
    spec = ResolvedSpec(task="toy", trials=6, max_epochs=9, grace_period=1, name="toy-1", tracking_uri="off")
    space = TOY_SPACE.describe()
    controller.state.journal.append(
        Started(spec.to_json(), space=space, folder=str(in_folder), concurrency=2, time=time.time(), metric="cost")
    )
    controller.next_assignment()
    controller.on_report(0, TrialReport(rows=[[1, 0.5, {}, 0.1]], outcome="finished"))
    controller.next_assignment()
    controller.on_report(1, TrialReport(rows=[[1, 0.4, {}, 0.1], [2, 0.3, {}, 0.2]], outcome="running"))
    controller.next_assignment()  # both slots are taken
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            controller.next_assignment()

    thread = threading.Thread(target=look)
    thread.start()
    yield controller
    over.set()
    thread.join()
    controller.state.journal.close()


def test_each_command_is_a_line_of_the_journal(controller: SearchController, run: Run, in_folder: Path) -> None:
    for line, told in {
        "pause": "paused before trial 3",
        "continue": "continues with trial 3",
        "stop 1": "trial 1 ends after epoch 2",
        "stop 4 --epoch 5": "trial 4 ends after epoch 5",
        "add x=0.25": "trial 3 has x=0.25",
        "add x=0.5 idle=b --before-trial 5": "trial 5 has x=0.5 idle=b",
        "concurrency 1": "concurrency 1 from trial 3 on",
        "until 23:59": "ends at 23:59",
        "until 0:00": "ends at 00:00 tomorrow",
        "finish": "no trial after number 2 begins",
    }.items():
        code, out, error = run(f"steer toy-1 {line}")
        assert (code, error) == (0, "")
        assert out.startswith("toy-1: ")
        assert told in out
    noted = [e for e in read_events(in_folder / "mlruns" / "sweeps" / "toy-1") if isinstance(e, Steered)]
    assert [e.command for e in noted] == [
        *("pause", "continue", "stop", "stop", "add", "add"),
        *("concurrency", "until", "until", "finish"),
    ]
    assert noted[4].values == {"params": {"x": 0.25}}
    code, out, error = run("steer toy-1 add x=0.75")
    assert (code, out) == (2, "")
    assert "the sweep ends before trial 3" in error


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("steer toy-1 paus", "Did you mean 'pause'?"),
        ("steer toy-1 pause now", "take no value"),
        ("steer toy-1 stop", "number of a trial"),
        ("steer toy-1 stop 0", "trial 0 has ended (finished)"),
        ("steer toy-1 stop 40", "the sweep has 6 trials"),
        ("steer toy-1 add y=1", "hyperparameter 'y'"),
        ("steer toy-1 add x=7", "must lie between 0.0 and 1.0"),
        ("steer toy-1 add x", "must be NAME=VALUE"),
        ("steer toy-1 concurrency 3", "must lie between 1 and 2"),
        ("steer toy-1 until noon", "until 18:00"),
        ("steer toy-1 finish --epoch 3", "only stop takes an epoch"),
        ("steer toy-1 pause --before-trial -1", "0 or more"),
        ("steer toy-1 add x=0.1 --before-trial 7", "the sweep has 6 trials"),
        ("steer nothing pause", "sweep 'nothing'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(controller: SearchController, run: Run, line: str, sentence: str) -> None:
    code, out, error = run(line)
    assert (code, out) == (2, "")
    assert sentence in error
    assert error.count("\n") == 1


def test_watching_shows_the_trials_until_the_end(controller: SearchController, run: Run) -> None:
    timer = threading.Timer(0.5, lambda: controller.state.journal.append(Finished("", 1.0)))
    timer.start()
    code, _, error = run("watch toy-1")
    timer.join()
    assert code == 0
    assert "6 trials of at most 9 epochs, 2 at once" in error
    assert "trial   0  finished" in error
    assert "cost 0.5000 at epoch 1" in error  # what the sweep optimises, by its name
    assert "The sweep has ended: tunelab results toy-1" in error


def test_watching_says_that_a_search_was_interrupted(controller: SearchController, run: Run) -> None:
    timer = threading.Timer(0.5, lambda: controller.state.journal.append(Finished("interrupted", 1.0)))
    timer.start()
    _, _, error = run("watch toy-1")
    timer.join()
    assert "The search ended early: interrupted. `tunelab resume toy-1` continues it." in error


def test_a_sweep_that_does_not_run_is_neither_steered_nor_watched(in_folder: Path, run: Run) -> None:
    folder = in_folder / "mlruns" / "sweeps" / "toy-1"
    folder.mkdir(parents=True)
    controller = make_controller(folder)
    controller.state.journal.append(Started({}, folder="x"))
    controller.state.journal.close()
    for line in ("steer toy-1 pause", "watch toy-1"):
        code, out, error = run(line)
        assert (code, out) == (2, "")
        assert "is not running" in error


def test_a_search_that_has_ended_is_not_steered_while_its_winner_is_evaluated(
    controller: SearchController, run: Run
) -> None:
    controller.state.steering.take(Steered("id", "finish", 3, {}, 0.0))
    controller.state.journal.append(Steered("id", "finish", 3, {}, 0.0))
    controller.on_report(1, TrialReport(outcome="finished"))
    controller.on_report(2, TrialReport(outcome="failed", error="by hand"))
    code, out, error = run("steer toy-1 add x=0.1")
    assert (code, out) == (2, "")
    assert "has ended" in error


def test_ctrl_c_ends_the_view_and_not_the_sweep(
    controller: SearchController, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pressed:
        @staticmethod
        def sleep(seconds: float) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("tunelab.cli.watch.time", Pressed)
    code, _, error = run("watch toy-1")
    assert code == 0
    assert "trial   0  finished" in error
    assert "stopped before" not in error
