"""A process that draws beside the sweep's own: pictures take seconds, and so does what is logged meanwhile."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Any

from search_spaces.errors import describe_error
from tunelab.figures.charts import Drawing

# It looks for modules where this process does. Run with -m it would look in the user's folder first; a process of
# multiprocessing would import the user's script a second time.
COMMAND = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from tunelab.figures.worker import main
main()
"""
PATIENCE_SECONDS = 10.0  # for the process to end by itself


class FigureProcess:
    """Draws in a process of its own, at low priority, while this one continues.

    The process is started once and loads what drawing needs before it is needed. Signals to the terminal's group
    do not reach it; it ends with its pipe, however this process ends.

    Attributes:
        advice: what would make figures better, one line; empty for nothing. Known after ``wait``.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._asked = 0
        self.advice = ""

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process unless it runs."""
        if self._process is None:
            self._errors = TemporaryFile()  # noqa: SIM115 closed with the process
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
            self._send(sys.path)
        return self._process

    def draw(self, drawings: Sequence[Drawing], folder: Path, title: str = "", subtitle: str = "") -> None:
        """Request a ``<name>.png`` for each drawing that has none yet, and with a title the page with all of them.

        Returns at once; ``wait`` tells when it is done.
        """
        self.start()
        self._asked += 1
        self._send((list(drawings), folder, title, subtitle))

    def wait(self) -> str:
        """Wait for all requested drawings; return what went wrong, empty for nothing."""
        problems = []
        while self._asked:
            answers = self.start().stdout
            assert answers is not None
            self._asked -= 1
            try:
                problem, advice = pickle.load(answers)  # our own process, over a pipe
                problems.append(problem)
                self.advice = self.advice or advice
            except (EOFError, pickle.UnpicklingError):
                problems.append(self._death())
                self._asked = 0
        return "; ".join(problem for problem in problems if problem)

    def close(self) -> None:
        """End the process; what it has not drawn stays undrawn."""
        if self._process is None:
            return
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with suppress(BrokenPipeError):  # it is dead, and what was buffered for it with it
                    stream.close()
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._errors = None

    def _send(self, value: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died: ``wait`` tells of what
            pickle.dump(value, self._process.stdin)
            self._process.stdin.flush()

    def _death(self) -> str:
        assert self._process is not None
        assert self._errors is not None
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the process that draws ended with {code}" + (f": {lines[-1]}" if lines else "")


def main() -> None:
    """Run the process: read what ``draw`` sends, answer with what went wrong, end with standard input."""
    if hasattr(os, "nice"):
        os.nice(10)  # trials come first
    jobs: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(jobs,), daemon=True).start()  # so that the sender never waits for a drawing
    from tunelab.figures.drawings import write_drawings

    while (job := jobs.get()) is not None:
        problem = advice = ""
        try:
            advice = write_drawings(*job)
        except Exception as error:  # noqa: BLE001 told to the sweep, which says it to the user
            problem = describe_error(error)
        sys.stdout.buffer.write(pickle.dumps((problem, advice)))
        sys.stdout.buffer.flush()


def _receive(jobs: SimpleQueue[Any]) -> None:
    while True:
        try:
            jobs.put(pickle.load(sys.stdin.buffer))  # from the process that started this one
        except (EOFError, pickle.UnpicklingError):  # its end, between two jobs or within one
            jobs.put(None)
            return
