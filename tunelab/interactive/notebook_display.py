"""The live table of a sweep in a notebook's cell: HTML that replaces itself, twice a second at most."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from trainables import Splits, Task
from tunelab.display.display import failed_text, headline
from tunelab.interactive.fragment import progress_html
from tunelab.records.measure import Measure
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.system.language import tr_plural
from tunelab.system.texts import tr_text

REFRESH_SECONDS = 0.5


def in_notebook() -> bool:
    """Return True in a Jupyter kernel (also that of VS Code), where cells can show HTML."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


class NotebookDisplay:
    """Shows a sweep in the cell that runs it."""

    def __init__(self) -> None:
        shown: Any = importlib.import_module("IPython.display")  # untyped
        self._html = shown.HTML
        self._handle = shown.display(shown.HTML(""), display_id=True)
        self._title, self._head, self._note = "", "", ""
        self._measure = Measure()
        self._trials: list[TrialRecord] = []
        self._shown = 0.0

    def started(self, spec: SweepSpec, task: Task, splits: Splits, concurrency: int) -> None:
        """Show what runs."""
        self._title, self._note = str(spec.name), ""
        self._measure = Measure.from_facts(task.facts)
        self._head = " · ".join(headline(spec, task, splits, concurrency)[:2])
        self._update()

    def progress(self, trials: list[TrialRecord]) -> None:
        """Show the trials, unless the last picture is recent."""
        self._trials = trials
        if time.monotonic() - self._shown > REFRESH_SECONDS:
            self._update()

    def step(self, text: str) -> None:
        """Show a step of the beginning or the end."""
        self._note = tr_text(text)
        self._update()

    def close(self) -> None:
        """Empty the cell: the result that follows shows itself."""
        self._handle.update(self._html(""))

    def _update(self) -> None:
        self._shown = time.monotonic()
        ended = sum(t.status != TrialStatus.RUNNING for t in self._trials)
        count = tr_plural("{count} trial ended", "{count} trials ended", ended, count=ended) if self._trials else ""
        page = progress_html(
            self._title, [self._head, count, failed_text(self._trials), self._note], self._trials, self._measure
        )
        self._handle.update(self._html(page))
