"""The report of the plan benchmark: predicted and measured costs of each task's sweep, and their ratios."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness.provenance import provenance_facts
from benchmarks.plan.run import FIGURES, TOLERANCE, Comparison, PlanResults, within
from trainables.base.kinds.percent import as_percent
from tunelab.documents.blocks import Cell, Document, Section, Table, Text
from tunelab.system.language import tr, tr_term

NAMES = {"wall_seconds": "wall time", "epochs": "epochs", "memory_bytes": "memory", "disk_bytes": "disk"}


def make_plan_document(results: PlanResults) -> Document:
    """Return the report: what was predicted, what each sweep took, and their ratios."""
    sections = [
        Section(tr("Verdict"), [Text(verdict(results.comparisons))]),
        Section(tr("Predicted / measured"), [_ratios(results.comparisons)]),
        Section(tr("Costs"), [_costs(results.comparisons)]),
    ]
    subtitle = tr("tunelab plan and tunelab sweep with {options}", options=" ".join(results.options))
    return Document(tr("Plans against sweeps"), subtitle, sections, provenance_facts(results.lock["provenance"]))


def _ratios(comparisons: Sequence[Comparison]) -> Table:
    rows: list[list[Cell]] = [
        [
            c.task,
            *(c.ratio(figure) for figure in FIGURES),
            tr("{low:,} to {high:,}", low=c.epochs_range[0], high=c.epochs_range[1]),
            c.measured.epochs,
        ]
        for c in comparisons
    ]
    names = map(tr_term, NAMES.values())
    columns = [tr("task"), *names, tr("epochs of eight of ten searches"), tr("epochs of this sweep")]
    caption = tr("What was predicted, divided by what the sweep took: 1 is right, above 1 is too much.")
    return Table(columns, rows, caption, digits=3)


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
        f"{tr_term(name)}{f', {unit}' if unit else ''}: {which}"
        for name, unit in zip(NAMES.values(), units, strict=True)
        for which in (tr("predicted"), tr("measured"))
    ]
    return Table([tr("task"), *columns], rows)


def verdict(comparisons: Sequence[Comparison]) -> str:
    """Return the number of right predictions of each quantity, in a sentence."""
    of = len(comparisons)
    counts = [f"{tr_term(NAMES[figure])} {within(comparisons, figure)}/{of}" for figure in FIGURES]
    return tr(
        "Tasks whose prediction is within {tolerance} of what the sweep took: {counts}. Which trials meet at a "
        "rung is chance: a plan gives the epochs between which eight of ten searches lie, and {inside} of these {of} "
        "do.",
        tolerance=as_percent(TOLERANCE),
        counts=", ".join(counts),
        inside=sum(c.in_range for c in comparisons),
        of=of,
    )
