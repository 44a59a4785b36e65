"""The benchmark on tables: one piece for each table, seed and system; ranks, report and lock like the other suites."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.lockfile import Lock
from benchmarks.harness.pieces import RESULTS, PieceSuite
from benchmarks.harness.suite import REPORT, Notify, run_suite
from benchmarks.search.statistics import Ranking, rank
from benchmarks.tables.interval import error_interval, error_of
from benchmarks.tables.spec import TablesSpec, check
from benchmarks.tables.systems import SYSTEMS, Request
from search_spaces.errors import UserError
from trainables import Splits
from trainables.base.kinds.registry import row_kind
from trainables.base.tables.tabular import TabularTask
from tunelab.documents.blocks import Document
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.text import format_number

__all__ = ["REPORT", "RESULTS", "TableScore", "TablesResults", "TablesSuite", "run"]

Place = tuple[str, int, str]  # table, seed, system


@dataclass(frozen=True)
class TableScore:
    """What a system reached on a table with a seed.

    Attributes:
        table, seed, system: which.
        score: its name, e.g. ``"rmse"``.
        value: on the test rows.
        error: the same, lower is better: ``1 - value`` of a score that is better when higher.
        low, high: 95 % interval of the error over test rows drawn again; None of a system that gives no outputs.
        seconds: wall time of the whole system.
        optimism: the loss that a search expected on new rows, beside that of the test rows; None where it says none.
    """

    table: str
    seed: int
    system: str
    score: str
    value: float
    error: float
    seconds: float
    low: float | None = None
    high: float | None = None
    optimism: Optimism | None = None


@dataclass(frozen=True)
class TablesResults:
    """All that a report shows.

    Attributes:
        spec: what was asked.
        scores: tables, seeds and systems in order.
        ranking: of the systems over blocks of a table and a seed.
        lock: what fixed the numbers.
    """

    spec: TablesSpec
    scores: tuple[TableScore, ...]
    ranking: Ranking
    lock: Mapping[str, Any]

    def errors(self) -> np.ndarray:
        """Return the errors, (tables, seeds, systems)."""
        return self._shaped([score.error for score in self.scores])

    def highest_errors(self) -> np.ndarray:
        """Return the upper ends of the intervals of errors, (tables, seeds, systems); NaN where there is none."""
        return self._shaped([np.nan if score.high is None else score.high for score in self.scores])

    def _shaped(self, values: list[float]) -> np.ndarray:
        return np.array(values).reshape(len(self.spec.tables), len(self.spec.seeds), len(self.spec.systems))


class TablesSuite(PieceSuite[TablesResults, Place, TableScore]):
    """The benchmark on tables.

    Args:
        spec: what is asked for.

    Raises:
        UserError: the spec is wrong.
    """

    kind = "tables"
    done = "scores.jsonl"
    pieces = "scores"
    spec_class = TablesSpec

    def __init__(self, spec: TablesSpec) -> None:
        check(spec)
        self._spec = spec

    @cached_property
    def _tables(self) -> dict[str, tuple[TabularTask, Splits]]:
        tasks = {entry.name: entry.load() for entry in self._spec.tables}
        return {name: (task, task.load()) for name, task in tasks.items()}

    def resolved(self) -> dict[str, Any]:
        digests = {name: splits.training.digest for name, (_, splits) in self._tables.items()}
        return {"spec": json.loads(json.dumps(self._spec.to_json())), "data": digests}

    def places(self) -> Iterator[Place]:
        for entry in self._spec.tables:
            for seed in self._spec.seeds:
                for system in self._spec.systems:
                    yield entry.name, seed, system

    def make(self, places: Sequence[Place]) -> Iterator[TableScore]:
        """Run systems one after another, each with the whole machine."""
        entries = {entry.name: entry for entry in self._spec.tables}
        for table, seed, system in places:
            task, splits = self._tables[table]
            began = time.perf_counter()
            found = SYSTEMS[system](Request(entries[table], task, splits, seed, self._spec.time_budget))
            seconds, score, direction = time.perf_counter() - began, task.facts.score, task.facts.score_direction
            value = float(found.scores[score])
            low, high = None, None
            if found.outputs is not None:
                kind, targets = row_kind(task.facts.kind), splits.test.open().targets
                low, high = error_interval(kind, found.outputs, targets, splits.training.facts, score, direction)
            error = error_of(value, direction)
            yield TableScore(table, seed, system, score, value, error, seconds, low, high, found.optimism)

    def read(self, values: Mapping[str, Any]) -> TableScore:
        optimism = values.get("optimism")
        return TableScore(**{**values, "optimism": None if optimism is None else Optimism(**optimism)})

    def place_of(self, piece: TableScore) -> Place:
        return piece.table, piece.seed, piece.system

    def progress(self, piece: TableScore, done: Mapping[Place, TableScore]) -> str:
        scored = f"{piece.score} {format_number(piece.value, 5)}"
        return f"{piece.table}, seed {piece.seed}, {piece.system}: {scored} ({piece.seconds:.0f} s)"

    def summarize(self, pieces: Sequence[TableScore], lock: Lock) -> TablesResults:
        spec = self._spec
        names = [entry.name for entry in spec.tables for _ in spec.seeds]
        losses = np.array([piece.error for piece in pieces]).reshape(len(names), len(spec.systems))
        return TablesResults(spec, tuple(pieces), rank(spec.systems, names, losses, seed=0), lock)

    def write(self, folder: Path, results: TablesResults) -> list[str]:
        return self.write_content(folder, [asdict(score) for score in results.scores])

    def document(self, results: TablesResults) -> Document:
        from benchmarks.tables.report import make_tables_document

        return make_tables_document(results)

    def difference(self, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
        return f"{then['table']}, seed {then['seed']}, {then['system']}: was {then['value']}, is {now['value']}"

    def differences(self, folder: Path, lock: Lock) -> list[str]:
        raise UserError("What a system reaches within a time is not reproduced exactly. Run the benchmark again.")


def run(spec: TablesSpec, folder: Path, notify: Notify) -> TablesResults:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(TablesSuite(spec), folder, notify)
