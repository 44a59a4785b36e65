"""What the end of a sweep needs and takes seconds to load: it loads while workers train."""

from __future__ import annotations

from importlib import import_module
from threading import Thread

from tunelab.figures.worker import FigureProcess

EVALUATION = ("tunelab.evaluation.evaluate",)
TRACKED = ("skops.io", "tunelab.report.report")


class LoadingAhead:
    """Loads modules and starts the process for figures, in a thread.

    Args:
        figure_process: Draws the figures of a tracked sweep.
        tracked: True if the sweep writes a report.

    Attributes:
        figure_process: Draws the figures.
    """

    def __init__(self, figure_process: FigureProcess, *, tracked: bool) -> None:
        self.figure_process = figure_process
        self._tracked = tracked
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
        for name in (*EVALUATION, *TRACKED) if self._tracked else EVALUATION:
            import_module(name)
