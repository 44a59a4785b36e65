"""The report of a benchmark of the expected loss: bias before and after, and coverage of the interval, by table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.confirmation.simulate import wilson
from benchmarks.harness.provenance import digest_facts, provenance_facts, repeat_section
from benchmarks.optimism.run import OptimismResults
from benchmarks.optimism.simulate import KINDS, Measured
from benchmarks.optimism.spec import SIMULATION
from trainables.base.kinds.percent import as_percent
from tunelab.documents.blocks import Cell, Document, Section, Table, Text
from tunelab.system.language import tr, tr_term

COVERAGE = (0.90, 0.98)  # wanted of a 95 % interval
ERRORS = 2  # standard errors that a bias must exceed before a fraction of it says anything
REMOVED = 0.80  # fraction of the bias that the estimate must remove


@dataclass(frozen=True)
class Summary:
    """How good the estimate is over some selections.

    Attributes:
        count: Number of selections.
        bias: Mean of test loss minus validation loss.
        bias_error: Standard error of this mean.
        left: Mean of test loss minus expected loss.
        covered: Number of intervals that hold the test loss.
    """

    count: int
    bias: float
    bias_error: float
    left: float
    covered: int

    @property
    def removed(self) -> float:
        """Fraction of the bias that the estimate removes; NaN where the bias is not told from 0."""
        return 1 - abs(self.left) / abs(self.bias) if abs(self.bias) > ERRORS * self.bias_error else math.nan


def summarize(some: Sequence[Measured], scale: float = 1.0) -> Summary:
    """Summarize selections; losses are divided by ``scale``."""
    before = np.array([m.test_loss - m.val_loss for m in some]) / scale
    after = np.array([m.test_loss - m.expected for m in some]) / scale
    error = float(before.std(ddof=1) / math.sqrt(len(before))) if len(before) > 1 else math.nan
    return Summary(len(some), float(before.mean()), error, float(after.mean()), sum(m.covered for m in some))


def verdict(results: OptimismResults) -> str:
    """Return the outcome in two or three sentences."""
    texts = []
    for where, tasks in ((tr("in the simulation"), (SIMULATION,)), (tr("on tables"), results.spec.tasks)):
        for kind in KINDS:
            found = _pooled(results, tasks, kind)
            if found is None:
                continue
            low, high = wilson(found.covered, found.count)
            removed = tr("too few to tell the bias from 0")
            if not math.isnan(found.removed):
                removed = tr("the estimate removes {share} of the bias", share=as_percent(found.removed))
            text = tr(
                "Winner: {kind}, {where}. The interval holds the test loss in {covered} of {count} sweeps ({share:.1f} "
                "%, 95 % interval {low:.1f} to {high:.1f} %); {removed}.",
                kind=tr_term(kind),
                where=where,
                covered=found.covered,
                count=found.count,
                share=100 * found.covered / found.count,
                low=100 * low,
                high=100 * high,
                removed=removed,
            )
            texts.append(text)
    return " ".join(texts)


def _pooled(results: OptimismResults, tasks: Sequence[str], kind: str) -> Summary | None:
    """Pool tables, each in units of its median test loss."""
    scaled: list[Measured] = []
    for task in tasks:
        some = results.of(task, kind)
        scale = float(np.median([m.test_loss for m in some])) if some else 1.0
        scaled += [_scaled(m, scale) for m in some]
    return summarize(scaled) if scaled else None


def _scaled(m: Measured, scale: float) -> Measured:
    values = (m.val_loss / scale, m.expected / scale, m.low / scale, m.high / scale, m.test_loss / scale)
    return Measured(m.task, m.kind, m.number, *values)


def make_optimism_document(results: OptimismResults) -> Document:
    """Make the report; from the same sweeps it is the same."""
    spec, provenance = results.spec, results.lock["provenance"]
    columns = [
        *(tr("table"), tr("winner"), tr("sweeps"), tr("bias"), tr("± of it"), tr("bias left"), tr("removed, %")),
        *(tr("covered, %"), tr("from"), tr("to")),
    ]
    rows: list[list[Cell]] = []
    for task in (SIMULATION, *spec.tasks):
        for kind in KINDS:
            some = results.of(task, kind)
            if not some:
                continue
            found = summarize(some)
            low, high = (100 * bound for bound in wilson(found.covered, found.count))
            shown: list[Cell] = [
                tr_term(task) if task == SIMULATION else task,
                tr_term(kind),
                found.count,
                found.bias,
                None if math.isnan(found.bias_error) else found.bias_error,
                found.left,
                None if math.isnan(found.removed) else 100 * found.removed,
            ]
            rows.append([*shown, 100 * found.covered / found.count, low, high])
    sections = [
        Section(tr("Verdict"), [Text(verdict(results))]),
        Section(tr("By table"), [Table(columns, rows)]),
        Section(tr("How it was measured"), [Text(_how(results))]),
        repeat_section(provenance["command"]),
    ]
    facts = {**provenance_facts(provenance), **digest_facts(results.lock["resolved"]["data"])}
    subtitle = tr("{count} selections, of a single model or a mean.", count=len(results.sweeps))
    return Document(tr("What the expected loss is worth"), subtitle, sections, facts)


def _how(results: OptimismResults) -> str:
    spec = results.spec
    return tr(
        "Each sweep of a table has {trials} trials of at most {epochs} epochs in the space {space} and a split of its "
        "own of at most {rows:,} rows; the estimate is the one of a user's sweep. The simulation draws squared errors "
        "that are correlated within a row, for true losses that are alike or differ. Bias is the mean of test loss "
        "minus validation loss; tables are pooled in units of their median test loss.",
        trials=spec.trials,
        epochs=spec.max_epochs,
        space=spec.space,
        rows=spec.rows,
    )
