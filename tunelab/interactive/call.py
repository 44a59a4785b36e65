"""``tunelab.run_sweep``: a sweep from Python, of a task by name, a function, a task class, or data in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces import SearchSpace, as_space, get_space
from search_spaces.errors import UserError
from trainables import Task
from trainables.base.functions.signature import check_function
from trainables.discovery import FUNCTION_PREFIX, task_class
from tunelab.display.display import Display, Silent, make_display
from tunelab.interactive.frames import TARGET, column_name, keep_frame
from tunelab.interactive.habits import check_no_table, in_python, unknown_setting, wrong_task
from tunelab.interactive.notebook_display import NotebookDisplay, in_notebook
from tunelab.interactive.result import Build, InteractiveResult
from tunelab.launch.kept_ray import leave_other
from tunelab.records.spec import SweepSpec, make_spec
from tunelab.run import run_resolved
from tunelab.setup.resolve import resolve_sweep
from tunelab.setup.resolved import InMemory
from tunelab.system.language import use_language
from tunelab.system.texts import tr_text
from tunelab.tracking.uri import store_home

if TYPE_CHECKING:
    import optuna

    from trainables.base.functions.task import Score, Train

Space = str | Path | SearchSpace | Callable[["optuna.Trial"], Mapping[str, Any]] | Mapping[str, Any]
FUNCTION_OPTIONS = ("metric", "direction", "build", "test")  # what only a sweep of a function takes


def run_sweep(
    task: SweepSpec | str | Path | Train | Task | type[Task],
    display: Display | None = None,
    *,
    space: Space | None = None,
    data: Any = None,
    target: Hashable | None = None,
    metric: str | Sequence[str] | None = None,
    direction: str | Sequence[str] | None = None,
    build: Build | None = None,
    test: Score | None = None,
    language: str | None = None,
    **settings: Any,
) -> InteractiveResult:
    """Run a sweep, or continue the interrupted one of the same name.

    The Ray that it starts stays for the next sweep of this process, until ``tunelab.shutdown()``.

    Args:
        task: What is learned: a task's name or Python file (``"wine"``, ``"./train.py:train"``), a training function
            ``train(config, trial)``, a ``Task`` or its class, or a whole ``SweepSpec``.
        display: Shows what happens. When None a live table in a notebook and on a terminal, and lines elsewhere; with
            a ``SweepSpec`` nothing.
        space: The search space: a name, a Python file, a ``SearchSpace``, a function of an Optuna trial, or a dict of
            Optuna's distributions or of Ray Tune's domains.
        data: For a function anything, handed to each trial as ``trial.data``; for ``"table"`` a file, a DataFrame
            (pandas, polars, Arrow) or arrays ``(X, y)``.
        target: Column that a table is to predict, called as the DataFrame calls it.
        metric: Metric that a function's sweep optimises; default ``"val_loss"``. Several, e.g. ``["val_loss",
            "latency_ms"]``, are optimised together: the result has their Pareto front.
        direction: ``"minimize"`` (default) or ``"maximize"``, for a function; a list where there are several metrics.
        build: Makes the network of a function from a configuration, so that the winner's model can predict.
        test: Scores the winner of a function's sweep once on sealed data: ``test(model, config)`` returns metrics.
        language: ``"en"`` or ``"ko"``, of what this process shows from now on; that of the environment variable
            ``TUNELAB_LANGUAGE`` when None, else English.
        settings: Fields of ``SweepSpec``: ``trials=50``, ``max_epochs=30``, ``name=...``; others are options of the
            task.

    Returns:
        The trials, the winner with its scores and its model.

    Raises:
        UserError: Bad input; nothing is written.
        SweepFailed: An exception was raised that no code expects; trials that ended are kept.
        KeyboardInterrupt: A signal came before the search had begun.
    """
    own = {"metric": metric, "direction": direction, "build": build, "test": test}
    with _speaking(language):
        return _run_any(task, display, space, data, target, own, settings)


@contextmanager
def _speaking(language: str | None) -> Iterator[None]:
    """Choose the language, and say errors that a user can mend in it, and with the names of Python."""
    use_language(language)
    try:
        yield
    except UserError as error:
        text = in_python(tr_text(str(error)))
        raise (error if text == str(error) else UserError(text).with_traceback(error.__traceback__)) from None


def _run_any(
    task: Any,
    display: Display | None,
    space: Space | None,
    data: Any,
    target: Hashable | None,
    own: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> InteractiveResult:
    """Run a sweep of whatever ``run_sweep`` takes; ``own`` is what only a sweep of a function has."""
    if isinstance(task, SweepSpec):
        if space is not None or data is not None or settings:
            raise UserError("A SweepSpec holds everything that a sweep is given: put the other arguments into it.")
        return _run(task, InMemory(), display or Silent())
    given = {name: value for name, value in own.items() if value is not None}
    if isinstance(task, str | Path):
        values, memory = _named_task(str(task), space, settings, given, data, target)
    elif isinstance(task, Task) or (isinstance(task, type) and issubclass(task, Task)):
        values, memory = _task_object(task, space, settings)
    elif callable(task):
        if target is not None:
            raise UserError("target= belongs to a table: a training function gets all of its data as trial.data.")
        values, memory = _function(task, space, settings, given, data)
    else:
        raise wrong_task(task)
    with _display(display) as shown:
        return _run(make_spec(values), memory, shown, own["build"])


def _run(spec: SweepSpec, memory: InMemory, display: Display, build: Build | None = None) -> InteractiveResult:
    leave_other(spec.address)
    return InteractiveResult.from_result(run_resolved(resolve_sweep(spec, memory), display, keep_ray=True), build)


def _named_task(
    task: str,
    space: Space | None,
    settings: Mapping[str, Any],
    given: Mapping[str, Any],
    data: Any,
    target: Hashable | None,
) -> tuple[dict[str, Any], InMemory]:
    """Return the settings of a sweep of a task that a name or a Python file leads to, and what they cannot hold."""
    check_no_table(task)
    values, options = _split_settings(settings)
    known = {option.name for option in task_class(task).options} if options else set()
    for name in options:
        if name not in known:
            raise unknown_setting(name, f"the task '{task}'", [*SweepSpec.model_fields, "space", *sorted(known)])
    options |= given if "build" not in given and "test" not in given else _refused(given, task)
    if data is not None:
        options["data"] = _as_path(data, values.get("tracking_uri"))
    if target is not None or isinstance(data, tuple):
        options["target"] = TARGET if target is None else _as_column(target, data)
    found, values = _space(space, {**values, "task": task, "task_options": options})
    return values, InMemory(space=found)


def _task_object(
    task: Task | type[Task], space: Space | None, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], InMemory]:
    """Return the settings of a sweep of a task or its class, and the task itself."""
    values, options = _split_settings(settings)
    found, values = _space(space, values)
    instance = task if isinstance(task, Task) else _made(task, options)
    return {**values, "task": f"{FUNCTION_PREFIX}{instance.facts.name}"}, InMemory(instance, found)


def _function(
    train: Train, space: Space | None, settings: Mapping[str, Any], given: Mapping[str, Any], data: Any
) -> tuple[dict[str, Any], InMemory]:
    """Return the settings of a sweep of a training function, and the task that it becomes."""
    values, options = _split_settings(settings)
    for name in options:
        raise unknown_setting(name, "a training function", [*SweepSpec.model_fields, "data", *FUNCTION_OPTIONS])
    check_function(train)
    for name in ("build", "test"):
        if name in given and not callable(given[name]):
            raise UserError(f"{name}= must be a function, got {type(given[name]).__name__}.")
    found, values = _space(space, values)
    searched = get_space(str(space)) if isinstance(space, str | Path) else found
    task = _function_task(train, searched, data, given)
    return {**values, "task": f"{FUNCTION_PREFIX}{task.source.name}"}, InMemory(task, found)


def _split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the sweep, and those that are options of its task, also those in ``task_options``."""
    fields = {*SweepSpec.model_fields, "set"} - {"task_options"}
    spec = {name: value for name, value in settings.items() if name in fields}
    others = {name: value for name, value in settings.items() if name not in fields}
    together = others.pop("task_options", None) or {}
    if not isinstance(together, Mapping):
        raise UserError(f"task_options= must be a dict of options of the task, got {type(together).__name__}.")
    return spec, {**together, **others}


