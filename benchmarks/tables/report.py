"""The report of a benchmark on tables: ranks with intervals, wins and losses, every table."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.harness.provenance import digest_facts, provenance_facts, repeat_section
from benchmarks.optimism.report import summarize
from benchmarks.optimism.simulate import Measured
from benchmarks.search.report import critical_difference_figure
from benchmarks.tables.run import TablesResults
from benchmarks.tables.systems import OURS
from trainables.base.kinds.percent import as_percent
from tunelab.documents.blocks import Cell, Document, Section, Table, Text
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.text import format_number
from tunelab.system.language import tr

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
    columns = [
        *(tr("system"), tr("average rank"), tr("95 % interval from"), tr("to")),
        tr("best in, of {count}", count=ranking.blocks),
    ]
    sections = [
        Section(tr("Verdict"), [Text(verdict(results))]),
        Section(tr("Ranks"), [critical_difference_figure(ranking), Table(columns, rows)]),
        Section(tr("Tables"), [_table(results)]),
        *_expected_losses(results),
        Section(tr("How it was measured"), [Text(_how(results))]),
        repeat_section(
            provenance["command"], limit=tr("What a system reaches within a time is not reproduced exactly.")
        ),
    ]
    subtitle = tr(
        "Systems: {systems}, tables: {tables}, seeds: {seeds}.",
        systems=len(spec.systems),
        tables=len(spec.tables),
        seeds=len(spec.seeds),
    )
    facts = {**provenance_facts(provenance), **digest_facts(results.lock["resolved"]["data"])}
    return Document(tr("Systems on tables"), subtitle, sections, facts)


def verdict(results: TablesResults) -> str:
    """Return how ``tunelab`` does against each other system, by mean error of the seeds; else the best system."""
    systems, means = results.spec.systems, results.errors().mean(axis=1)
    if OURS not in systems:
        best, rank = results.ranking.methods[0], results.ranking.ranks[0]
        return tr("{system} has the best average rank, {rank:.2f}.", system=best, rank=rank)
    own, parts = means[:, systems.index(OURS)], []
    for index, system in enumerate(systems):
        if system != OURS:
            wins, ties, losses = compare(own, means[:, index])
            counts = {"wins": wins, "ties": ties, "losses": losses}
            parts.append(tr("against {system}: wins {wins}, ties {ties}, losses {losses}", system=system, **counts))
            highest = results.highest_errors().mean(axis=1)[:, index]
            if not np.isnan(highest).any():
                within = tr(
                    "no worse than the 95 % interval of its error on {count}", count=int((own <= highest).sum())
                )
                parts[-1] += f" ({within})"
    return tr(
        "{system} on {count} tables: {parts} (a tie is a difference of less than {tie}).",
        system=OURS,
        count=len(own),
        parts="; ".join(parts),
        tie=as_percent(TIE, 1),
    )


def compare(own: np.ndarray, other: np.ndarray) -> tuple[int, int, int]:
    """Return wins, ties and losses of errors (tables,) against another system's, lower is better."""
    difference = (own - other) / np.maximum(np.maximum(own, other), 1e-12)
    wins, losses = int((difference < -TIE).sum()), int((difference > TIE).sum())
    return wins, len(own) - wins - losses, losses


def _table(results: TablesResults) -> Table:
    spec = results.spec
    values = np.array([score.value for score in results.scores]).reshape(results.errors().shape).mean(axis=1)
    rising = {score.table for score in results.scores if score.error != score.value}  # whose error is 1 less the score
    scores = {s.table: f"{s.score} {'↑' if s.table in rising else '↓'}" for s in results.scores}
    intervals = {score.system: score for score in results.scores if score.low is not None}
    rows: list[list[Cell]] = [
        [
            entry.name,
            scores[entry.name],
            *map(float, row),
            *(_interval(results, entry.name, name, entry.name in rising) for name in intervals),
        ]
        for entry, row in zip(spec.tables, values, strict=True)
    ]
    columns = [tr("{system}, 95 % interval", system=system) for system in intervals]
    caption = tr("Mean over the seeds, on the test rows; an interval is over test rows drawn again, of the first seed.")
    return Table([tr("table"), tr("score"), *spec.systems, *columns], rows, caption)


def _interval(results: TablesResults, table: str, system: str, rising: bool) -> str:
    """Return the interval of a system's score on a table with the first seed, e.g. ``0.12 to 0.15``."""
    found = next(score for score in results.scores if (score.table, score.system) == (table, system))
    if found.low is None or found.high is None:
        return ""
    low, high = (1 - found.high, 1 - found.low) if rising else (found.low, found.high)
    return _range(low, high)


def _range(low: float, high: float) -> str:
    return tr("{low} to {high}", low=format_number(low), high=format_number(high))


def _expected_losses(results: TablesResults) -> list[Section]:
    """Return what the searches expected on new rows beside what the test rows gave; nothing where none says so."""
    found = [
        (score, score.optimism) for score in results.scores if score.optimism is not None and score.optimism.test_loss
    ]
    if not found:
        return []
    measured = [_in_test_losses(score.table, score.seed, optimism) for score, optimism in found]
    rows: list[list[Cell]] = [
        [
            *(score.table, score.seed, optimism.val_loss, optimism.expected, _range(optimism.low, optimism.high)),
            *(optimism.test_loss, tr("yes") if one.covered else tr("no")),
        ]
        for (score, optimism), one in zip(found, measured, strict=True)
    ]
    columns = [
        *(tr("table"), tr("seed"), tr("validation loss"), tr("expected loss"), tr("95 % interval"), tr("test loss")),
        tr("in the interval"),
    ]
    summary = summarize(measured)
    text = tr(
        "The test loss lies in the interval of the loss to be expected in {covered} of {count} searches. On average it "
        "differs from the winner's validation loss by {bias} (± {error}) and from the expected loss by "
        "{left}, in units of the test loss.",
        covered=summary.covered,
        count=summary.count,
        bias=as_percent(summary.bias, 1, signed=True),
        error=as_percent(summary.bias_error, 1),
        left=as_percent(summary.left, 1, signed=True),
    )
    return [Section(tr("Loss to be expected"), [Text(text), Table(columns, rows)])]


def _in_test_losses(table: str, seed: int, optimism: Optimism) -> Measured:
    """Return an estimate in units of the test loss, so that tables can be pooled."""
    unit = optimism.test_loss or math.nan
    values = (optimism.val_loss / unit, optimism.expected / unit, optimism.low / unit, optimism.high / unit)
    return Measured(table, "search", seed, *values, 1.0)


def _how(results: TablesResults) -> str:
    spec = results.spec
    return tr(
        "Every system trains on the same training rows, stops on the same validation rows where it takes any, and is "
        "scored on the same test rows. A search may take {seconds:g} s for a table and a seed; LightGBM and "
        "scikit-learn at their defaults need less. Seeds vary the system, not the split. Ranks are averages over "
        "blocks of a table and a seed, with bootstrap intervals; the critical difference is Nemenyi's at the 5 % "
        "level.",
        seconds=spec.time_budget,
    )
