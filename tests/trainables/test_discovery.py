"""Tasks are found by name, by file and by entry point, quickly, and what cannot be found is explained."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import trainables
from search_spaces import UserError

SHIPPED = {
    *("auto_mpg", "boston_housing", "california_housing", "diamonds", "heart_disease"),
    *("images", "kogpt2", "mnist", "mnist_gan", "series", "table", "text", "wine"),
}

TASK = """
from trainables.wine import Wine as Shipped

class Cellar(Shipped):
    pass
"""


def test_every_shipped_task_is_found_without_loading_what_trains_it() -> None:
    heavy = ["torch", "pandas", "sklearn", "optuna", "ray", "mlflow", "transformers", "tunelab"]
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
        ("x = 1", "defines no Task. Subclass trainables.Task"),
        (
            "def objective(trial):\n    return trial.suggest_float('x', 0, 1)",
            "An Optuna objective becomes two functions",
        ),
        ("def train(config, trial): ...", "Give the name of its training function, too: '.*mine.py:train'"),
        ("import nothing_of_this_name", "does not run: ModuleNotFoundError"),
        ("class Broken(:", "does not run: SyntaxError"),
        ("raise SystemExit", "does not run: SystemExit"),
    ],
)
def test_files_that_are_not_tasks_are_refused(code: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    if code is not None:
        path.write_text(code)
    with pytest.raises(UserError, match=says):
        trainables.get_task(str(path))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("class Mine(Shipped):\n    def __init__(self, path):\n        pass", "cannot be made: TypeError: .*'path'"),
        (
            "class Mine(Shipped):\n    def __init__(self):\n        open('none.csv')",
            "cannot be made: FileNotFoundError",
        ),
        ("class Mine(Shipped):\n    facts = None", "Mine lacks 'facts'"),
        ("class Mine(Task):\n    facts = Shipped.facts", r"Mine lacks fit\(\) and load\(\)"),
        ("class One(Shipped):\n    pass\n\nclass Two(Shipped):\n    pass", r"several tasks \(One, Two\)"),
    ],
)
def test_what_a_task_file_lacks_is_said_in_one_sentence(code: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"from trainables import Task\nfrom trainables.wine import Wine as Shipped\n\n{code}\n")
    with pytest.raises(UserError, match=says) as error:
        trainables.get_task(str(path))
    assert "\n" not in str(error.value)


def test_a_file_may_hold_a_task_and_what_it_builds_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{TASK}\n\nclass Mine(Cellar):\n    pass\n")
    assert type(trainables.get_task(str(tmp_path / "mine.py"))).__name__ == "Mine"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a package in it, as pip leaves one: its module, its metadata, its entry points."""
    (tmp_path / "cellar_of_mine.py").write_text(TASK)
    info = tmp_path / "cellar_of_mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cellar-of-mine\nVersion: 1.0\n")
    names = ("cellar = cellar_of_mine:Cellar", "wine = cellar_of_mine:Cellar", "gone = not_installed:Task")
    (info / "entry_points.txt").write_text("[tunelab.tasks]\n" + "\n".join(names) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("installed")
def test_an_installed_task_is_found_and_a_broken_one_stands_in_nobodys_way() -> None:
    assert type(trainables.get_task("cellar")).__name__ == "Cellar"
    assert type(trainables.get_task("wine")).__name__ == "Wine"
    with pytest.raises(UserError, match=r"'gone'.*does not load: ModuleNotFoundError"):
        trainables.get_task("gone")
    with pytest.warns(UserWarning, match="'gone'"):
        names = set(trainables.task_classes())
    assert names == SHIPPED | {"cellar"}


@pytest.fixture
def first_loss() -> Callable[[trainables.Task], float]:
    """Trains an epoch; a function of a function, as workers cannot import this module."""

    def first_loss(task: trainables.Task) -> float:
        config = task.space().config(task.reference)
        return next(iter(task.fit(config, task.load().training, 1, max_epochs=1))).val_loss

    return first_loss


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_an_installed_task_trains_in_a_worker(installed: Path, first_loss: Callable[[trainables.Task], float]) -> None:
    import ray
    from ray import cloudpickle

    def on_worker(task: bytes) -> float:
        sys.path.append(str(installed))
        try:
            sent = cloudpickle.loads(task)
            assert type(sent) is type(trainables.get_task("cellar"))
            return first_loss(sent)
        finally:
            sys.path.remove(str(installed))

    task = trainables.get_task("cellar")
    assert ray.get(ray.remote(on_worker).remote(cloudpickle.dumps(task))) == first_loss(task)


SIBLINGS = """
import helper_of_mine
from tests.toys import Toy

class Cellar(Toy):
    def __init__(self):
        super().__init__()
        self.scale = helper_of_mine.Scale(2.0)

    def fit(self, *arguments, **options):
        from other_helper_of_mine import unchanged

        return unchanged(super().fit(*arguments, **options))
"""


def test_a_task_file_imports_what_lies_beside_it_in_workers_too(
    tmp_path: Path, first_loss: Callable[[trainables.Task], float]
) -> None:
    from ray import cloudpickle

    from trainables.base.contract.trainable import as_trainable

    (tmp_path / "mine.py").write_text(SIBLINGS)
    (tmp_path / "helper_of_mine.py").write_text("class Scale:\n    def __init__(self, by):\n        self.by = by\n")
    (tmp_path / "other_helper_of_mine.py").write_text("def unchanged(reports):\n    return reports\n")
    task = trainables.get_task(str(tmp_path / "mine.py"))
    as_trainable(task)  # makes it ready to travel
    packed = tmp_path / "packed"
    packed.write_bytes(cloudpickle.dumps((task, first_loss)))
    code = "import sys; from ray import cloudpickle; f = open(sys.argv[1], 'rb'); task, train = cloudpickle.load(f); "
    elsewhere = subprocess.run(
        [sys.executable, "-c", f"{code} print(repr(train(task)), task.scale.by)", str(packed)],
        check=True,
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # for the toy
    )
    assert elsewhere.stdout.split() == [repr(first_loss(task)), "2.0"]
