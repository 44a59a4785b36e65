"""The process that draws: gives what drawing here gives, tells of what fails, and never outlives its sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tunelab.figures.charts import Chart, Drawing, Line
from tunelab.figures.drawings import write_drawings
from tunelab.figures.worker import FigureProcess

DEADLINE = 60.0
PARENT = """
import time
from tunelab.figures.worker import FigureProcess
print(FigureProcess().start().pid, flush=True)
time.sleep(99)
"""


@pytest.fixture
def figure_process() -> Iterator[FigureProcess]:
    """A process of the test's own, which loads drawing for itself."""
    made = FigureProcess()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[FigureProcess]:
    """A process that has loaded drawing once."""
    made = FigureProcess()
    yield made
    made.close()


def drawing(name: str, points: int = 20) -> Drawing:
    x = np.arange(points, dtype=np.float64)
    return Drawing(name, f"{name} 곡선", [Chart([Line(x, x**2, "손실")], "epoch", "loss")])


def ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that is not collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_draws_as_this_process_would_also_when_asked_twice(shared: FigureProcess, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    both = [drawing("first", 10_000), drawing("second")]  # more than a pipe holds
    shared.draw(both[:1], there)
    shared.draw(both, there, "제목", "subtitle")
    assert shared.wait() == ""
    write_drawings(both, here, "제목", "subtitle")
    files = {path.name: path.read_bytes() for path in there.iterdir()}
    assert files == {path.name: path.read_bytes() for path in here.iterdir()}
    assert set(files) == {"first.png", "second.png", "figures.html"}


def test_ignores_modules_in_the_users_folder(
    figure_process: FigureProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sweeps", "matplotlib", "queue"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user')")
    monkeypatch.chdir(tmp_path)
    figure_process.draw([drawing("one")], tmp_path)
    assert figure_process.wait() == ""


def test_what_cannot_be_drawn_is_told_and_the_next_is_drawn(shared: FigureProcess, tmp_path: Path) -> None:
    shared.draw([drawing("one")], tmp_path / "missing")
    shared.draw([drawing("two")], tmp_path)
    assert "FileNotFoundError" in shared.wait()
    assert (tmp_path / "two.png").exists()


def test_a_killed_process_is_told(figure_process: FigureProcess, tmp_path: Path) -> None:
    os.kill(figure_process.start().pid, signal.SIGKILL)
    for _ in range(3):
        figure_process.draw([drawing("one", 10_000)], tmp_path)
    assert "ended with -9" in figure_process.wait()


def test_ends_with_close_and_with_the_process_that_started_it() -> None:
    figure_process = FigureProcess()
    pid = figure_process.start().pid
    assert not ended(pid)
    figure_process.close()
    assert ended(pid)
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    limit = time.monotonic() + DEADLINE
    while not ended(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert ended(pid)
