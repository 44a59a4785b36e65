"""The speed benchmark: contest, loop, control, proposals, into one folder with a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import lockfile
from benchmarks.speed import loop
from benchmarks.speed.contest import Run, competitors, run_contest, to_json
from benchmarks.speed.control import WINDOW, Control, read_control
from benchmarks.speed.proposing import Proposing, measure_proposing
from search_spaces.errors import UserError

RUNS = "runs.json"
REPORT = "report.html"


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
    """What was measured; ``left_out`` names what was not."""

    request: Request
    runs: dict[tuple[str, int], list[Run]] = field(default_factory=dict)
    loops: dict[str, list[loop.Timing]] = field(default_factory=dict)
    controls: list[Control] = field(default_factory=list)
    proposing: list[Proposing] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def run(request: Request, folder: Path, say: Callable[[str], None]) -> Results:
    """Measures everything and writes lock, raw figures and report; raises ``UserError`` for what cannot be measured."""
    check(request)
    results = Results(request)
    chosen = competitors(request.competitors, results.left_out.append)
    for text in results.left_out:
        say(text)
    folder.mkdir(parents=True, exist_ok=True)
    lock: dict[str, Any] = {
        "kind": "speed",
        "schema": lockfile.SCHEMA,
        "status": "running",
        "resolved": asdict(request),
        "provenance": lockfile.provenance(),
        "results": {},
    }
    lockfile.write_lock(folder, lock)
    for task in request.tasks:
        for trials in request.trials:
            results.runs[task, trials] = run_contest(
                task,
                trials,
                request.max_epochs,
                request.rounds,
                chosen,
                concurrency=request.concurrency,
                device=request.device,
                say=say,
            )
    if request.loop_rounds:
        say("the training loop alone")
        results.loops.update(measure_loops(request))
    if request.control_trials:
        say(f"control: {request.control_trials} instant trials, with and without tracking")
        results.controls.extend(measure_controls(request.control_trials))
        results.proposing.extend(measure_proposing())
    raw = {f"{task} x {trials}": json.loads(to_json(runs)) for (task, trials), runs in results.runs.items()}
    raw |= {"control": [asdict(c) for c in results.controls], "proposing": [asdict(p) for p in results.proposing]}
    (folder / RUNS).write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    from benchmarks.speed.report import make_speed_document
    from tunelab.report.report import write_document

    write_document(make_speed_document(results, lock["provenance"]), folder / REPORT)
    lock |= {"status": "complete", "results": {RUNS: lockfile.sha256_file(folder / RUNS)}}
    lockfile.write_lock(folder, lock)
    return results


def check(request: Request) -> None:
    """Raises ``UserError`` before anything starts."""
    if sys.platform != "linux":
        raise UserError("tunelab bench speed reads /proc, so it runs on Linux only.")
    if request.device not in ("cpu", "cuda"):
        raise UserError(f"--device must be cpu or cuda, got '{request.device}'.")
    if request.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError("--device cuda: torch sees no GPU on this machine.")
    if request.control_trials and request.control_trials < 2 * WINDOW:
        raise UserError(f"--control-trials must be 0 or at least {2 * WINDOW}, got {request.control_trials}.")
    from trainables import get_task

    for name in request.tasks:
        if get_task(name).facts.kind != "regression":
            raise UserError(f"--tasks: the documentation's loop is written for regression, and {name} is none.")


def measure_loops(request: Request) -> dict[str, list[loop.Timing]]:
    """The training loop alone, by workload, on one thread."""
    from trainables.base.training.compute import cpu_threads

    with cpu_threads(1):
        return {w.name: loop.measure(w, request.loop_rounds, request.device) for w in loop.WORKLOADS}


def measure_controls(trials: int) -> list[Control]:
    """Sweeps of instant trials, each in a process of its own: without and with tracking."""
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
