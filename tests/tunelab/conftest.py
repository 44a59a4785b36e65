"""A store with a few real sweeps, made once for all tests that only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.shared_processes import SharedFigureProcess
from tests.toys import TOY
from tunelab.figures.worker import FigureProcess
from tunelab.records.result import SweepResult
from tunelab.records.spec import make_spec
from tunelab.run import run_sweep


@dataclass(frozen=True)
class Shelf:
    """A store and the results as their launches returned them: ``와인`` (confirmed, audited), ``wine-random``, ``toy``
    (some trials failed)."""

    uri: str
    results: dict[str, SweepResult]


@pytest.fixture(scope="session")
def figure_process() -> Iterator[FigureProcess]:
    """One process that draws for all tests that need no figures of their own."""
    shared = SharedFigureProcess()
    yield shared
    shared.end()


@pytest.fixture(scope="session")
def shelf(ray_session: None, make_store_uri: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    uri = make_store_uri(tmp_path_factory.mktemp("shelf") / "mlruns")
    wine = {"task": "wine", "trials": 10, "max_epochs": 9, "grace_period": 1, "ensemble": 0, "tracking_uri": uri}
    toy = {"task": TOY, "task_options": {"bad": "raise", "bad_above": 0.6}, "trials": 6, "tracking_uri": uri}
    specs = [
        {**wine, "name": "와인", "confirm_top": 1, "confirm_seeds": 2, "audit": 2},
        {**wine, "name": "wine-random", "trials": 5, "sampler": "random", "confirm_top": 0},
        {**toy, "name": "toy", "scheduler": "none", "retries": 0, "confirm_top": 0},
    ]
    results = [run_sweep(make_spec(spec)) for spec in specs]
    return Shelf(uri, {result.name: result for result in results})
