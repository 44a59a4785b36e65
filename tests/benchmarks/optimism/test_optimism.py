"""The benchmark of the expected loss: its pieces, its report, the same sweeps again, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.harness.verify import verify
from benchmarks.optimism.report import make_optimism_document, summarize, verdict
from benchmarks.optimism.run import OptimismResults, run
from benchmarks.optimism.simulate import SINGLE, Measured, sampled
from benchmarks.optimism.spec import SIMULATION, OptimismSpec, check
from search_spaces import UserError
from tests.korean import english
from trainables import TabularTask, get_task
from tunelab.report.report import to_html

SMALL = OptimismSpec(("wine",), simulated=4, sweeps=1, trials=3, max_epochs=2, rows=120)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OptimismResults]:
    folder = tmp_path_factory.mktemp("bench") / "out"
    return folder, run(SMALL, folder, lambda text: None)


def test_simulation_and_table_are_measured_and_reported(
    finished: tuple[Path, OptimismResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, results = finished
    assert len(results.of(SIMULATION, SINGLE)) == 4
    (wine,) = results.of("wine", SINGLE)
    assert wine.low <= wine.expected <= wine.high
    assert "Winner: single trial, in the simulation. The interval holds" in verdict(results)
    assert to_html(make_optimism_document(results)) == (folder / "report.html").read_text()
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert english(make_optimism_document(results)) == []


def test_the_same_sweeps_give_the_same_numbers(finished: tuple[Path, OptimismResults]) -> None:
    assert verify(finished[0]) == []


def test_bias_removed_and_coverage_are_counted() -> None:
    one = Measured("wine", SINGLE, 0, val_loss=1.0, expected=1.4, low=1.1, high=1.6, test_loss=1.5)
    found = summarize([one, replace(one, number=1, test_loss=1.7)])
    assert (found.count, found.covered) == (2, 1)
    assert found.bias == pytest.approx(0.6)
    assert found.removed == pytest.approx(1 - 0.2 / 0.6)
    assert math.isnan(summarize([one]).removed)
    assert math.isnan(summarize([one, replace(one, test_loss=0.9)]).removed)


def test_a_large_table_is_sampled() -> None:
    task = get_task("auto_mpg")
    assert isinstance(task, TabularTask)
    assert len(sampled(task, 100, 0).read()) == 100


@pytest.mark.parametrize(("change", "message"), [({"tasks": ("nope",)}, "nope"), ({"trials": 1}, "--trials must be 2")])
def test_a_wrong_spec_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(replace(SMALL, **change))  # type: ignore[arg-type]
