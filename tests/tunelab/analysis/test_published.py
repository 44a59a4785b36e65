"""The winner among published results."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tunelab.conftest import Shelf
from tunelab.analysis.published import WINNER, place_sentence, published_place, published_rows
from tunelab.report.scores import published_section


def test_the_winner_is_placed_on_the_published_split_alone(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    assert result.best is not None
    best = replace(result.best, test={"rmse": 0.42})
    own = replace(result, task="california_housing", best=best)
    assert published_place(own) == ()
    assert published_section(own) is None
    placed = published_place(replace(own, spec=own.spec.model_copy(update={"task_options": {"split": "published"}})))
    models = [row.model for row in placed]
    assert models.index("TabM with piecewise embeddings") > models.index(WINNER) > models.index("TabR default")
    assert [row.test_rmse for row in placed] == sorted(row.test_rmse for row in placed)
    assert (
        place_sentence(placed)
        == f"On the published split this sweep's winner is number {models.index(WINNER) + 1} of {len(placed)}."
    )


@pytest.mark.parametrize(("task", "unit"), [("california_housing", 1.0), ("diamonds", 3989.4)])
def test_published_rows_are_in_the_tasks_unit(task: str, unit: float) -> None:
    lines = list(
        csv.DictReader((Path("benchmarks/published") / f"{task}.csv").read_text(encoding="utf-8").splitlines())
    )
    assert len(lines) == len(published_rows(task)) > 5
    for line in lines:
        assert float(line["test_rmse"]) == pytest.approx(float(line["published"]) * unit, rel=2e-4)
        assert line["source"]
    assert published_rows("wine") == []
