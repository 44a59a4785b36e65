"""Runs a benchmark of search methods: what is done stays when it is interrupted; then results, lock and report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import lockfile
from benchmarks.harness.jsonl import append_line, read_lines
from benchmarks.search.spec import Method, SearchSpec, check
from benchmarks.search.statistics import Ranking, rank
from benchmarks.search.trace import SearchTrace, run_search
from trainables import get_task
from trainables.base.training.compute import cpu_threads

DONE, RESULTS, SECONDS = "searches.jsonl", "results.json", "seconds.json"
REPORT = "report.html"


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


def run(spec: SearchSpec, folder: Path, notify: Callable[[str], None]) -> SearchResults:
    """Runs what is not yet done in ``folder`` and writes results, lock and report there.

    Raises:
        UserError: the spec is wrong, or the folder holds another benchmark.
        KeyboardInterrupt: searches made so far are kept; the same call goes on from them.
    """
    methods = check(spec)
    with cpu_threads(1):  # small models; and sums in one order
        lock = lockfile.open_benchmark(folder, "search", {"spec": spec.to_json(), "data": digests(spec)})
        kept = {(p.task, p.method, p.repetition): p for p in map(_trace, read_lines(folder / DONE))}
        traces = []
        for task, method, repetition in places(spec, methods):
            found = kept.get((task, method.name, repetition))
            if found is None:
                found = search_once(spec, task, method, repetition)
                append_line(folder / DONE, asdict(found))
                notify(f"{task}, {method.name}, repetition {repetition}: {found.trials} trials, best {found.best:.4g}")
            traces.append(found)
    return _finish(folder, spec, traces, lock)


def places(spec: SearchSpec, methods: list[Method]) -> Iterator[tuple[str, Method, int]]:
    """Every search that the spec asks for, in order."""
    for task in spec.tasks:
        for repetition in range(spec.seeds):
            for method in methods:
                yield task, method, repetition


def search_once(spec: SearchSpec, task_name: str, method: Method, repetition: int) -> SearchTrace:
    """One search."""
    task = get_task(task_name)
    budget = spec.full_trials * task.facts.max_epochs
    return run_search(task, task.load().training, method, repetition, spec.seed, budget)


def digests(spec: SearchSpec) -> dict[str, str]:
    """The data digest of each task."""
    return {name: get_task(name).load().training.digest for name in spec.tasks}


def repeatable(traces: list[SearchTrace]) -> list[dict[str, Any]]:
    """What a repetition must give again: everything but seconds."""
    return [{k: v for k, v in json.loads(json.dumps(asdict(p))).items() if k != "seconds"} for p in traces]


def ranking_of(spec: SearchSpec, traces: list[SearchTrace]) -> Ranking:
    """Ranks over blocks of a task and a repetition."""
    count = len(spec.methods)
    losses = np.array([p.best for p in traces]).reshape(-1, count)
    tasks = [p.task for p in traces[::count]]
    return rank([p.method for p in traces[:count]], tasks, losses, spec.seed)


def _trace(values: Mapping[str, Any]) -> SearchTrace:
    steps = tuple((int(epochs), float(loss)) for epochs, loss in values["steps"])
    return SearchTrace(**{**values, "steps": steps, "seconds": tuple(values["seconds"])})


def _finish(folder: Path, spec: SearchSpec, traces: list[SearchTrace], lock: dict[str, Any]) -> SearchResults:
    from benchmarks.search.report import make_search_document
    from tunelab.report.report import write_document

    ranking = ranking_of(spec, traces)
    content = {"ranking": asdict(ranking), "searches": repeatable(traces)}
    (folder / RESULTS).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / SECONDS).write_text(json.dumps([list(p.seconds) for p in traces]) + "\n", encoding="utf-8")
    lock = lockfile.complete(folder, lock, RESULTS)
    budgets = {name: spec.full_trials * get_task(name).facts.max_epochs for name in spec.tasks}
    results = SearchResults(spec, tuple(traces), ranking, budgets, lock)
    write_document(make_search_document(results), folder / REPORT)
    return results
