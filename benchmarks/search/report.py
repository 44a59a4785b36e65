"""The report of a benchmark of search methods: ranks, critical differences, best-so-far curves."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.harness.provenance import provenance_facts
from benchmarks.search.run import SearchResults
from benchmarks.search.statistics import LEVEL, Ranking
from benchmarks.search.trace import SearchTrace
from tunelab.documents.blocks import Block, Cell, Code, Document, Figure, Section, Table, Text
from tunelab.documents.style import COLOURS
from tunelab.report.axes import shortened
from tunelab.report.figures import loss_scale

POINTS = 60  # of a curve


def make_search_document(results: SearchResults) -> Document:
    """Return the report; the same searches always give the same report."""
    spec, provenance = results.spec, results.lock["provenance"]
    sections = [
        Section("Verdict", [Text(verdict(results.ranking))]),
        Section("Ranks", _ranks(results.ranking)),
        *(Section(task, _task_blocks(results, task)) for task in spec.tasks),
        Section("How it was measured", [Text(_how(results))]),
        Section(
            "Repeat it",
            [Code(provenance["command"]), Text("To see that it gives the same: tunelab bench verify FOLDER")],
        ),
    ]
    facts: dict[str, Cell] = {
        **provenance_facts(provenance),
        **{f"data digest of {task}": digest for task, digest in results.lock["resolved"]["data"].items()},
    }
    subtitle = (
        f"{', '.join(spec.methods)} on {', '.join(spec.tasks)}: {spec.seeds} repetitions, "
        f"{len(results.traces)} searches with equal budgets."
    )
    return Document("Methods of search compared", subtitle, sections, facts)


def verdict(ranking: Ranking) -> str:
    """Return the outcome in a sentence or two."""
    first, last = ranking.methods[0], ranking.methods[-1]
    place = f"{ranking.ranks[0]:.2f} of {len(ranking.methods)}, over {ranking.blocks} blocks"
    text = f"{first} has the best average rank, {place}"
    if ranking.friedman_p >= LEVEL:
        return f"{text}, but no difference between the methods is shown (p = {ranking.friedman_p:.2g})."
    gap = ranking.critical_difference
    behind = [m for m, r in zip(ranking.methods, ranking.ranks, strict=True) if r - ranking.ranks[0] >= gap]
    if behind:
        return f"{text}; it is better than {', '.join(behind)} by more than the critical difference of {gap:.2f}."
    close = f"but {first} and {last} by less than {gap:.2f}, the critical difference"
    return f"{text}; methods differ (p = {ranking.friedman_p:.2g}), {close}."


def _ranks(ranking: Ranking) -> list[Block]:
    rows: list[list[Cell]] = [
        list(row) for row in zip(ranking.methods, ranking.ranks, ranking.low, ranking.high, ranking.wins, strict=True)
    ]
    columns = ["method", "average rank", "95 % interval from", "to", "blocks it is best in"]
    return [critical_difference_figure(ranking), Table(columns, rows)]


def critical_difference_figure(ranking: Ranking) -> Figure:
    """Average ranks with intervals; methods that a bar joins do not differ by the critical difference."""
    names = list(ranking.methods)
    ranks = [shortened(r) for r in ranking.ranks]
    points = {
        **{"type": "scatter", "mode": "markers", "x": ranks, "y": names, "showlegend": False},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [shortened(h - r) for r, h in zip(ranking.ranks, ranking.high, strict=True)],
            "arrayminus": [shortened(r - lo) for r, lo in zip(ranking.ranks, ranking.low, strict=True)],
            "thickness": 2,
        },
        "marker": {"size": 11, "color": COLOURS[0]},
        "hovertemplate": "%{y}: %{x}<extra></extra>",
    }
    bars = [
        {
            **{"type": "scatter", "mode": "lines+markers", "showlegend": False, "hoverinfo": "skip"},
            "x": [shortened(1 - 0.08 * (index + 1))] * 2,
            "y": [names[i], names[j]],
            "line": {"color": COLOURS[3], "width": 6},
            "marker": {"size": 8, "symbol": "line-ew"},
        }
        for index, (i, j) in enumerate(ranking.groups())
    ]
    left = 1 - 0.08 * (len(bars) + 2)
    caption = (
        f"Average rank over {ranking.blocks} blocks, 1 is best, with 95 % bootstrap intervals. Methods that an orange "
        f"bar joins differ by less than the critical difference of {ranking.critical_difference:.2f} (Nemenyi, 5 %)."
    )
    layout = {
        "xaxis": {"title": {"text": "average rank"}, "range": [shortened(left), len(names) + 0.1]},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    return Figure([points, *bars], layout, caption, height=130 + 40 * len(names))


def _task_blocks(results: SearchResults, task: str) -> list[Block]:
    by_method = {m: [p for p in results.traces if p.task == task and p.method == m] for m in results.spec.methods}
    rows: list[list[Cell]] = [
        [
            name,
            *(float(q) for q in np.quantile([p.best for p in traces], [0.5, 0, 1])),
            float(np.mean([p.trials for p in traces])),
            float(np.mean([p.seconds[-1] for p in traces])),
        ]
        for name, traces in by_method.items()
    ]
    columns = ["method", "median of the lowest val_loss", "best", "worst", "trials", "seconds"]
    budget = results.budgets[task]
    epochs = [budget * (i + 1) / POINTS for i in range(POINTS)]
    longest = min(min(p.seconds[-1] for p in traces) for traces in by_method.values())
    seconds = [longest * (i + 1) / POINTS for i in range(POINTS)]
    return [
        _curves(by_method, epochs, lambda p: [float(e) for e, _ in p.steps], "epochs trained, all trials together"),
        _curves(by_method, seconds, lambda p: list(p.seconds[:-1]), "seconds"),
        Table(columns, rows, f"{budget} epochs a search, {results.spec.seeds} searches each."),
    ]


def _curves(
    by_method: dict[str, list[SearchTrace]],
    grid: Sequence[float],
    moments: Callable[[SearchTrace], list[float]],
    axis: str,
) -> Figure:
    """Return the median over repetitions of the lowest loss so far; ``moments`` says when a search's steps were."""
    lines, shown = [], []
    for index, (name, traces) in enumerate(by_method.items()):
        table = [[_at(moments(p), [loss for _, loss in p.steps], x) for x in grid] for p in traces]
        medians = [float(v) for v in np.median(table, axis=0)]
        points = [(shortened(x), shortened(y)) for x, y in zip(grid, medians, strict=True) if math.isfinite(y)]
        shown += [y for _, y in points]
        lines.append(
            {
                **{"type": "scatter", "mode": "lines", "name": name},
                **{"x": [x for x, _ in points], "y": [y for _, y in points]},
                "line": {"shape": "hv", "width": 2, "color": COLOURS[index % len(COLOURS)]},
            }
        )
    layout = {
        "xaxis": {"title": {"text": axis}, "rangemode": "tozero"},
        "yaxis": {**loss_scale(shown), "title": {"text": "lowest val_loss"}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    return Figure(lines, layout, f"Median over repetitions of the lowest validation loss so far, over {axis}.", 360)


def _at(moments: Sequence[float], losses: Sequence[float], moment: float) -> float:
    """Return the lowest loss at a moment; inf before the first."""
    place = bisect.bisect_right(moments, moment)
    return losses[place - 1] if place else math.inf


def _how(results: SearchResults) -> str:
    return (
        "Each search draws trials one after another from the task's default space, without the reference "
        f"configuration, until the epochs of {results.spec.full_trials} full trials are spent. Samplers learn from "
        "stopped trials as the sweeps of this platform do. Classes named from Optuna and Ray have their own defaults, "
        "with a trial's full length and grace period where they take them; Ray's searchers see every parameter of the "
        "space as if none were conditional. A method's result is the lowest validation loss it met. "
        "Repetitions have the same seeds for all methods. A block is one repetition on one task; blocks of one task "
        "are alike, so that ranks speak of these tasks, not of tasks at large."
    )
