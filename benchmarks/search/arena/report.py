"""The report of a benchmark on recorded learning curves: ranks, regret over budget, every task."""

from __future__ import annotations

import numpy as np

from benchmarks.harness.provenance import provenance_facts
from benchmarks.search.arena.ranks import SPLITS, ArenaRanking, regret_table
from benchmarks.search.arena.run import ArenaResults
from benchmarks.search.report import critical_difference_figure, verdict
from tunelab.documents.blocks import Block, Cell, Code, Document, Figure, Section, Table, Text
from tunelab.documents.style import COLOURS
from tunelab.report.axes import shortened

POINTS = 40  # of a curve over the budget


def make_arena_document(results: ArenaResults) -> Document:
    """Return the report; the same searches give the same report."""
    spec, provenance = results.spec, results.lock["provenance"]
    largest = max(spec.full_trainings)
    decided = [r for r in results.rankings if r.full_trainings == largest and r.split == "validation"]
    sections = [
        Section("Verdict", [Text(f"{_where(r)}: {verdict(r.ranking)}") for r in decided]),
        *(Section(f"Ranks: {_where(r)}", _rank_blocks(results, r)) for r in decided),
        *(Section(f"Tasks: {_where(r)}", [_task_table(results, r)]) for r in decided),
        Section("Decisions", [_decision_table(results)]),
        Section("How it was measured", [Text(_how(results))]),
        Section(
            "Repeat it",
            [Code(provenance["command"]), Text("To check that it gives the same: tunelab bench verify FOLDER")],
        ),
    ]
    facts: dict[str, Cell] = {
        **provenance_facts(provenance),
        "versions of the methods": ", ".join(f"{n} {v}" for n, v in results.lock["resolved"]["packages"].items()),
    }
    subtitle = (
        f"{len(spec.methods)} methods on {len(results.tasks)} tasks with recorded learning curves: {spec.repetitions} "
        f"repetitions, {len(results.traces)} searches."
    )
    return Document("Methods of search on recorded curves", subtitle, sections, facts)


def arena_verdict(results: ArenaResults) -> list[str]:
    """Return the outcome at the largest budget, a line for each number of workers."""
    largest = max(results.spec.full_trainings)
    return [
        f"{_where(r)}: {verdict(r.ranking)}"
        for r in results.rankings
        if r.full_trainings == largest and r.split == "validation"
    ]


def _where(ranking: ArenaRanking) -> str:
    workers = "1 worker" if ranking.workers == 1 else f"{ranking.workers} workers"
    return f"{workers}, {ranking.full_trainings} full trainings"


def _rank_blocks(results: ArenaResults, shown: ArenaRanking) -> list[Block]:
    spec = results.spec
    same = [r for r in results.rankings if r.workers == shown.workers]
    columns = ["method"]
    cells: dict[str, list[Cell]] = {method: [method] for method in shown.ranking.methods}
    for r in same:
        columns += [f"rank, {r.full_trainings}, {r.split}", f"regret, {r.full_trainings}, {r.split}"]
        for method, place, regret in zip(r.ranking.methods, r.ranking.ranks, r.regrets, strict=True):
            cells[method] += [place, regret]
    by_task = shown.by_task
    rows: list[list[Cell]] = [[m, r] for m, r in zip(by_task.methods, by_task.ranks, strict=True)]
    caption = (
        f"Average rank over the {by_task.blocks} tasks, each with the mean regret of {spec.repetitions} repetitions; "
        f"critical difference {by_task.critical_difference:.2f}."
    )
    return [
        critical_difference_figure(shown.ranking),
        Table(columns, list(cells.values()), "Average rank and mean normalised regret by budget and split."),
        *(_curves(results, shown.workers, split) for split in SPLITS),
        Table(["method", "average rank over tasks"], rows, caption),
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
            **{"x": [shortened(x) for x in grid], "y": [shortened(max(float(y), 1e-6)) for y in means[:, column]]},
            "line": {"width": 2, "color": COLOURS[column % len(COLOURS)]},
        }
        for column, method in enumerate(spec.methods)
    ]
    layout = {
        "xaxis": {"title": {"text": "budget in full trainings"}, "rangemode": "tozero"},
        "yaxis": {"type": "log", "title": {"text": f"mean {split} regret"}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    return Figure(lines, layout, f"Mean normalised {split} regret over all tasks and repetitions.", 380)


def _task_table(results: ArenaResults, shown: ArenaRanking) -> Table:
    spec = results.spec
    table = regret_table(spec, results.tasks, results.traces, shown.full_trainings)
    means = table[:, spec.workers.index(shown.workers), :, :, 0].mean(axis=1)
    rows: list[list[Cell]] = [
        [task.name, *(float(v) for v in values)] for task, values in zip(results.tasks, means, strict=True)
    ]
    return Table(["task", *spec.methods], rows, "Mean validation regret.")


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
    columns = ["method", "trials of a search", "idle workers, fraction", "decisions, ms an epoch"]
    return Table(columns, rows, "Means over all searches; the real time of decisions differs from run to run.")


def _how(results: ArenaResults) -> str:
    budgets = ", ".join(map(str, results.spec.full_trainings))
    return (
        "No model is trained: each configuration has a recorded or estimated learning curve, and simulated workers "
        "spend the curve's time on each epoch, on one clock, so that trials end out of order. A budget counts the "
        f"epochs of all workers together: those of {budgets} trials at full length. The regret of a search is that of "
        "the lowest validation loss that any trial had shown by then, and of the test loss at the same epoch of that "
        "trial, scaled so that 0 is the best known loss of the task and 1 the worst (TaskSet: an untrained network). "
        "A table is searched by its rows: a proposal becomes the nearest row that the search has not used. Paused "
        "trials continue where they were, at no cost. Repetitions have the same seeds for all methods. A block is one "
        "repetition on one task."
    )
