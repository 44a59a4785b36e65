"""The winner's figures, drawn by another process while the evaluation continues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search_spaces.errors import describe_error
from tunelab.figures.charts import Drawing
from tunelab.figures.drawings import model_drawings
from tunelab.figures.evidence import Evidence
from tunelab.figures.features import feature_drawings, importance_drawing
from tunelab.figures.worker import FigureProcess
from tunelab.records.assessment.importance import Importance


class WinnerFigures:
    """Draws the figures of a winner; a figure that cannot be drawn is logged and does not end the evaluation.

    Args:
        evidence: What is drawn; nothing is drawn when None.
        figure_process: Draws.
        folder: Where the figures are written.
        log: Shows a line to the user.
    """

    def __init__(
        self, evidence: Evidence | None, figure_process: FigureProcess, folder: Path, log: Callable[[str], None]
    ) -> None:
        self._evidence = evidence
        self._figure_process = figure_process
        self._folder = folder
        self._log = log
        self._model: list[Drawing] = []
        self._columns: list[Drawing] = []

    def begin(self) -> None:
        """Begin to draw what is known before the importance of columns."""

        def make(evidence: Evidence) -> list[Drawing]:
            self._model, self._columns = model_drawings(evidence), feature_drawings(evidence)
            return [*self._model, *self._columns]

        self._draw(make)

    def complete(self, importance: Importance | None, title: str, subtitle: str) -> None:
        """Begin to draw the rest, and the page with all figures."""

        def make(evidence: Evidence) -> list[Drawing]:
            more = importance_drawing(importance, evidence)
            return [*self._model, *([] if more is None else [more]), *self._columns]

        self._draw(make, title, subtitle)

    def wait(self) -> None:
        """Wait until the folder holds all figures."""
        problem = self._figure_process.wait()
        if problem:
            self._failed(problem)
        if self._figure_process.advice:
            self._log(self._figure_process.advice)

    def _draw(self, make: Callable[[Evidence], list[Drawing]], *texts: str) -> None:
        if self._evidence is None:
            return
        try:
            self._figure_process.draw(make(self._evidence), self._folder, *texts)
        except Exception as problem:  # noqa: BLE001 logged: no figure is worth a long search's results
            self._failed(describe_error(problem, whole=False))

    def _failed(self, problem: str) -> None:
        self._log(f"not all figures could be drawn: {problem}")
