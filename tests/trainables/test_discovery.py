"""Tasks are found by name, by file and by entry point, quickly, and what cannot be found is explained."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import trainables
from search_spaces import UserError

SHIPPED = {
    *("auto_mpg", "boston_housing", "california_housing", "diamonds", "heart_disease"),
    *("kogpt2", "mnist", "table", "wine"),
}

TASK = """
from trainables.wine import Wine as Shipped

class Cellar(Shipped):
    pass
"""


def test_every_shipped_task_is_found_without_loading_what_trains_it() -> None:
    heavy = ["torch", "pandas", "sklearn", "optuna", "ray", "mlflow", "transformers", "sweeps"]
    code = (
        f"import sys, trainables; print(*trainables.task_classes()); print(*[m for m in {heavy} if m in sys.modules])"
    )
    names, loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split("\n")[:2]
    assert set(names.split()) >= SHIPPED
    assert loaded == ""


def test_facts_of_all_tasks_are_complete_and_distinct() -> None:
    facts = {name: cls.facts for name, cls in trainables.task_classes().items()}
    assert all(fact.name == name for name, fact in facts.items())
    assert len({fact.title for fact in facts.values()}) == len(facts)


def test_unknown_tasks_and_options_are_explained() -> None:
    with pytest.raises(UserError, match="Did you mean 'wine'"):
        trainables.get_task("wime")
    with pytest.raises(UserError, match="takes no --target"):
        trainables.get_task("wine", target="price")
    with pytest.raises(UserError, match="--split-column"):
        trainables.get_task("table", columns="a")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (None, "does not exist"),
        ("x = 1", "defines no Task"),
        ("import nothing_of_this_name", "does not run: ModuleNotFoundError"),
        ("class Broken(:", "does not run: SyntaxError"),
        ("raise SystemExit", "does not run: SystemExit"),
    ],
)
def test_files_that_are_no_tasks_are_refused(code: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(UserError, match=says):
        trainables.get_task(str(path))


def test_a_file_and_an_entry_point_give_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cellar_of_mine.py").write_text(TASK)
    task = trainables.get_task(str(tmp_path / "cellar_of_mine.py"))
    assert type(task).__name__ == "Cellar"
    monkeypatch.syspath_prepend(tmp_path)
    installed = [
        EntryPoint("cellar", "cellar_of_mine:Cellar", trainables.ENTRY_POINTS),
        EntryPoint("gone", "not_installed:Task", trainables.ENTRY_POINTS),
    ]
    monkeypatch.setattr(trainables, "entry_points", lambda group: installed[:1])
    assert trainables.get_task("cellar").load().training.digest == task.load().training.digest
    monkeypatch.setattr(trainables, "entry_points", lambda group: installed)
    with pytest.raises(UserError, match="'gone'"):
        trainables.task_classes()
