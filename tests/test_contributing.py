"""The task and the space that CONTRIBUTING.md shows run exactly as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import trainables
from search_spaces import get_space
from trainables.base.contract.conformance import check_task

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """``my_task.py`` and ``my_space.py``, cut from the text."""
    task, space = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    paths = tmp_path / "my_task.py", tmp_path / "my_space.py"
    for path, code in zip(paths, (task, space), strict=True):
        assert f"`{path.name}`" in TEXT
        path.write_text(code, "utf-8")
    return paths


def test_the_shown_task_and_space_conform(files: tuple[Path, Path]) -> None:
    task = trainables.get_task(str(files[0]))
    results = list(check_task(task, trainables.shipped_tasks(), space=str(files[1])))
    assert {result.name: result.fault for result in results if not result.passed} == {}
    for name in (*(result.name for result in results), "bare tuner"):
        assert name in TEXT  # the table of checks is complete
    assert task.facts.name == "concrete"


def test_the_shown_task_learns(files: tuple[Path, Path]) -> None:
    task = trainables.get_task(str(files[0]))
    splits = task.load()
    config = task.space().config(task.reference)
    *_, last = task.fit(config, splits.training, 1, max_epochs=30)
    assert last.metrics["val_r2"] > 0.9
    assert set(get_space(str(files[1])).distributions()) == {
        "n_layers",
        "width_1",
        "width_2",
        "lr",
        "dropout",
        "batch_size",
    }
