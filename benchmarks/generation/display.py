"""What a run shows on the terminal: a bar with time left and tokens a second."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Quiet:
    """Shows nothing."""

    def start(self, total: int, done: int) -> None:
        """Nothing."""

    def step(self, tokens: int, finished: int) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""


class Terminal:
    """A progress bar on standard error; plain lines where that is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._tokens, self._began = 0, 0.0

    def start(self, total: int, done: int) -> None:
        """``done`` of ``total`` samples are there already."""
        self._tokens, self._began = 0, time.monotonic()
        if done == total:
            self.console.print(f"All {total:,} samples are there.")
            return
        if done:
            self.console.print(f"Going on: {done:,} of {total:,} samples are there.")
        self._progress = Progress(
            TextColumn("Samples"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>7,.0f} tokens/s"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._progress.add_task("samples", total=total, completed=done, rate=0.0)
        self._progress.start()

    def step(self, tokens: int, finished: int) -> None:
        """``tokens`` were made and ``finished`` samples ended since the last call."""
        self._tokens += tokens
        if self._progress:
            rate = self._tokens / max(time.monotonic() - self._began, 1e-9)
            self._progress.update(self._task, advance=finished, rate=rate)

    def say(self, text: str) -> None:
        """A new stage begins."""
        self.console.print(text)

    def stop(self) -> None:
        """The samples are done, or were interrupted."""
        if self._progress:
            self._progress.stop()
            self._progress = None
