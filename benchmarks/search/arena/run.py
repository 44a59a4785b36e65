"""Runs a benchmark on recorded learning curves: keeps what is done when interrupted, then results, lock and report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.harness.lockfile import Lock
from benchmarks.harness.pieces import RESULTS, PieceSuite
from benchmarks.harness.suite import REPORT, Notify, run_suite
from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.methods import make_searcher
from benchmarks.search.arena.ranks import ArenaRanking, rank_methods
from benchmarks.search.arena.simulate import ArenaTrace, Simulation
from benchmarks.search.arena.spec import ArenaSpec, check_arena
from trainables.base.training.compute import cpu_threads
from tunelab.documents.blocks import Document
from tunelab.records.seeds import derive_seed

__all__ = ["REPORT", "RESULTS", "ArenaResults", "ArenaSuite", "run_arena"]

Place = tuple[str, int, int, str]  # task, workers, repetition, method
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


class ArenaSuite(PieceSuite[ArenaResults, Place, ArenaTrace]):
    """The benchmark of search methods on recorded learning curves; a piece is a simulated search.

    Args:
        spec: what is asked for.

    Raises:
        UserError: the spec is wrong.
    """

    kind = "arena"
    done = "searches.jsonl"
    pieces = "searches"
    under = "searches"
    spec_class = ArenaSpec
    seconds = "decision_seconds"

    def __init__(self, spec: ArenaSpec) -> None:
        self._spec = spec
        self._tasks = {task.name: task for task in check_arena(spec)}

    def resolved(self) -> dict[str, Any]:
        digests = {name: task.digest for name, task in self._tasks.items()}
        return {"spec": self._spec.to_json(), "data": digests, "packages": packages()}

    def places(self) -> Iterator[Place]:
        for task in self._tasks:
            for workers in self._spec.workers:
                for repetition in range(self._spec.repetitions):
                    for method in self._spec.methods:
                        yield task, workers, repetition, method

    def make(self, places: Sequence[Place]) -> Iterator[ArenaTrace]:
        for task, workers, repetition, method in places:
            yield simulate(self._spec, self._tasks[task], workers, repetition, method)

    def read(self, values: Mapping[str, Any]) -> ArenaTrace:
        return ArenaTrace(**{**values, "steps": tuple(tuple(step) for step in values["steps"])})

    def place_of(self, piece: ArenaTrace) -> Place:
        return piece.task, piece.workers, piece.repetition, piece.method

    def progress(self, piece: ArenaTrace, done: Mapping[Place, ArenaTrace]) -> str:
        first = sum(trace.task == piece.task for trace in done.values()) == 1
        return f"{piece.task} ..." if first else ""

    def summarize(self, pieces: Sequence[ArenaTrace], lock: Lock) -> ArenaResults:
        tasks, traces = list(self._tasks.values()), list(pieces)
        rankings = rank_methods(self._spec, tasks, traces)
        return ArenaResults(self._spec, tuple(tasks), tuple(traces), tuple(rankings), lock)

    def write(self, folder: Path, results: ArenaResults) -> list[str]:
        content = {"rankings": [asdict(r) for r in results.rankings], self.under: self.repeatable(results.traces)}
        return self.write_content(folder, content)

    def document(self, results: ArenaResults) -> Document:
        from benchmarks.search.arena.report import make_arena_document

        return make_arena_document(results)

    def difference(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
        where = f"{then['task']}, {then['method']}, {then['workers']} workers, repetition {then['repetition']}"
        for a, b in zip(then["steps"], now["steps"], strict=False):
            if a != b:
                return f"{where}: regret {a[2]!r} at epoch {a[0]} then, {b[2]!r} at epoch {b[0]} now"
        old, new = (f"{piece['trials']} trials, {len(piece['steps'])} steps" for piece in (then, now))
        return f"{where}: {old} then, {new} now"


def run_arena(spec: ArenaSpec, folder: Path, notify: Notify) -> ArenaResults:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(ArenaSuite(spec), folder, notify)


def simulate(spec: ArenaSpec, task: CurveTask, workers: int, repetition: int, method: str) -> ArenaTrace:
    """Return one search; a repetition on a task has equal seeds for all methods. One thread of torch.

    Each task has seeds of its own: many share a space, and would else begin with the same random trials, whose luck
    would then count once a task.
    """
    budget = max(spec.full_trainings) * task.length.max_epochs
    with cpu_threads(1):
        searcher = make_searcher(method, task, derive_seed(spec.seed, task.name, repetition))
        simulation = Simulation(task, searcher, workers, budget)
        simulation.run()
    return simulation.trace(method, repetition)


def packages() -> dict[str, str]:
    """Return the versions of the searches that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
