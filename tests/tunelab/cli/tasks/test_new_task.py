"""``tunelab new-task``: what it writes passes its own test and ``check-task``, and can be searched."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tunelab
from tests.displays import Acting
from tunelab.cli.main import main
from tunelab.cli.tasks.new import KINDS


def new_task(monkeypatch: pytest.MonkeyPatch, *line: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tunelab", "new-task", *line])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.usefixtures("in_folder", "ray_session")
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "torch" else [pytest.mark.slow]) for kind in KINDS]
)
def test_a_new_task_conforms_learns_and_is_searched(
    kind: str, monkeypatch: pytest.MonkeyPatch, make_store_uri: Callable[[Path], str], tmp_path: Path
) -> None:
    assert new_task(monkeypatch, "my_thing", "--kind", kind) == 0
    own_tests = [made for name, made in runpy.run_path("test_my_thing.py").items() if name.startswith("test_")]
    assert own_tests
    for test in own_tests:
        test()
    settings: dict[str, Any] = {"trials": 3, "max_epochs": 3, "confirm_top": 0, "ensemble": 0}
    task = f"./my_thing.py{KINDS[kind][0]}"
    result = tunelab.run_sweep(task, Acting(), tracking_uri=make_store_uri(tmp_path / "store"), **settings)
    assert result.best is not None
    assert result.best.version  # not always the champion: three epochs do not beat every baseline
    assert not result.best.fault
    if kind != "function":
        assert set(result.best.test) >= {result.facts.score}
        assert any(model.name != "reference" for model in result.baselines)
    model = result.load_model()
    if kind == "torch":
        assert model.predict(pd.DataFrame([[0.0, 1.0, 2.0]])).shape == (1, 1)


@pytest.mark.usefixtures("in_folder")
def test_what_exists_is_not_overwritten_and_names_are_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("test_mine.py").write_text("mine", encoding="utf-8")
    for line, message in {
        ("mine",): "'test_mine.py' exists already",
        ("wine",): "A task 'wine' ships with tunelab",
        ("My-Task",): "NAME must be lower-case letters, digits and '_', a letter first, got 'My-Task'",
        ("other", "--kind", "torhc"): "Did you mean 'torch'",
    }.items():
        assert new_task(monkeypatch, *line) == 2
        assert message in capsys.readouterr().err
    assert [path.name for path in Path.cwd().iterdir()] == ["test_mine.py"]
    assert Path("test_mine.py").read_text(encoding="utf-8") == "mine"
