"""The report of the plan benchmark: predicted and measured costs of each task's sweep, and their ratios."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.provenance import provenance_facts
from benchmarks.plan.run import FIGURES, TOLERANCE, Comparison, PlanResults, within
from tunelab.documents.blocks import Cell, Document, Section, Table, Text

NAMES = {"wall_seconds": "wall time", "epochs": "epochs", "memory_bytes": "memory", "disk_bytes": "disk"}


def make_plan_document(results: PlanResults) -> Document:
    """Return the report: what was predicted, what each sweep took, and their ratios."""
    sections = [
        Section("Verdict", [Text(verdict(results.comparisons))]),
        Section("Predicted / measured", [_ratios(results.comparisons)]),
        Section("Costs", [_costs(results.comparisons)]),
    ]
    subtitle = f"tunelab plan and tunelab sweep with {' '.join(results.options)}"
    return Document("Plans against sweeps", subtitle, sections, provenance_facts(results.lock["provenance"]))


def _ratios(comparisons: Sequence[Comparison]) -> Table:
    rows: list[list[Cell]] = [
        [c.task, *(c.ratio(figure) for figure in FIGURES), "{:,} to {:,}".format(*c.epochs_range), c.measured.epochs]
        for c in comparisons
    ]
    return Table(["task", *NAMES.values(), "eight of ten searches, epochs", "this one"], rows, digits=3)


def _costs(comparisons: Sequence[Comparison]) -> Table:
    rows: list[list[Cell]] = [
        [
            c.task,
            *(c.predicted.wall_seconds, c.measured.wall_seconds),
            *(c.predicted.epochs, c.measured.epochs),
            *(c.predicted.memory_bytes / 1e9, c.measured.memory_bytes / 1e9),
            *(c.predicted.disk_bytes / 1e6, c.measured.disk_bytes / 1e6),
        ]
        for c in comparisons
    ]
    units = ("s", "", "GB", "MB")
    columns = [
        f"{name}{f', {unit}' if unit else ''}: {which}"
        for name, unit in zip(NAMES.values(), units, strict=True)
        for which in ("predicted", "measured")
    ]
    return Table(["task", *columns], rows)


def verdict(comparisons: Sequence[Comparison]) -> str:
    """Return the number of right predictions of each quantity, in a sentence."""
    counts = [f"{NAMES[figure]} of {within(comparisons, figure)}" for figure in FIGURES]
    return (
        f"Within {TOLERANCE:.0%} of what the sweep took: {', '.join(counts[:-1])} and {counts[-1]} "
        f"of {len(comparisons)} tasks. Which trials meet at a rung is chance: a plan gives the epochs between which "
        f"eight of ten searches lie, and {sum(c.in_range for c in comparisons)} of these {len(comparisons)} do."
    )
