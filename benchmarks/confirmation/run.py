"""The benchmark of confirmations: simulated sweeps as pieces that an interruption keeps, results and report."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.confirmation.simulate import Simulated, simulate
from benchmarks.confirmation.spec import CASES, ConfirmationSpec, check
from benchmarks.harness.lockfile import Lock
from benchmarks.harness.pieces import RESULTS, PieceSuite, data_digests
from benchmarks.harness.suite import REPORT, Notify, run_suite
from tunelab.documents.blocks import Document
from tunelab.system.machine import usable_cpus

__all__ = ["REPORT", "RESULTS", "ConfirmationResults", "ConfirmationSuite", "run"]

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


class ConfirmationSuite(PieceSuite[ConfirmationResults, Place, Simulated]):
    """The benchmark of confirmations; a piece is a simulated sweep.

    Args:
        spec: what is asked for.

    Raises:
        UserError: the spec is wrong.
    """

    kind = "confirmation"
    done = "sweeps.jsonl"
    pieces = "sweeps"
    spec_class = ConfirmationSpec

    def __init__(self, spec: ConfirmationSpec) -> None:
        check(spec)
        self._spec = spec

    def resolved(self) -> dict[str, Any]:
        return {"spec": self._spec.to_json(), "data": data_digests(self._spec.tasks)}

    def places(self) -> Iterator[Place]:
        for task in self._spec.tasks:
            for case in CASES:
                for number in range(self._spec.count(case)):
                    yield task, case, number

    def make(self, places: Sequence[Place]) -> Iterator[Simulated]:
        """Simulate sweeps side by side, a process a core; they come in order."""
        workers = min(usable_cpus(), len(places))
        if workers < 2:
            yield from (simulate(self._spec, *place) for place in places)
            return
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
        try:
            yield from pool.map(simulate, [self._spec] * len(places), *zip(*places, strict=True))
        finally:
            pool.shutdown(cancel_futures=True)

    def read(self, values: Mapping[str, Any]) -> Simulated:
        return Simulated(**values)

    def place_of(self, piece: Simulated) -> Place:
        return piece.task, piece.case, piece.number

    def progress(self, piece: Simulated, done: Mapping[Place, Simulated]) -> str:
        """Return a line about the last sweep of each task and case."""
        if piece.number + 1 < self._spec.count(piece.case):
            return ""
        some = [s for s in done.values() if (s.task, s.case) == (piece.task, piece.case)]
        return f"{piece.task}, {piece.case}: better in {sum(s.better for s in some)} of {len(some)} sweeps"

    def summarize(self, pieces: Sequence[Simulated], lock: Lock) -> ConfirmationResults:
        return ConfirmationResults(self._spec, tuple(pieces), lock)

    def write(self, folder: Path, results: ConfirmationResults) -> list[str]:
        return self.write_content(folder, self.repeatable(results.sweeps))

    def document(self, results: ConfirmationResults) -> Document:
        from benchmarks.confirmation.report import make_confirmation_document

        return make_confirmation_document(results)

    def difference(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
        name = next(key for key in then if then[key] != now[key])
        where = f"{then['task']}, {then['case']}, sweep {then['number']}"
        return f"{where}: {name} was {then[name]!r}, is {now[name]!r}"


def run(spec: ConfirmationSpec, folder: Path, notify: Notify) -> ConfirmationResults:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(ConfirmationSuite(spec), folder, notify)
