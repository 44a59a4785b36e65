"""Runs a benchmark on recorded learning curves: keeps what is done when interrupted, then results, lock and report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.harness import lockfile
from benchmarks.harness.jsonl import append_line, read_lines
from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.methods import make_searcher
from benchmarks.search.arena.ranks import ArenaRanking, rank_methods
from benchmarks.search.arena.simulate import ArenaTrace, Simulation
from benchmarks.search.arena.spec import ArenaSpec, check_arena
from trainables.base.training.compute import cpu_threads
from tunelab.records.seeds import derive_seed

DONE, RESULTS = "searches.jsonl", "results.json"
REPORT = "report.html"
PACKAGES = ("optuna", "ray", "syne-tune", "smac", "neural-pipeline-search", "onnxruntime", "scikit-learn", "numpy")


@dataclass(frozen=True)
class ArenaResults:
    """All that a report shows.

    Attributes:
        spec: what was asked.
        tasks: what was searched.
        traces: every search, in the spec's order.
        rankings: of the methods, by number of workers, budget and split.
        lock: what fixed the numbers.
    """

    spec: ArenaSpec
    tasks: tuple[CurveTask, ...]
    traces: tuple[ArenaTrace, ...]
    rankings: tuple[ArenaRanking, ...]
    lock: Mapping[str, Any]


def run_arena(spec: ArenaSpec, folder: Path, notify: Callable[[str], None]) -> ArenaResults:
    """Simulate what is not yet done in ``folder`` and write results, lock and report there.

    Raises:
        UserError: the spec is wrong, or the folder holds another benchmark.
        KeyboardInterrupt: searches made so far are kept; the same call continues from them.
    """
    tasks = check_arena(spec)
    resolved = {"spec": spec.to_json(), "data": digests(tasks), "packages": packages()}
    lock = lockfile.open_benchmark(folder, "arena", resolved)
    kept = {_place(trace): trace for trace in map(read_trace, read_lines(folder / DONE))}
    traces, last = [], ""
    for task, workers, repetition, method in places(spec, tasks):
        found = kept.get((task.name, workers, repetition, method))
        if found is None:
            found = simulate(spec, task, workers, repetition, method)
            append_line(folder / DONE, asdict(found))
            if task.name != last:
                notify(f"{task.name} ...")
                last = task.name
        traces.append(found)
    return _finish(folder, spec, tasks, traces, lock)


def places(spec: ArenaSpec, tasks: list[CurveTask]) -> Iterator[tuple[CurveTask, int, int, str]]:
    """Yield task, number of workers, repetition and method of every search, in order."""
    for task in tasks:
        for workers in spec.workers:
            for repetition in range(spec.repetitions):
                for method in spec.methods:
                    yield task, workers, repetition, method


def simulate(spec: ArenaSpec, task: CurveTask, workers: int, repetition: int, method: str) -> ArenaTrace:
    """Return one search; equal repetitions of all methods have equal seeds. One thread of torch."""
    budget = max(spec.full_trainings) * task.length.max_epochs
    with cpu_threads(1):
        searcher = make_searcher(method, task, derive_seed(spec.seed, "repetition", repetition))
        simulation = Simulation(task, searcher, workers, budget)
        simulation.run()
    return simulation.trace(method, repetition)


def digests(tasks: list[CurveTask]) -> dict[str, str]:
    """Return the sha256 of each task's curves."""
    return {task.name: task.digest for task in tasks}


def packages() -> dict[str, str]:
    """Return the versions of the searches that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def repeatable(traces: list[ArenaTrace]) -> list[dict[str, Any]]:
    """Return what a repetition must reproduce: everything but real seconds."""
    return [{k: v for k, v in json.loads(json.dumps(asdict(t))).items() if k != "decision_seconds"} for t in traces]


def read_trace(values: Mapping[str, Any]) -> ArenaTrace:
    """Return the trace that a line of JSON holds."""
    return ArenaTrace(**{**values, "steps": tuple(tuple(step) for step in values["steps"])})


def _place(trace: ArenaTrace) -> tuple[str, int, int, str]:
    return trace.task, trace.workers, trace.repetition, trace.method


def _finish(
    folder: Path, spec: ArenaSpec, tasks: list[CurveTask], traces: list[ArenaTrace], lock: dict[str, Any]
) -> ArenaResults:
    from benchmarks.search.arena.report import make_arena_document
    from tunelab.report.report import write_document

    rankings = rank_methods(spec, tasks, traces)
    content = {"rankings": [asdict(r) for r in rankings], "searches": repeatable(traces)}
    (folder / RESULTS).write_text(json.dumps(content) + "\n", encoding="utf-8")
    lock = lockfile.complete(folder, lock, RESULTS)
    results = ArenaResults(spec, tuple(tasks), tuple(traces), tuple(rankings), lock)
    write_document(make_arena_document(results), folder / REPORT)
    return results
