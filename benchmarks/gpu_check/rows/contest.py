"""``tunelab bench speed`` in small: a sweep against the bare training of the same epochs."""

from __future__ import annotations

import sys

from benchmarks.gpu_check.row import Measured, Setting
from benchmarks.speed.contest import competitors, rank_competitors, run_contest
from tunelab.system.machine import usable_cpus

TASK, OURS, FLOOR = "california_housing", "tracked", "floor"
MAX_CONCURRENCY = 4


def compare_speed(setting: Setting) -> Measured:
    """Run a tracked sweep and its epochs in bare processes once each, and return their wall seconds."""
    chosen = competitors((OURS, FLOOR), _notify)
    concurrency = min(MAX_CONCURRENCY, usable_cpus())
    runs = run_contest(
        TASK,
        setting.trials,
        setting.epochs,
        1,
        chosen,
        concurrency=concurrency,
        device=setting.device,
        notify=_notify,
    )
    walls = {r.competitor.key: r.wall_seconds for r in rank_competitors(runs, concurrency)}
    return Measured(
        f"{walls[OURS]:.1f} s with Ray and MLflow, {walls[FLOOR]:.1f} s for its epochs alone "
        f"({setting.trials} trials, {concurrency} at once, start included)",
        {"sweep_seconds": walls[OURS], "bare_seconds": walls[FLOOR]},
    )


def _notify(text: str) -> None:
    sys.stderr.write(text + "\n")
