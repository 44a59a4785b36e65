"""A sweep continues in a wider space without some choices: its trials stay, also in deterministic order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from search_spaces import SearchSpace, UserError
from search_spaces.changes import change_space
from tests.toys import TOY, suggest
from tests.tunelab.search.simulated import Clock, Slots, make_controller
from tests.tunelab.search.test_controller import loss, pace, table
from tunelab.cli.main import main
from tunelab.records.spec import make_spec
from tunelab.records.trial import TrialRecord
from tunelab.run import run_sweep
from tunelab.search.journal import read_events
from tunelab.search.replay import replay
from tunelab.setup.resume import last_session, resumed_spec

VALUES: dict[str, Any] = {
    "task": TOY,
    "task_options": {"curve": "monotone"},
    "name": "toy-1",
    "trials": 6,
    "deterministic": True,
    "confirm_top": 0,
    "tracking_uri": "off",
    "concurrency": 2,
}


@pytest.mark.usefixtures("ray_session")
def test_a_sweep_is_continued_in_another_space(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_sweep(make_spec(VALUES))
    home = in_folder / "mlruns"
    wider = {"widen": {"x": (-5.0, 1.0)}, "drop": {"idle": ["b"]}, "trials": 14}
    spec = resumed_spec(last_session(home, "toy-1"), wider)
    after = run_sweep(spec)
    assert table(after.trials[:6]) == table(before.trials)
    assert {t.params["idle"] for t in after.trials[6:]} == {"a"}
    assert any(float(str(t.params["x"])) < 0 for t in after.trials[6:])
    assert after.space["x"]["attributes"]["low"] == -5.0
    more = resumed_spec(last_session(home, "toy-1"), {"trials": 16, "widen": {"x": (-6.0, 2.0)}})
    assert more.widen == {"x": (-6.0, 2.0)}
    assert more.drop == {"idle": ["b"]}, "what earlier sessions changed stays"
    assert len(run_sweep(more).trials) == 16
    with pytest.raises(UserError, match="was continued with --widen for x"):
        run_sweep(make_spec({**VALUES, "trials": 20}))
    monkeypatch.setattr(sys, "argv", ["tunelab", "resume", "toy-1", "--widen", "x=-7"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_a_killed_sweep_continues_in_the_changed_space_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock().install(monkeypatch)
    own = SearchSpace("toy", suggest)
    changed = change_space(own, {"x": (-1.0, 1.0)}, {"idle": ["b"]})

    def searched(folder: Path, halts: list[int | None]) -> tuple[TrialRecord, ...]:
        folder.mkdir()
        for trials, space, halt_after in [(8, own, None), *((20, changed, halt) for halt in halts)]:
            earlier = replay(read_events(folder))
            controller = make_controller(folder, trials=trials, history_window=6, restored=earlier, space=space)
            Slots(3, loss, pace(1), clock, halt_after=halt_after).play(controller)
            controller.state.journal.close()
        return controller.finish()

    assert table(searched(tmp_path / "a", [None])) == table(searched(tmp_path / "b", [3, 1, 7, 4, None]))
