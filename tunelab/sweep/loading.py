"""What the end of a sweep needs and takes seconds to load: it loads while workers train."""

from __future__ import annotations

from importlib import import_module
from threading import Thread

from trainables import TabularTask, Task
from tunelab.figures.worker import FigureProcess

EVALUATION = ("tunelab.evaluation.evaluate",)
TRACKED = ("tunelab.report.report",)
OF_TABLES = ("skops.io",)  # keeps what was fitted to columns; it loads all of scikit-learn, and torch


class LoadingAhead:
    """Loads modules and starts the process for figures, in a thread.

    Args:
        figure_process: Draws the figures of a tracked sweep.
        task: What the sweep learns.
        tracked: True if the sweep writes a report.

    Attributes:
        figure_process: Draws the figures.
    """

    def __init__(self, figure_process: FigureProcess, task: Task, *, tracked: bool) -> None:
        self.figure_process = figure_process
        self._tracked = tracked
        self._modules = (*EVALUATION, *(TRACKED if tracked else ()))
        if tracked and isinstance(task, TabularTask):
            self._modules += OF_TABLES
        self._thread = Thread(target=self._load, name="loading", daemon=True)

    def start(self) -> None:
        """Begin; call it once."""
        self._thread.start()

    def wait(self) -> None:
        """Return when all is loaded: imports change the filters of warnings, on which the end relies."""
        if self._thread.is_alive():
            self._thread.join()

    def _load(self) -> None:
        if self._tracked:
            self.figure_process.start()
        for name in self._modules:
            import_module(name)
