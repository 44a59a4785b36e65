"""The benchmark of the expected loss: selections as pieces that an interruption keeps, results and report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.lockfile import Lock
from benchmarks.harness.pieces import RESULTS, PieceSuite, data_digests
from benchmarks.harness.suite import REPORT, Notify, run_suite
from benchmarks.optimism.simulate import Measured, measure
from benchmarks.optimism.spec import SIMULATION, OptimismSpec, check
from tunelab.documents.blocks import Document

__all__ = ["REPORT", "RESULTS", "OptimismResults", "OptimismSuite", "run"]

Place = tuple[str, int]  # task and number


@dataclass(frozen=True)
class Piece:
    """What one sweep gave: its single winner, and its ensemble where one helps."""

    task: str
    number: int
    measured: tuple[Measured, ...]
    seconds: float


@dataclass(frozen=True)
class OptimismResults:
    """All that a report shows.

    Attributes:
        spec: What was asked for.
        sweeps: Every sweep, tasks and numbers in order.
        lock: What fixed the numbers.
    """

    spec: OptimismSpec
    sweeps: tuple[Piece, ...]
    lock: Mapping[str, Any]

    def of(self, task: str, kind: str) -> list[Measured]:
        """Return the selections of one table and kind of winner."""
        return [one for s in self.sweeps if s.task == task for one in s.measured if one.kind == kind]


class OptimismSuite(PieceSuite[OptimismResults, Place, Piece]):
    """The benchmark of the expected loss; a piece is a sweep.

    Args:
        spec: What is asked for.

    Raises:
        UserError: The spec is wrong.
    """

    kind = "optimism"
    done = "sweeps.jsonl"
    pieces = "sweeps"
    spec_class = OptimismSpec

    def __init__(self, spec: OptimismSpec) -> None:
        check(spec)
        self._spec = spec

    def resolved(self) -> dict[str, Any]:
        return {"spec": self._spec.to_json(), "data": data_digests(self._spec.tasks)}

    def places(self) -> Iterator[Place]:
        yield from ((SIMULATION, number) for number in range(self._spec.simulated))
        yield from ((task, number) for task in self._spec.tasks for number in range(self._spec.sweeps))

    def make(self, places: Sequence[Place]) -> Iterator[Piece]:
        for name, number in places:
            began = time.perf_counter()
            yield Piece(name, number, measure(self._spec, name, number), time.perf_counter() - began)

    def read(self, values: Mapping[str, Any]) -> Piece:
        return Piece(
            values["task"], values["number"], tuple(Measured(**m) for m in values["measured"]), values["seconds"]
        )

    def place_of(self, piece: Piece) -> Place:
        return piece.task, piece.number

    def progress(self, piece: Piece, done: Mapping[Place, Piece]) -> str:
        """Return a line about the last sweep of each task."""
        count = self._spec.simulated if piece.task == SIMULATION else self._spec.sweeps
        if piece.number + 1 < count:
            return ""
        some = [m for p in done.values() if p.task == piece.task for m in p.measured]
        return f"{piece.task}: {sum(m.covered for m in some)} of {len(some)} intervals hold the test loss"

    def summarize(self, pieces: Sequence[Piece], lock: Lock) -> OptimismResults:
        return OptimismResults(self._spec, tuple(pieces), lock)

    def write(self, folder: Path, results: OptimismResults) -> list[str]:
        return self.write_content(folder, self.repeatable(results.sweeps))

    def document(self, results: OptimismResults) -> Document:
        from benchmarks.optimism.report import make_optimism_document

        return make_optimism_document(results)

    def difference(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
        return f"{then['task']}, sweep {then['number']}: was {then['measured']!r}, is {now['measured']!r}"


def run(spec: OptimismSpec, folder: Path, notify: Notify) -> OptimismResults:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(OptimismSuite(spec), folder, notify)
