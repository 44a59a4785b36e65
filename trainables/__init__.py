"""What is learned: one task a file, found by its file name, by an entry point of ``tunelab.tasks`` or by a path."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from search_spaces.errors import UserError, unknown
from trainables.base.tabular import TabularTask
from trainables.base.task import (
    METRIC,
    SPLIT_SEED,
    EpochReport,
    Predictor,
    RawSplit,
    SealedTest,
    Splits,
    Task,
    TaskFacts,
    TrainingData,
    digest_arrays,
)

__all__ = [
    "METRIC",
    "SPLIT_SEED",
    "EpochReport",
    "Predictor",
    "RawSplit",
    "SealedTest",
    "Splits",
    "TabularTask",
    "Task",
    "TaskFacts",
    "TrainingData",
    "digest_arrays",
    "get_task",
    "load_predictor",
    "task_class",
    "task_classes",
]

ENTRY_POINTS = "tunelab.tasks"


def task_classes() -> dict[str, type[Task]]:
    """Every task that ships here or is installed beside it, by name."""
    found: dict[str, type[Task]] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            found.update(_tasks_in(importlib.import_module(f"trainables.{module.name}")))
    for entry in entry_points(group=ENTRY_POINTS):
        found[entry.name] = _task_of_entry_point(entry)
    return dict(sorted(found.items()))


def task_class(name: str) -> type[Task]:
    """A task's class by name or by the path of a Python file; raises ``UserError`` when there is none."""
    if name.endswith(".py"):
        return _task_of_file(Path(name))
    classes = task_classes()
    if name not in classes:
        raise unknown("task", name, classes)
    return classes[name]


def get_task(name: str, **options: Any) -> Task:
    """A task, ready to load.

    Args:
        name: a task's name, or the path of a Python file that defines one.
        options: what the task takes, e.g. ``data="houses.csv", target="price"`` for ``table``.

    Raises:
        UserError: unknown task, an option it does not take, or one whose value it refuses.
    """
    cls = task_class(name)
    extra = sorted(set(options) - set(cls.options))
    if extra:
        takes = ", ".join(f"--{o.replace('_', '-')}" for o in cls.options) or "no options of its own"
        raise UserError(f"Task '{name}' takes no --{extra[0].replace('_', '-')}. It takes {takes}.")
    return cls(**options)


def load_predictor(folder: Path) -> Predictor:
    """The predictor that ``Predictor.save`` wrote into ``folder``, without running pickled code."""
    from trainables.base.predictors import load

    return load(folder)


def _tasks_in(module: ModuleType) -> dict[str, type[Task]]:
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Task)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    return {module.__name__.rpartition(".")[2]: classes[-1]} if classes else {}


def _task_of_entry_point(entry: EntryPoint) -> type[Task]:
    try:
        cls = entry.load()
    except Exception as error:
        raise UserError(
            f"The installed task '{entry.name}' ({entry.value}) does not load: {type(error).__name__}: {error}."
        ) from error
    if not (inspect.isclass(cls) and issubclass(cls, Task)):
        raise UserError(f"The entry point '{entry.name}' of group {ENTRY_POINTS} is no Task: {entry.value}.")
    return cls


def _task_of_file(path: Path) -> type[Task]:
    if not path.is_file():
        raise UserError(f"Task file '{path}' does not exist. Give the path of a Python file that defines a Task.")
    name = f"tunelab_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UserError(f"Task file '{path}' is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(f"Task file '{path}' does not run: {type(error).__name__}: {error}.") from error
    tasks = list(_tasks_in(module).values())
    if not tasks:
        raise UserError(f"Task file '{path}' defines no Task. Subclass trainables.Task or TabularTask in it.")
    return tasks[0]
