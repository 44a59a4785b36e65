"""Deterministic parallel search, for real: trials that end in any order give the same table."""

from __future__ import annotations

import pytest

from tests.toys import TOY
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep


@pytest.mark.usefixtures("ray_session", "in_folder")
def test_random_sleeps_change_nothing() -> None:
    tables = [table(sleepy_sweep(name)) for name in ("one", "two")]
    assert tables[0] == tables[1]
    assert {"finished", "stopped_early"} <= {status for _, _, status, _ in tables[0]}


def sleepy_sweep(name: str) -> SweepResult:
    values = {
        "task": TOY,
        "task_options": {"curve": "noise", "sleep": 0.03},
        "trials": 12,
        "seed": 3,
        "deterministic": True,
        "confirm_top": 0,
        "name": name,
        "tracking_uri": "off",
    }
    return run_sweep(make_spec(values))


def table(result: SweepResult) -> list[tuple[int, object, str, list[tuple[int, float]]]]:
    return [
        (t.number, dict(t.config), t.status.value, [(e.epoch, e.val_loss) for e in t.epochs]) for t in result.trials
    ]
