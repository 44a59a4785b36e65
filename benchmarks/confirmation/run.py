"""Runs a benchmark of confirmation, a process a core: what is done stays when it is interrupted; then the report."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.confirmation.simulate import Simulated, simulate
from benchmarks.confirmation.spec import CASES, ConfirmationSpec, check
from benchmarks.harness import lockfile
from benchmarks.harness.jsonl import append_line, read_lines
from trainables import get_task

DONE, RESULTS = "sweeps.jsonl", "results.json"
REPORT = "report.html"
Place = tuple[str, str, int]  # task, case, number


@dataclass(frozen=True)
class ConfirmationResults:
    """All that a report shows.

    Attributes:
        spec: what was asked.
        sweeps: every simulated sweep, tasks, cases and numbers in order.
        lock: what fixed the numbers.
    """

    spec: ConfirmationSpec
    sweeps: tuple[Simulated, ...]
    lock: Mapping[str, Any]


def run(spec: ConfirmationSpec, folder: Path, say: Callable[[str], None]) -> ConfirmationResults:
    """Runs what is not yet done in ``folder`` and writes results, lock and report there.

    Raises:
        UserError: the spec is wrong, or the folder holds another benchmark.
        KeyboardInterrupt: sweeps simulated so far are kept; the same call goes on from them.
    """
    check(spec)
    lock = lockfile.open_benchmark(folder, "confirmation", {"spec": spec.to_json(), "data": digests(spec)})
    kept = [Simulated(**values) for values in read_lines(folder / DONE)]
    found = {(s.task, s.case, s.number): s for s in kept}
    for one in simulate_all(spec, [place for place in places(spec) if place not in found]):
        append_line(folder / DONE, asdict(one))
        found[one.task, one.case, one.number] = one
        if one.number + 1 == spec.count(one.case):
            some = [s for s in found.values() if (s.task, s.case) == (one.task, one.case)]
            say(f"{one.task}, {one.case}: better in {sum(s.better for s in some)} of {len(some)} sweeps")
    return _finish(folder, spec, tuple(found[place] for place in places(spec)), lock)


def places(spec: ConfirmationSpec) -> Iterator[Place]:
    """Every sweep that the spec asks for, in order."""
    for task in spec.tasks:
        for case in CASES:
            for number in range(spec.count(case)):
                yield task, case, number


def simulate_all(spec: ConfirmationSpec, wanted: Sequence[Place]) -> Iterator[Simulated]:
    """Simulates sweeps side by side; they come in order."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(cores, len(wanted))
    if workers < 2:
        yield from (simulate(spec, *place) for place in wanted)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(simulate, [spec] * len(wanted), *zip(*wanted, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def digests(spec: ConfirmationSpec) -> dict[str, str]:
    """The data digest of each task."""
    return {name: get_task(name).load().training.digest for name in spec.tasks}


def repeatable(sweeps: Sequence[Simulated]) -> list[dict[str, Any]]:
    """What a repetition must give again: everything but seconds."""
    return [{k: v for k, v in asdict(s).items() if k != "seconds"} for s in sweeps]


def _finish(
    folder: Path, spec: ConfirmationSpec, sweeps: tuple[Simulated, ...], lock: dict[str, Any]
) -> ConfirmationResults:
    from benchmarks.confirmation.report import make_confirmation_document
    from tunelab.report.report import write_document

    (folder / RESULTS).write_text(json.dumps(repeatable(sweeps), indent=1) + "\n", encoding="utf-8")
    results = ConfirmationResults(spec, sweeps, lockfile.complete(folder, lock, RESULTS))
    write_document(make_confirmation_document(results), folder / REPORT)
    return results
