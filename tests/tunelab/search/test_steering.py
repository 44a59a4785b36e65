"""Steering on simulated slots: commands take effect where the journal says, once, and after any number of kills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tunelab.search.simulated import Clock, Slots, make_controller
from tests.tunelab.search.test_controller import loss, pace, table
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.controller import SearchController
from tunelab.search.events import Steered
from tunelab.search.inbox import FILE, Command, send
from tunelab.search.journal import read_events
from tunelab.search.limits import Stop
from tunelab.search.replay import replay
from tunelab.search.source import NoTrial

COMMANDS = [
    Command("stop", {"trial": 2, "epoch": 2}),
    Command("stop", {"trial": 6, "epoch": 5}),
    Command("add", {"params": {"x": 0.31}}, before=4),
    Command("add", {"params": {"x": 0.29, "idle": "b"}}, before=4),
    Command("concurrency", {"slots": 1}, before=7),
    Command("concurrency", {"slots": 3}, before=9),
    Command("finish", {}, before=14),
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


def steered(
    folder: Path, clock: Clock, kills: list[int], salt: int, window: int = 6, sampler: str = "tpe"
) -> tuple[TrialRecord, ...]:
    """Search with all commands given at the start, killed after so many reports each time."""
    for command in COMMANDS:
        send(folder, command)
    for halt_after in [*kills, None]:
        controller = make_controller(
            folder,
            trials=20,
            history_window=window,
            restored=replay(read_events(folder)),
            concurrency=3,
            sampler=sampler,
        )
        Slots(3, loss, pace(salt), clock, halt_after=halt_after).play(controller)
        controller.state.journal.close()
    return controller.finish()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kills=st.lists(st.integers(0, 9), max_size=8),
    salts=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    sampler=st.sampled_from(("tpe", "curves")),
)
def test_a_steered_deterministic_search_repeats_whatever_kills_it(
    tmp_path_factory: pytest.TempPathFactory, clock: Clock, kills: list[int], salts: tuple[int, int], sampler: str
) -> None:
    undisturbed = steered(tmp_path_factory.mktemp("a"), clock, [], salts[0], sampler=sampler)
    folder = tmp_path_factory.mktemp("b")
    assert table(steered(folder, clock, kills, salts[1], sampler=sampler)) == table(undisturbed)
    noted = [event.id for event in read_events(folder) if isinstance(event, Steered)]
    assert sorted(noted) == sorted(command.id for command in COMMANDS), "each command is noted once"


@pytest.mark.parametrize("window", [0, 6])
def test_each_command_does_what_it_says(tmp_path: Path, clock: Clock, window: int) -> None:
    records = steered(tmp_path, clock, [], 1, window)
    assert len(records) == 14, "finished before trial 14, added ones included"
    assert records[4].params["x"] == 0.31
    assert records[5].params == {"x": 0.29, "idle": "b"}
    for number, epoch in ((2, 2), (6, 5)):
        assert records[number].last_epoch <= epoch
        assert records[number].status is TrialStatus.STOPPED
    started = {record.number: record.started for record in records}
    ended = {record.number: record.ended for record in records}
    assert started[8] >= max(ended[n] for n in range(8)), "one at once from trial 7 on"


def playing(folder: Path, clock: Clock, act: Callable[[SearchController], None]) -> SearchController:
    controller = make_controller(folder, trials=6, concurrency=2)
    act(controller)
    Slots(2, loss, pace(1), clock).play(controller)
    return controller


def test_a_paused_search_stays_paused_until_it_is_continued(tmp_path: Path, clock: Clock) -> None:
    send(tmp_path, Command("pause", before=3))
    controller = playing(tmp_path, clock, lambda controller: None)
    assert len(controller.records) == 3
    assert controller.next_assignment() is NoTrial.WAIT
    controller.state.journal.close()
    for more in (False, True):
        if more:
            send(tmp_path, Command("continue"))
        controller = make_controller(tmp_path, trials=6, concurrency=2, restored=replay(read_events(tmp_path)))
        Slots(2, loss, pace(1), clock).play(controller)
        assert len(controller.records) == (6 if more else 3)
        controller.state.journal.close()


def test_a_time_ends_the_search_and_a_later_session_is_not_over_at_once(tmp_path: Path, clock: Clock) -> None:
    send(tmp_path, Command("until", {"time": clock.now + 0.5}))
    controller = playing(tmp_path, clock, lambda controller: None)
    assert controller.stopped is Stop.TIME_BUDGET
    controller.state.journal.close()
    again = make_controller(tmp_path, trials=6, concurrency=2, restored=replay(read_events(tmp_path)))
    Slots(2, loss, pace(1), clock).play(again)
    assert again.stopped is None
    assert len(again.records) == 6


def test_stopping_an_ended_trial_changes_nothing_and_damaged_lines_are_passed_over(
    tmp_path: Path, clock: Clock
) -> None:
    controller = playing(tmp_path, clock, lambda controller: None)
    before = controller.finish()
    controller.state.journal.close()
    (tmp_path / FILE).write_text(
        '{"command": 3\n[]\n{"command": "stop", "values": {"trial": "x"}}\n{"command": "pause", "before": "x"}\n'
    )
    send(tmp_path, Command("stop", {"trial": 0}))
    again = make_controller(tmp_path, trials=7, concurrency=2, restored=replay(read_events(tmp_path)))
    Slots(2, loss, pace(1), clock).play(again)
    assert again.finish()[:6] == before
    (noted,) = [event for event in read_events(tmp_path) if isinstance(event, Steered)]
    assert noted.values == {"trial": 0, "epoch": 0}