def _refused(given: Mapping[str, Any], task: str) -> dict[str, Any]:
    name = next(name for name in ("build", "test") if name in given)
    raise UserError(f"{name}= belongs to a sweep of a training function; '{task}' is a task, which needs none.")


def _space(space: Space | None, values: dict[str, Any]) -> tuple[SearchSpace | None, dict[str, Any]]:
    """Return the space where it is an object, and the settings with its name where it is one."""
    if space is None:
        return None, values
    if isinstance(space, str | Path):
        return None, {**values, "space": str(space)}
    return as_space(space, "space="), values


def _made(task: type[Task], options: Mapping[str, Any]) -> Task:
    try:
        return task(**options)
    except TypeError as error:
        raise UserError(f"The task {task.__name__} cannot be made: {error}.") from error


def _function_task(task: Any, space: SearchSpace | None, data: Any, given: Mapping[str, Any]) -> Any:
    from trainables.base.contract.objective import make_objectives
    from trainables.base.functions.task import FunctionOptions, FunctionTask

    if space is None:
        raise UserError(
            "A training function needs space=: a function of an Optuna trial that returns the configuration, e.g. "
            "space=lambda trial: {'lr': trial.suggest_float('lr', 1e-4, 1e-1, log=True)}."
        )
    first, *further = make_objectives(given.get("metric"), given.get("direction"))
    options = FunctionOptions(first, tuple(further), data, given.get("build"), given.get("test"))
    return FunctionTask(task, space, options)


def _as_column(target: Hashable, data: Any) -> Hashable:
    """Return a column of data in memory as the file that it becomes calls it."""
    return target if data is None or isinstance(data, str | Path) else column_name(target)


def _as_path(data: Any, tracking_uri: str | None) -> str:
    """Return a file's path; data in memory becomes a file beside the store."""
    if isinstance(data, str | Path):
        return str(data)
    return str(keep_frame(data, store_home(tracking_uri)))


@contextmanager
def _display(display: Display | None) -> Iterator[Display]:
    if display is not None:
        yield display
    elif in_notebook():
        cell = NotebookDisplay()
        try:
            yield cell
        finally:
            cell.close()
            sys.stdout.flush()
    else:
        with make_display() as shown:
            yield shown
