"""Finding tasks: by the name of a file in this package, by an entry point of ``tunelab.tasks``, or by a path."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from search_spaces.errors import UserError, describe_error, unknown
from search_spaces.python_file import PythonFile
from trainables.base.contract.data import Splits
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.own_code import import_file, line_of_error
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.task import Task
from trainables.base.contract.trainable import TASK_FILE

ENTRY_POINTS = "tunelab.tasks"
FUNCTION_PREFIX = "function:"  # of the name under which a sweep of a function in memory is recorded


def task_classes() -> dict[str, type[Task]]:
    """Every task that ships here or is installed beside it, by name; what does not load is left out with a warning."""
    found = shipped_tasks()
    for name in _installed_names() - set(found):
        try:
            found[name] = _installed_task(name)
        except UserError as error:
            warnings.warn(str(error), stacklevel=2)
    return dict(sorted(found.items()))


def shipped_tasks() -> dict[str, type[Task]]:
    """Return the tasks of this package, by name: one a file."""
    here = [str(Path(__file__).parent)]
    names = [module.name for module in pkgutil.iter_modules(here) if not module.ispkg and module.name != "discovery"]
    return {name: cls for name in names for cls in _tasks_in(importlib.import_module(f"trainables.{name}"))}


def task_names() -> set[str]:
    """Return the names of all tasks, shipped or installed; the installed ones are not loaded."""
    return {*shipped_tasks(), *_installed_names()}


def task_class(name: str) -> type[Task]:
    """Return a task's class by name, by a Python file, or by ``file.py:function``; raise ``UserError`` if none.

    Names of shipped tasks come first. Of the installed ones only the one that is asked for is loaded.
    """
    if name.startswith(FUNCTION_PREFIX):
        function = name.removeprefix(FUNCTION_PREFIX)
        raise UserError(
            f"'{name}' is a Python function that only the program has which defines it. Call run_sweep({function}, "
            "name=...) there to continue or extend its sweep."
        )
    file = PythonFile.parse(name)
    if file is not None:
        return _task_of_file(file)
    shipped = shipped_tasks()
    if name in shipped:
        return shipped[name]
    installed = _installed_names()
    if name not in installed:
        raise unknown("task", name, {*shipped, *installed})
    return _installed_task(name)


def get_task(name: str, **options: Any) -> Task:
    """Return a task, ready to load.

    Args:
        name: a task's name, or the path of a Python file that defines one.
        options: what the task takes, e.g. ``data="houses.csv", target="price"`` for ``table``.

    Raises:
        UserError: unknown task, an option it does not take, or one whose value it refuses.
    """
    cls = task_class(name)
    extra = sorted(set(options) - {option.name for option in cls.options})
    if extra:
        takes = ", ".join(option.flag for option in cls.options) or "no options of its own"
        raise UserError(f"Task '{name}' takes no --{extra[0].replace('_', '-')}. It takes {takes}.")
    try:
        task = cls(**options)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"Task '{name}' cannot be made: {describe_error(error)}.") from error
    if not isinstance(getattr(task, "facts", None), TaskFacts):
        raise UserError(f"Task '{name}': {cls.__name__} lacks 'facts', a trainables.TaskFacts with its name and score.")
    return task


def is_shipped(task: Task) -> bool:
    """Return whether a task comes with tunelab."""
    return type(task) in shipped_tasks().values()


def load_data(task: Task, split_seed: int) -> Splits:
    """Return the data of a task.

    Raises:
        UserError: what the task raises itself, or where and how the code of a user's own task failed.
    """
    try:
        return task.load(split_seed)
    except UserError:
        raise
    except Exception as error:
        if is_shipped(task):
            raise
        where = line_of_error(error, task)
        raise UserError(f"Task '{task.facts.name}' cannot load its data: {describe_error(error)} ({where}).") from error


def load_predictor(folder: Path, trusted: Sequence[str] = ()) -> Predictor:
    """Return the predictor that a folder holds, without running pickled code.

    Args:
        folder: As ``save_predictor`` left it.
        trusted: Python files whose code may run, where the predictor is of a user's own class.
    """
    from trainables.base.contract.predictors import load

    return load(folder, trusted)


def save_predictor(predictor: Predictor, folder: Path) -> None:
    """Write a predictor into an empty folder, with a note of its class where that is the user's own."""
    from trainables.base.contract.predictors import save

    save(predictor, folder)


