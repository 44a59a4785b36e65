"""Ending a search before its last trial: at a target, or when more trials would gain next to nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces import UserError
from tests.tunelab.search.simulated import Clock, Slots, make_controller
from tests.tunelab.search.test_controller import loss, pace, table
from trainables.base.worker.assignment import TrialAssignment
from tunelab.records.measure import Measure
from tunelab.records.spec import make_spec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.search.events import Steered
from tunelab.search.journal import read_events
from tunelab.search.replay import replay
from tunelab.search.stopping import StopRule


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


def flat(plan: TrialAssignment, epoch: int) -> float:
    """A loss that every second trial reaches."""
    return 0.1 if plan.number % 2 else 1.0 + plan.number


def searched(folder: Path, clock: Clock, stop: str, halts: list[int], window: int = 6) -> tuple[TrialRecord, ...]:
    for halt_after in [*halts, None]:
        earlier = replay(read_events(folder))
        controller = make_controller(folder, trials=30, history_window=window, restored=earlier, stop=stop)
        evaluate = loss if stop.startswith("target") else flat
        Slots(3, evaluate, pace(len(halts)), clock, halt_after=halt_after).play(controller)
        controller.state.journal.close()
    return controller.finish()


@pytest.mark.parametrize("stop", ["auto", "target=0.3"])
def test_a_search_ends_where_its_rule_says_also_after_kills(tmp_path: Path, clock: Clock, stop: str) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    undisturbed = searched(folders[0], clock, stop, [])
    assert 0 < len(undisturbed) < 30
    assert table(searched(folders[1], clock, stop, [2, 5, 1, 9])) == table(undisturbed)
    (noted,) = [event for event in read_events(folders[1]) if isinstance(event, Steered)]
    assert (noted.command, noted.before) == ("finish", len(undisturbed))


@pytest.mark.parametrize("window", [0, 6])
def test_a_target_that_no_trial_reaches_and_never_end_nothing(tmp_path: Path, clock: Clock, window: int) -> None:
    for stop in ("never", "target=-1"):
        folder = tmp_path / stop
        folder.mkdir()
        assert len(searched(folder, clock, stop, [], window)) == 30


@pytest.mark.parametrize("stop", ["sometimes", "target=", "target=low"])
def test_another_rule_is_refused(stop: str) -> None:
    with pytest.raises(UserError, match="--stop must be never, auto or target=X"):
        make_spec({"task": "wine", "stop": stop})


def test_a_target_has_the_sign_of_the_users_metric() -> None:
    rule = StopRule("target=0.9", Measure("accuracy", is_maximised=True))
    epoch = Epoch(1, -0.8, {}, 1.0)  # records hold losses
    trial = TrialRecord(0, {}, {}, 0, 9, TrialStatus.FINISHED, (epoch,))
    assert not rule.holds([trial])
    assert rule.holds([replace(trial, epochs=(replace(epoch, val_loss=-0.95),))])
