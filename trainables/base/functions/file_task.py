"""A training function in a Python file as a task class: ``tunelab sweep train.py:train``."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces import as_space
from trainables.base.contract.objective import DIRECTIONS, METRIC, make_objectives
from trainables.base.contract.options import TaskOption
from trainables.base.functions.task import FunctionOptions, FunctionTask, Train


def function_task_class(function: Train, space: object, path: str) -> type[FunctionTask]:
    """Return a task class for a function of a file, which is made from options of the command line.

    Args:
        function: ``function(config, trial)``.
        space: what the file defines as ``space``; None when it defines none.
        path: of the file, for messages.
    """
    own = None if space is None else as_space(space, f"'space' in '{path}'")

    class FileFunction(FunctionTask):
        options = (
            TaskOption(
                "metric",
                "Metric that the function reports and the sweep optimises; repeat it for several objectives.",
                repeatable=True,
                default=METRIC,
            ),
            TaskOption(
                "direction",
                "Whether lower or higher is better; repeat it, one for each metric.",
                choices=DIRECTIONS,
                repeatable=True,
                default="minimize",
            ),
        )

        def __init__(
            self, metric: str | Sequence[str] | None = None, direction: str | Sequence[str] | None = None
        ) -> None:
            first, *further = make_objectives(metric, direction)
            super().__init__(function, own, FunctionOptions(first, tuple(further)))

        def __reduce__(self) -> tuple[object, ...]:
            return FunctionTask, (function, own, self.function_options)

    return FileFunction
