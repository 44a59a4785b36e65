"""Sweeps on a real Ray: trials that fail, diverge, hang or die, and what must not stop the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.displays import Acting
from tests.toys import TOY
from tunelab import SweepSpec, run_sweep
from tunelab.launch.resources import settle_gpus
from tunelab.records.result import SweepResult

pytestmark = pytest.mark.usefixtures("ray_session", "in_folder")


def sweep(options: dict[str, Any], **settings: Any) -> SweepResult:
    values = {"trials": 8, "max_epochs": 9, "confirm_top": 0, "tracking_uri": "off", **settings}
    return run_sweep(SweepSpec(task=TOY, task_options=options, **values))


def test_a_concurrency_that_does_not_fit_is_said() -> None:
    display = Acting()
    spec = SweepSpec(task=TOY, trials=1, max_epochs=1, concurrency=1000, confirm_top=0, tracking_uri="off")
    assert run_sweep(spec, display).concurrency == 2
    assert "--concurrency 1000: at most 2 at once fit here" in display.steps


@pytest.mark.parametrize(
    ("asked", "cluster", "kind", "share"),
    [
        (None, {"CPU": 2.0}, "regression", 0.0),
        (None, {"CPU": 16.0, "GPU": 1.0}, "regression", 0.25),
        (None, {"CPU": 4.0, "GPU": 2.0}, "regression", 0.5),
        (None, {"CPU": 16.0, "GPU": 1.0}, "language_model", 1.0),
        (0.0, {"CPU": 16.0, "GPU": 1.0}, "regression", 0.0),
        (0.1, {"CPU": 16.0, "GPU": 1.0}, "regression", 0.1),
    ],
)
def test_gpus_are_used_where_there_are_any(
    asked: float | None, cluster: dict[str, float], kind: str, share: float
) -> None:
    assert settle_gpus(asked, cluster, kind) == share
