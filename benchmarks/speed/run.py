"""The speed benchmark: contest, loop, control, proposals, into one folder with a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.lockfile import Lock
from benchmarks.harness.suite import REPORT, Notify, Suite, run_suite
from benchmarks.speed import loop
from benchmarks.speed.contest import Run, competitors, run_contest, to_json
from benchmarks.speed.control import WINDOW, Control, read_control
from benchmarks.speed.proposing import Proposing, measure_proposing
from search_spaces.errors import UserError
from tunelab.documents.blocks import Document

__all__ = ["REPORT", "Request", "Results", "SpeedSuite", "run"]

RUNS = "runs.json"


@dataclass(frozen=True)
class Request:
    """What is measured.

    Attributes:
        tasks: of the contest.
        trials: sizes of the contest's sweeps.
        max_epochs: budget of a trial.
        rounds: goes of each competitor on each task.
        competitors: by key; all when empty.
        concurrency: trials at once.
        device: ``"cpu"`` or ``"cuda"``.
        control_trials: instant trials that show the cost of control; 0 leaves that part out.
        loop_rounds: rounds of the training loop alone; 0 leaves that part out.
    """

    tasks: tuple[str, ...]
    trials: tuple[int, ...]
    max_epochs: int
    rounds: int
    competitors: tuple[str, ...]
    concurrency: int
    device: str
    control_trials: int
    loop_rounds: int


@dataclass(frozen=True)
class Results:
    """All that a report shows.

    Attributes:
        request: what was asked for.
        runs: of the contest, by task and size of the sweep.
        loops: the training loop alone, by workload.
        controls: sweeps of instant trials.
        proposing: what a proposal costs, by trials known.
        left_out: what was not measured, and why.
        lock: what fixed it.
    """

    request: Request
    runs: Mapping[tuple[str, int], list[Run]] = field(default_factory=dict)
    loops: Mapping[str, list[loop.Timing]] = field(default_factory=dict)
    controls: Sequence[Control] = ()
    proposing: Sequence[Proposing] = ()
    left_out: Sequence[str] = ()
    lock: Lock = field(default_factory=dict)


class SpeedSuite(Suite[Results]):
    """The benchmark of speed: contest, training loop alone, control, proposals.

    Args:
        request: what is asked for.

    Raises:
        UserError: it cannot be measured here.
    """

    kind = "speed"
    continues = False

    def __init__(self, request: Request) -> None:
        check(request)
        self._request = request

    @classmethod
    def from_lock(cls, lock: Lock) -> SpeedSuite:
        asked = lock["resolved"]
        lists = {name: tuple(asked[name]) for name in ("tasks", "trials", "competitors")}
        return cls(Request(**{**asked, **lists}))

    def resolved(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self._request)))
        return plain

    def measure(self, folder: Path, lock: Lock, notify: Notify) -> Results:
        request = self._request
        left_out: list[str] = []
        chosen = competitors(request.competitors, left_out.append)
        for text in left_out:
            notify(text)
        contest = partial(run_contest, concurrency=request.concurrency, device=request.device, notify=notify)
        runs = {
            (task, trials): contest(task, trials, request.max_epochs, request.rounds, chosen)
            for task in request.tasks
            for trials in request.trials
        }
        loops: Mapping[str, list[loop.Timing]] = {}
        if request.loop_rounds:
            notify("the training loop alone")
            loops = measure_loops(request)
        controls: list[Control] = []
        proposing: list[Proposing] = []
        if request.control_trials:
            notify(f"control: {request.control_trials} instant trials, with and without tracking")
            controls, proposing = measure_controls(request.control_trials), measure_proposing()
        return Results(request, runs, loops, controls, proposing, left_out, lock)

    def write(self, folder: Path, results: Results) -> list[str]:
        raw = {f"{task} x {trials}": json.loads(to_json(runs)) for (task, trials), runs in results.runs.items()}
        raw |= {"control": [asdict(c) for c in results.controls], "proposing": [asdict(p) for p in results.proposing]}
        (folder / RUNS).write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        return [RUNS]

    def document(self, results: Results) -> Document:
        from benchmarks.speed.report import make_speed_document

        return make_speed_document(results)


def run(request: Request, folder: Path, notify: Notify) -> Results:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(SpeedSuite(request), folder, notify)


def check(request: Request) -> None:
    """Raise ``UserError`` before anything starts."""
    if sys.platform != "linux":
        raise UserError("tunelab bench speed finds processes by their environment, so it runs on Linux only.")
    if request.device not in ("cpu", "cuda"):
        raise UserError(f"--device must be cpu or cuda, got '{request.device}'.")
    if request.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError("--device cuda: torch sees no GPU on this machine.")
    if request.control_trials and request.control_trials < 2 * WINDOW:
        raise UserError(f"--control-trials must be 0 or at least {2 * WINDOW}, got {request.control_trials}.")
    from trainables import get_task
    from trainables.base.kinds.kind import RowKind
    from trainables.base.kinds.registry import kind_of

    for name in request.tasks:
        kind = kind_of(get_task(name).facts.kind)
        if not isinstance(kind, RowKind) or kind.classifies:
            raise UserError(f"--tasks: the documentation's loop is written for regression, and {name} is none.")


def measure_loops(request: Request) -> dict[str, list[loop.Timing]]:
    """Time the training loop alone, by workload, on one thread."""
    from trainables.base.training.compute import cpu_threads

    with cpu_threads(1):
        return {w.name: loop.measure(w, request.loop_rounds, request.device) for w in loop.WORKLOADS}


def measure_controls(trials: int) -> list[Control]:
    """Run sweeps of instant trials, each in a process of its own: without and with tracking."""
    found = []
    for options in (["--untracked"], []):
        found.append(_control(trials, options))
    return found


def _control(trials: int, options: Sequence[str]) -> Control:
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryDirectory(prefix="tunelab-control-") as place:
        out = Path(place) / "control.json"
        work = Path(place) / "work"
        work.mkdir()
        command = [sys.executable, "-m", "benchmarks.speed.control", str(trials), str(out), *options]
        done = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the sweep of instant trials failed:\n{done.stderr[-3000:]}")
        return read_control(out)
