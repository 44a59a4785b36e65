"""The report of a benchmark on recorded learning curves: ranks, regret over budget, every task."""

from __future__ import annotations

import numpy as np

from benchmarks.harness.provenance import provenance_facts, repeat_section
from benchmarks.search.arena.ranks import SPLITS, ArenaRanking, regret_table
from benchmarks.search.arena.run import ArenaResults
from benchmarks.search.report import critical_difference_figure, verdict
from tunelab.documents.blocks import Block, Cell, Document, Figure, Section, Table, Text
from tunelab.documents.style import COLOURS
from tunelab.report.figures import loss_scale, shortened
from tunelab.system.language import tr, tr_plural, tr_term

POINTS = 40  # of a curve over the budget
LEAST = 1e-6  # regret that is drawn: a logarithmic axis has no 0


def make_arena_document(results: ArenaResults) -> Document:
    """Return the report; the same searches give the same report."""
    spec, provenance = results.spec, results.lock["provenance"]
    largest = max(spec.full_trainings)
    decided = [r for r in results.rankings if r.full_trainings == largest and r.split == "validation"]
    sections = [
        Section(tr("Verdict"), [Text(f"{_where(r)}: {verdict(r.ranking)}") for r in decided]),
        *(Section(tr("Ranks: {where}", where=_where(r)), _rank_blocks(results, r)) for r in decided),
        *(Section(tr("Tasks: {where}", where=_where(r)), [_task_table(results, r)]) for r in decided),
        Section(tr("Decisions"), [_decision_table(results)]),
        Section(tr("How it was measured"), [Text(_how(results))]),
        repeat_section(provenance["command"]),
    ]
    packages = ", ".join(f"{n} {v}" for n, v in results.lock["resolved"]["packages"].items())
    facts: dict[str, Cell] = {**provenance_facts(provenance), tr("versions of the methods"): packages}
    subtitle = tr(
        "Methods: {methods}, tasks with recorded learning curves: {tasks}, repetitions: {repetitions}, searches: "
        "{searches}.",
        methods=len(spec.methods),
        tasks=len(results.tasks),
        repetitions=spec.repetitions,
        searches=len(results.traces),
    )
    return Document(tr("Methods of search on recorded curves"), subtitle, sections, facts)


def arena_verdict(results: ArenaResults) -> list[str]:
    """Return the outcome at the largest budget, a line for each number of workers."""
    largest = max(results.spec.full_trainings)
    return [
        f"{_where(r)}: {verdict(r.ranking)}"
        for r in results.rankings
        if r.full_trainings == largest and r.split == "validation"
    ]


def _where(ranking: ArenaRanking) -> str:
    workers = tr_plural("{count} worker", "{count} workers", ranking.workers, count=ranking.workers)
    count = ranking.full_trainings
    return tr_plural(
        "{workers}, {count} full training", "{workers}, {count} full trainings", count, workers=workers, count=count
    )


def _rank_blocks(results: ArenaResults, shown: ArenaRanking) -> list[Block]:
    spec = results.spec
    same = [r for r in results.rankings if r.workers == shown.workers]
    columns = [tr("method")]
    cells: dict[str, list[Cell]] = {method: [method] for method in shown.ranking.methods}
    for r in same:
        columns += [
            tr("rank, {split}, budget {budget}", budget=r.full_trainings, split=tr_term(r.split)),
            tr("regret, {split}, budget {budget}", budget=r.full_trainings, split=tr_term(r.split)),
        ]
        for method, place, regret in zip(r.ranking.methods, r.ranking.ranks, r.regrets, strict=True):
            cells[method] += [place, regret]
    by_task = shown.by_task
    rows: list[list[Cell]] = [[m, r] for m, r in zip(by_task.methods, by_task.ranks, strict=True)]
    caption = tr(
        "Average rank over the tasks ({tasks}), each with the mean regret of its repetitions ({repetitions}); critical "
        "difference {gap:.2f}.",
        tasks=by_task.blocks,
        repetitions=spec.repetitions,
        gap=by_task.critical_difference,
    )
    return [
        critical_difference_figure(shown.ranking),
        Table(columns, list(cells.values()), tr("Average rank and mean normalised regret by budget and split.")),
        *(_curves(results, shown.workers, split) for split in SPLITS),
        Table([tr("method"), tr("average rank over tasks")], rows, caption),
    ]


def _curves(results: ArenaResults, workers: int, split: str) -> Figure:
    """Return the mean regret over all tasks and repetitions against the budget."""
    spec = results.spec
    grid = [max(spec.full_trainings) * (i + 1) / POINTS for i in range(POINTS)]
    place, index = spec.workers.index(workers), SPLITS.index(split)
    means = np.array(
        [regret_table(spec, results.tasks, results.traces, x)[:, place, :, :, index].mean(axis=(0, 1)) for x in grid]
    )
    lines = [
        {
            **{"type": "scatter", "mode": "lines", "name": method},
            **{"x": [shortened(x) for x in grid], "y": [shortened(max(float(y), LEAST)) for y in means[:, column]]},
            "line": {"width": 2, "color": COLOURS[column % len(COLOURS)]},
        }
        for column, method in enumerate(spec.methods)
    ]
    layout = {
        "xaxis": {"title": {"text": tr("budget in full trainings")}, "rangemode": "tozero"},
        "yaxis": {
            **loss_scale(np.maximum(means, LEAST).ravel().tolist()),
            "title": {"text": tr("mean {split} regret", split=tr_term(split))},
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    caption = tr("Mean normalised {split} regret over all tasks and repetitions.", split=tr_term(split))
    return Figure(lines, layout, caption, 380)


def _task_table(results: ArenaResults, shown: ArenaRanking) -> Table:
    spec = results.spec
    table = regret_table(spec, results.tasks, results.traces, shown.full_trainings)
    means = table[:, spec.workers.index(shown.workers), :, :, 0].mean(axis=1)
    rows: list[list[Cell]] = [
        [task.name, *(float(v) for v in values)] for task, values in zip(results.tasks, means, strict=True)
    ]
    return Table([tr("task"), *spec.methods], rows, tr("Mean validation regret."))


def _decision_table(results: ArenaResults) -> Table:
    rows: list[list[Cell]] = []
    for method in results.spec.methods:
        own = [t for t in results.traces if t.method == method]
        rows.append(
            [
                method,
                float(np.mean([t.trials for t in own])),
                float(np.mean([t.idle for t in own])),
                float(1000 * np.sum([t.decision_seconds for t in own]) / np.sum([t.epochs for t in own])),
            ]
        )
    columns = [tr("method"), tr("trials of a search"), tr("idle workers, fraction"), tr("decisions, ms an epoch")]
    caption = tr("Means over all searches; the real time of decisions differs from run to run.")
    return Table(columns, rows, caption)


def _how(results: ArenaResults) -> str:
    budgets = ", ".join(map(str, results.spec.full_trainings))
    return tr(
        "No model is trained: each configuration has a recorded or estimated learning curve, and simulated workers "
        "spend the curve's time on each epoch, on one clock, so that trials end out of order. A budget counts the "
        "epochs of all workers together: those of trials at full length ({budgets}). The regret of a search is that of "
        "the lowest validation loss that any trial had shown by then, and of the test loss at the same epoch of that "
        "trial, scaled so that 0 is the best known loss of the task and 1 the worst (TaskSet: an untrained network). "
        "A table is searched by its rows: a proposal becomes the nearest row that the search has not used. Paused "
        "trials continue where they were, at no cost. Each repetition on each task has its own seeds, the same for all "
        "methods, and is a block.",
        budgets=budgets,
    )