def _tasks_in(module: ModuleType) -> list[type[Task]]:
    """Return the tasks that a module defines, without those that others of them build on."""
    found = {
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Task) and value.__module__ == module.__name__
    }
    return [cls for cls in found if not any(issubclass(other, cls) for other in found - {cls})]


def _installed_names() -> set[str]:
    return {entry.name for entry in entry_points(group=ENTRY_POINTS)}


def _installed_task(name: str) -> type[Task]:
    entries = {entry.value: entry for entry in entry_points(group=ENTRY_POINTS) if entry.name == name}
    if len(entries) > 1:
        offers = " and ".join(entries)
        raise UserError(f"More than one installed package offers a task '{name}': {offers}. Uninstall all but one.")
    (entry,) = entries.values()
    try:
        cls = entry.load()
    except Exception as error:
        raise UserError(
            f"The installed task '{name}' ({entry.value}) does not load: {describe_error(error)}."
        ) from error
    if not (inspect.isclass(cls) and issubclass(cls, Task)):
        raise UserError(f"The entry point '{name}' of group {ENTRY_POINTS} is not a Task: {entry.value}.")
    return _complete(cls, f"The installed task '{name}'")


def _task_of_file(file: PythonFile) -> type[Task]:
    path = file.path
    if not path.is_file():
        raise UserError(f"Task file '{path}' does not exist. Give the path of a Python file that defines a Task.")
    try:
        module = import_file(path, f"{TASK_FILE}{path.stem}")
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"Task file '{path}' does not run: {describe_error(error)}.") from error
    if file.name:
        return _task_of_name(module, file)
    tasks = _tasks_in(module)
    if not tasks:
        raise UserError(f"Task file '{path}' defines no Task. {_way_out(module, path)}")
    if len(tasks) > 1:
        names = ", ".join(sorted(cls.__name__ for cls in tasks))
        raise UserError(f"Task file '{path}' defines several tasks ({names}). Give each a file of its own.")
    return _complete(tasks[0], f"Task file '{path}'")


def _way_out(module: ModuleType, path: Path) -> str:
    """Return what to do with a file without a task: name its training function, where it has one."""
    own = [(name, f) for name, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    for name, value in own:
        if len(inspect.signature(value).parameters) == 2:
            shown = path if path.is_absolute() or str(path).startswith("..") else f"./{path}"
            return f"Give the name of its training function, too: '{shown}:{name}'."
    if any(name == "objective" and len(inspect.signature(value).parameters) == 1 for name, value in own):
        from trainables.base.functions.signature import way_out

        return way_out(dict(own)["objective"])
    return "Subclass trainables.Task or TabularTask in it."


def _task_of_name(module: ModuleType, file: PythonFile) -> type[Task]:
    """Return the task of ``file.py:name``: a task class, or a training function."""
    value = getattr(module, file.name, None)
    if value is None:
        raise UserError(f"Task file '{file.path}' defines no '{file.name}'.")
    if inspect.isclass(value) and issubclass(value, Task):
        return _complete(value, f"Task file '{file.path}'")
    if not callable(value):
        raise UserError(f"'{file.name}' in '{file.path}' must be a function of (config, trial) or a Task class.")
    from trainables.base.functions.file_task import function_task_class

    return function_task_class(value, getattr(module, "space", None), str(file.path))


def _complete(cls: type[Task], where: str) -> type[Task]:
    missing = [f"{name}()" for name in sorted(cls.__abstractmethods__)]
    if missing:
        raise UserError(f"{where}: {cls.__name__} lacks {' and '.join(missing)}.")
    return cls
