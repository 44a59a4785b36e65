"""Whether a task can be sent to workers, and which of the values that it uses cannot."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import partial
from typing import Any

from search_spaces.errors import UserError, describe_error
from trainables.base.contract.task import Task
from trainables.base.contract.trainable import send_by_value

MAX_DEPTH = 8  # functions that use functions
DATA = {
    ("numpy", "ndarray"),
    ("pandas", "DataFrame"),
    ("pandas", "Series"),
    ("polars", "DataFrame"),
    ("torch", "Tensor"),
}


def check_sending(task: Task) -> None:
    """Check that a task of a user's own can be sent to workers.

    Raises:
        UserError: it uses something that cannot, such as a lock or the connection to a database.
    """
    send_by_value(task)
    problem = _sending_problem(task)
    if problem is None:
        return
    name, value = _cause(task, task.facts.name)
    raise UserError(
        f"'{name}', of type {type(value).__qualname__}, cannot be sent to the processes that train "
        f"({describe_error(problem, whole=False)}). Make it inside the training function, or give what it is made "
        "from, such as a path."
    )


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, content: Any) -> int:
        return len(content)


def _is_data(value: object) -> bool:
    kind = type(value)
    return (kind.__module__.partition(".")[0], kind.__name__) in DATA


def _sending_problem(value: object) -> Exception | None:
    from ray.cloudpickle import CloudPickler

    class Check(CloudPickler):  # type: ignore[misc, unused-ignore]
        """Leaves data out, which may have gigabytes."""

        def persistent_id(self, value: object) -> str | None:
            return "data" if _is_data(value) else None

    try:
        Check(_Nowhere(), protocol=5).dump(value)
    except Exception as problem:  # noqa: BLE001 each class raises what it likes where it cannot be pickled
        return problem
    return None


def _cause(value: object, name: str, depth: int = 0) -> tuple[str, object]:
    """Return the name and value that a user wrote and that cannot be sent."""
    if depth < MAX_DEPTH:
        for part, inner in _parts(value).items():
            if _sending_problem(inner) is not None:
                return _cause(inner, part, depth + 1)
    return name, value


def _parts(value: object) -> Mapping[str, object]:
    """Return what a task, a function or a partial is made of, by name; nothing of objects that libraries made."""
    if isinstance(value, partial):
        return {"func": value.func, **{f"args[{i}]": a for i, a in enumerate(value.args)}, **value.keywords}
    if inspect.ismethod(value):
        return {"func": value.__func__, "self": value.__self__}
    if inspect.isfunction(value):
        variables = inspect.getclosurevars(value)
        return {**variables.globals, **variables.nonlocals}
    if isinstance(value, Task) or (is_dataclass(value) and not isinstance(value, type)):
        return vars(value)
    return {}
