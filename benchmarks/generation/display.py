"""What a run shows on the terminal: a bar with time left and tokens a second."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.theme import Theme

from tunelab.system.language import tr
from tunelab.system.terminal import printable, stream_below
from tunelab.system.texts import tr_text

# Rich's own green and cyan cannot be read on white.
PLAIN = Theme(dict.fromkeys(("progress.download", "progress.remaining"), "none"))


class Quiet:
    """Shows nothing."""

    def start(self, what: str, total: int, done: int) -> None:
        """Do nothing."""

    def step(self, tokens: int, finished: int) -> None:
        """Do nothing."""

    def notify(self, text: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Terminal:
    """A progress bar on standard error; plain lines where that is not a terminal."""

    def __init__(self) -> None:
        self.console = Console(file=stream_below(sys.stderr), emoji=False, highlight=False, theme=PLAIN)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._tokens, self._began = 0, 0.0

    def start(self, what: str, total: int, done: int) -> None:
        """``done`` of ``total`` samples, trials or speeds, as ``what`` names them, are there already."""
        self._tokens, self._began = 0, time.monotonic()
        if done == total:
            self.console.print(tr("{what}: all {total:,} are there.", what=what, total=total))
            return
        if done:
            self.console.print(
                tr("Continuing. {what}: {done:,} of {total:,} are there.", what=what, done=done, total=total)
            )
        self._progress = Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._progress.add_task(what, total=total, completed=done, rate="")
        self._progress.start()

    def step(self, tokens: int, finished: int) -> None:
        """``tokens`` were made and ``finished`` of what the bar counts were done since the last call."""
        self._tokens += tokens
        if self._progress:
            rate = self._tokens / max(time.monotonic() - self._began, 1e-9)
            shown = tr("{rate:>7,.0f} tokens/s", rate=rate) if self._tokens else ""
            self._progress.update(self._task, advance=finished, rate=shown)

    def notify(self, text: str) -> None:
        """Announce a new stage."""
        self.console.print(printable(tr_text(text)), markup=False)

    def stop(self) -> None:
        """Remove the progress bar, when its work is done or interrupted."""
        if self._progress:
            self._progress.stop()
            self._progress = None
