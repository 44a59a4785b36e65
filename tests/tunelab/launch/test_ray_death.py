"""Ray's own processes die: the sweep ends in order, and what needs no Ray any more continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.drivers import journal_lines, wait_until
from tests.tunelab.launch.test_ray_start import CODE, environment
from tunelab.launch.ray_internals import watch
from tunelab.launch.ray_internals.parts import patches_on
from tunelab.launch.ray_internals.watch import run_watched
from tunelab.system.errors import RayLost
from tunelab.tracking.store import Store

SLOW_TASK = """
import time
from tests.toys import Toy


class Slow(Toy):
    def __init__(self, **options):
        super().__init__(pause=0.3, **options)

    def predictor(self, *arguments, **options):
        time.sleep({evaluation})
        return super().predictor(*arguments, **options)
"""


class FakeRay:
    """A module with a raylet that is a process, and notes of what it was told."""

    def __init__(self) -> None:
        command = ["/somewhere/raylet", "-c", "input()", f"--session_dir=/nowhere/session_now_{os.getpid()}"]
        self.process = subprocess.Popen(command, executable=sys.executable, stdin=subprocess.PIPE)
        self._private = SimpleNamespace(auto_init_hook=SimpleNamespace(enable_auto_connect=True))
        self.down = 0

    def shutdown(self) -> None:
        self.down += 1


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Ray whose raylet is another process; the real one that other tests may have in this process is left alone."""
    fake = FakeRay()
    monkeypatch.setattr(watch, "own_processes", lambda: {"raylet": psutil.Process(fake.process.pid)})
    monkeypatch.setattr(watch, "own_sessions", list)
    yield fake
    fake.process.kill()
    fake.process.communicate()


def test_what_needs_ray_gives_its_end_or_its_exception(ray: Any) -> None:
    done: list[int] = []
    run_watched(lambda: done.append(1), done.append, ray)  # type: ignore[arg-type]
    assert done == [1]

    def fail() -> None:
        raise ZeroDivisionError("in the thread")

    with pytest.raises(ZeroDivisionError, match="in the thread"):
        run_watched(fail, done.append, ray)  # type: ignore[arg-type]
    assert ray.down == 0


def test_a_raylet_that_dies_is_an_event(ray: Any) -> None:
    """Also where the call that needs it never comes back."""
    told: list[Exception] = []

    def act() -> None:
        ray.process.kill()
        time.sleep(600)

    with pytest.raises(RayLost, match="Ray's process 'raylet' ended"):
        run_watched(act, told.append, ray)
    assert [type(problem) for problem in told] == [RayLost]
    assert ray.down == 1
    assert ray._private.auto_init_hook.enable_auto_connect is not patches_on()


def test_a_signal_reaches_the_main_thread_and_what_runs_is_told(ray: Any) -> None:
    told: list[Exception] = []

    def act() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        while not told:
            time.sleep(0.01)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            run_watched(act, told.append, ray)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(told) == 1


def test_the_part_that_ended_first_is_named_by_all_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {part: FakeRay() for part in watch.PARTS}
    processes = {part: psutil.Process(one.process.pid) for part, one in parts.items()}
    monkeypatch.setattr(watch, "own_processes", lambda: processes)
    first, second = watch.make_look(parts["raylet"]), watch.make_look(parts["raylet"])
    assert (first(), second()) == ("", "")
    parts["raylet"].process.kill()
    assert wait_until(lambda: first() == "raylet")
    parts["gcs_server"].process.kill()  # as the one that saw it does
    parts["gcs_server"].process.wait()
    assert second() == "raylet"
    parts["raylet"].process.wait()


def begin(folder: Path, evaluation: float, *options: str) -> subprocess.Popen[str]:
    (folder / "slow.py").write_text(SLOW_TASK.format(evaluation=evaluation))
    command = [sys.executable, "-c", CODE, "sweep", "slow.py", "--name", "s", "--confirm-top", "0", *options]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment())


def kill_part(process: subprocess.Popen[str], part: str) -> int:
    """Kills the processes of a driver's Ray with this name and says how many there were."""
    killed = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if f"/{part} " in words and f"_{process.pid}" in words:
            os.kill(int(path.parent.name), signal.SIGKILL)
            killed += 1
    return killed


@pytest.mark.slow
@pytest.mark.parametrize("part", ["raylet", "gcs_server"])
def test_a_sweep_whose_ray_dies_ends_in_order_and_is_resumed(tmp_path: Path, part: str) -> None:
    process = begin(tmp_path, 0.0, "--trials", "4", "--max-epochs", "9", "--scheduler", "none")
    assert wait_until(lambda: journal_lines(tmp_path, "s") > 5)
    assert kill_part(process, part) == 1
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1, said
    assert f"RayLost: Ray's process '{part}' ended" in said
    assert "Traceback" not in said
    store = Store(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    (parent,) = store.sweeps()
    assert parent.info.status == "FAILED"
    assert {run.info.status for run in store.children(parent.info.run_id).values()} <= {"FINISHED", "KILLED"}
    again = subprocess.run([sys.executable, "-c", CODE, "resume", "s"], cwd=tmp_path, check=False, env=environment())
    assert again.returncode == 0
    assert store.run(parent.info.run_id).info.status == "FINISHED"


@pytest.mark.slow
def test_an_evaluation_needs_no_ray(tmp_path: Path) -> None:
    process = begin(tmp_path, 2.0, "--trials", "2", "--max-epochs", "2")
    journal = tmp_path / "mlruns" / "sweeps" / "s" / "journal.jsonl"
    assert wait_until(lambda: journal.exists() and journal.read_text().count('"event": "ended"') == 2)
    time.sleep(1.0)
    kill_part(process, "raylet")  # when it has not been let go already
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
