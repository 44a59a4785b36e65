"""The report of a benchmark on tables: ranks with intervals, wins and losses, every table."""

from __future__ import annotations

import numpy as np

from benchmarks.harness.provenance import provenance_facts
from benchmarks.search.report import critical_difference_figure
from benchmarks.tables.run import TablesResults
from benchmarks.tables.systems import OURS
from tunelab.documents.blocks import Cell, Code, Document, Section, Table, Text

TIE = 0.005  # relative difference of mean errors below which two systems tie


def make_tables_document(results: TablesResults) -> Document:
    """Return the report; the same scores give the same report."""
    spec, provenance, ranking = results.spec, results.lock["provenance"], results.ranking
    rows: list[list[Cell]] = [
        [name, place, low, high, wins]
        for name, place, low, high, wins in zip(
            ranking.methods, ranking.ranks, ranking.low, ranking.high, ranking.wins, strict=True
        )
    ]
    columns = ["system", "average rank", "95 % interval from", "to", f"best in, of {ranking.blocks}"]
    sections = [
        Section("Verdict", [Text(verdict(results))]),
        Section("Ranks", [critical_difference_figure(ranking), Table(columns, rows)]),
        Section("Tables", [_table(results)]),
        Section("How it was measured", [Text(_how(results))]),
        Section("Repeat it", [Code(provenance["command"])]),
    ]
    facts: dict[str, Cell] = {
        **provenance_facts(provenance),
        **{f"data digest of {name}": digest for name, digest in results.lock["resolved"]["data"].items()},
    }
    subtitle = f"{len(spec.systems)} systems on {len(spec.tables)} tables, {len(spec.seeds)} seeds."
    return Document("Systems on tables", subtitle, sections, facts)


def verdict(results: TablesResults) -> str:
    """Return how ``tunelab`` does against each other system, by mean error of the seeds; else the best system."""
    systems, means = results.spec.systems, results.errors().mean(axis=1)
    if OURS not in systems:
        return f"{results.ranking.methods[0]} has the best average rank, {results.ranking.ranks[0]:.2f}."
    own, parts = means[:, systems.index(OURS)], []
    for index, system in enumerate(systems):
        if system != OURS:
            wins, ties, losses = compare(own, means[:, index])
            parts.append(f"against {system} {wins} wins, {ties} ties, {losses} losses")
    return f"{OURS} on {len(own)} tables: {'; '.join(parts)} (a tie is a difference of less than {TIE:.1%})."


def compare(own: np.ndarray, other: np.ndarray) -> tuple[int, int, int]:
    """Return wins, ties and losses of errors (tables,) against another system's, lower is better."""
    difference = (own - other) / np.maximum(np.maximum(own, other), 1e-12)
    wins, losses = int((difference < -TIE).sum()), int((difference > TIE).sum())
    return wins, len(own) - wins - losses, losses


def _table(results: TablesResults) -> Table:
    spec = results.spec
    values = np.array([score.value for score in results.scores]).reshape(results.errors().shape).mean(axis=1)
    scores = {score.table: score.score for score in results.scores}
    rows: list[list[Cell]] = [
        [entry.name, scores[entry.name], *map(float, row)] for entry, row in zip(spec.tables, values, strict=True)
    ]
    return Table(["table", "score", *spec.systems], rows, "Mean over the seeds, on the test rows.")


def _how(results: TablesResults) -> str:
    spec = results.spec
    return (
        "Every system trains on the same training rows, stops on the same validation rows where it takes any, and is "
        f"scored on the same test rows. A search may take {spec.time_budget:g} s for a table and a seed; LightGBM and "
        "scikit-learn at their defaults need less. Seeds vary the system, not the split. Ranks are averages over "
        "blocks of a table and a seed, with bootstrap intervals; the critical difference is Nemenyi's at the 5 % level."
    )
