"""The benchmark of search methods: searches as pieces that an interruption keeps, their ranking, results and report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.lockfile import Lock
from benchmarks.harness.pieces import RESULTS, PieceSuite, data_digests
from benchmarks.harness.suite import REPORT, Notify, run_suite
from benchmarks.search.spec import SearchSpec, check
from benchmarks.search.statistics import Ranking, rank
from benchmarks.search.trace import SearchTrace, run_search
from trainables import get_task
from trainables.base.training.compute import cpu_threads
from tunelab.documents.blocks import Document
from tunelab.records.text import format_number

__all__ = ["REPORT", "RESULTS", "SearchResults", "SearchSuite", "run"]

SECONDS = "seconds.json"
Place = tuple[str, str, int]  # task, method, repetition


@dataclass(frozen=True)
class SearchResults:
    """All that a report shows.

    Attributes:
        spec: what was asked.
        traces: every search, tasks, repetitions and methods in the spec's order.
        ranking: of the methods over tasks and repetitions.
        budgets: epochs of one search, by task.
        lock: what fixed the numbers.
    """

    spec: SearchSpec
    traces: tuple[SearchTrace, ...]
    ranking: Ranking
    budgets: Mapping[str, int]
    lock: Mapping[str, Any]


class SearchSuite(PieceSuite[SearchResults, Place, SearchTrace]):
    """The benchmark of search methods on bundled tasks; a piece is a search.

    Args:
        spec: what is asked for.

    Raises:
        UserError: the spec is wrong.
    """

    kind = "search"
    done = "searches.jsonl"
    pieces = "searches"
    under = "searches"
    spec_class = SearchSpec

    def __init__(self, spec: SearchSpec) -> None:
        self._spec = spec
        self._methods = {method.name: method for method in check(spec)}

    def resolved(self) -> dict[str, Any]:
        return {"spec": self._spec.to_json(), "data": data_digests(self._spec.tasks)}

    def places(self) -> Iterator[Place]:
        for task in self._spec.tasks:
            for repetition in range(self._spec.seeds):
                for method in self._methods:
                    yield task, method, repetition

    def make(self, places: Sequence[Place]) -> Iterator[SearchTrace]:
        for name, method, repetition in places:
            task = get_task(name)
            budget = self._spec.full_trials * task.facts.max_epochs
            with cpu_threads(1):  # small models; and sums in one order
                training = task.load().training
                trace = run_search(task, training, self._methods[method], repetition, self._spec.seed, budget)
            yield trace

    def read(self, values: Mapping[str, Any]) -> SearchTrace:
        steps = tuple((int(epochs), float(loss)) for epochs, loss in values["steps"])
        return SearchTrace(**{**values, "steps": steps, "seconds": tuple(values["seconds"])})

    def place_of(self, piece: SearchTrace) -> Place:
        return piece.task, piece.method, piece.repetition

    def progress(self, piece: SearchTrace, done: Mapping[Place, SearchTrace]) -> str:
        best = format_number(piece.best)
        return f"{piece.task}, {piece.method}, repetition {piece.repetition}: {piece.trials} trials, best {best}"

    def summarize(self, pieces: Sequence[SearchTrace], lock: Lock) -> SearchResults:
        budgets = {name: self._spec.full_trials * get_task(name).facts.max_epochs for name in self._spec.tasks}
        return SearchResults(self._spec, tuple(pieces), ranking_of(self._spec, pieces), budgets, lock)

    def write(self, folder: Path, results: SearchResults) -> list[str]:
        content = {"ranking": asdict(results.ranking), self.under: self.repeatable(results.traces)}
        seconds = json.dumps([list(trace.seconds) for trace in results.traces])
        (folder / SECONDS).write_text(seconds + "\n", encoding="utf-8")
        return self.write_content(folder, content)

    def document(self, results: SearchResults) -> Document:
        from benchmarks.search.report import make_search_document

        return make_search_document(results)

    def difference(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
        where = f"{then['task']}, {then['method']}, repetition {then['repetition']}"
        for a, b in zip(then["steps"], now["steps"], strict=False):
            if a != b:
                return f"{where}: loss {a[1]!r} at epoch {a[0]} then, {b[1]!r} at epoch {b[0]} now"
        old, new = (f"{piece['trials']} trials, {len(piece['steps'])} steps" for piece in (then, now))
        return f"{where}: {old} then, {new} now"


def run(spec: SearchSpec, folder: Path, notify: Notify) -> SearchResults:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(SearchSuite(spec), folder, notify)


def ranking_of(spec: SearchSpec, traces: Sequence[SearchTrace]) -> Ranking:
    """Rank the methods over blocks of a task and a repetition; the traces are in the spec's order."""
    count = len(spec.methods)
    losses = np.array([trace.best for trace in traces]).reshape(-1, count)
    tasks = [trace.task for trace in traces[::count]]
    return rank([trace.method for trace in traces[:count]], tasks, losses, spec.seed)
