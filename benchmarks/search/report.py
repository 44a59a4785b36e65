"""The report of a benchmark of search methods: ranks, critical differences, best-so-far curves."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.harness.provenance import digest_facts, provenance_facts, repeat_section
from benchmarks.search.run import SearchResults
from benchmarks.search.statistics import LEVEL, Ranking
from benchmarks.search.trace import SearchTrace
from tunelab.documents.blocks import Block, Cell, Document, Figure, Section, Table, Text
from tunelab.documents.style import COLOURS
from tunelab.records.text import format_number
from tunelab.report.figures import loss_scale, shortened
from tunelab.system.language import tr

POINTS = 60  # of a curve


def make_search_document(results: SearchResults) -> Document:
    """Return the report; the same searches always give the same report."""
    spec, provenance = results.spec, results.lock["provenance"]
    sections = [
        Section(tr("Verdict"), [Text(verdict(results.ranking))]),
        Section(tr("Ranks"), _ranks(results.ranking)),
        *(Section(task, _task_blocks(results, task)) for task in spec.tasks),
        Section(tr("How it was measured"), [Text(_how(results))]),
        repeat_section(provenance["command"]),
    ]
    subtitle = tr(
        "{methods} on {tasks}, repetitions: {seeds}, searches with equal budgets: {searches}.",
        methods=", ".join(spec.methods),
        tasks=", ".join(spec.tasks),
        seeds=spec.seeds,
        searches=len(results.traces),
    )
    facts = {**provenance_facts(provenance), **digest_facts(results.lock["resolved"]["data"])}
    return Document(tr("Methods of search compared"), subtitle, sections, facts)


def verdict(ranking: Ranking) -> str:
    """Return the outcome in a sentence or two."""
    first, last = ranking.methods[0], ranking.methods[-1]
    text = tr(
        "{method} has the best average rank, {rank:.2f} of {count}, over {blocks} blocks",
        method=first,
        rank=ranking.ranks[0],
        count=len(ranking.methods),
        blocks=ranking.blocks,
    )
    if ranking.friedman_p >= LEVEL:
        why = tr("no difference between the methods is shown (p = {p})", p=format_number(ranking.friedman_p, 2))
        return f"{text}; {why}."
    gap = ranking.critical_difference
    behind = [m for m, r in zip(ranking.methods, ranking.ranks, strict=True) if r - ranking.ranks[0] >= gap]
    if behind:
        why = tr(
            "it is better than {methods} by more than the critical difference of {gap:.2f}",
            methods=", ".join(behind),
            gap=gap,
        )
        return f"{text}; {why}."
    why = tr(
        "methods differ (p = {p}), but {first} and {last} by less than {gap:.2f}, the critical difference",
        p=format_number(ranking.friedman_p, 2),
        first=first,
        last=last,
        gap=gap,
    )
    return f"{text}; {why}."


def _ranks(ranking: Ranking) -> list[Block]:
    rows: list[list[Cell]] = [
        list(row) for row in zip(ranking.methods, ranking.ranks, ranking.low, ranking.high, ranking.wins, strict=True)
    ]
    columns = [tr("method"), tr("average rank"), tr("95 % interval from"), tr("to"), tr("blocks it is best in")]
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
    caption = tr(
        "Average rank over {blocks} blocks, 1 is best, with 95 % bootstrap intervals. Methods that an orange bar joins "
        "differ by less than the critical difference of {gap:.2f} (Nemenyi, 5 %).",
        blocks=ranking.blocks,
        gap=ranking.critical_difference,
    )
    layout = {
        "xaxis": {"title": {"text": tr("average rank")}, "range": [shortened(left), len(names) + 0.1]},
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
    columns = [
        *(tr("method"), tr("median of the lowest val_loss"), tr("best"), tr("worst"), tr("trials"), tr("seconds")),
    ]
    budget = results.budgets[task]
    caption = tr("{epochs} epochs a search, {searches} searches each.", epochs=budget, searches=results.spec.seeds)
    epochs = [budget * (i + 1) / POINTS for i in range(POINTS)]
    longest = min(min(p.seconds[-1] for p in traces) for traces in by_method.values())
    seconds = [longest * (i + 1) / POINTS for i in range(POINTS)]
    return [
        _curves(by_method, epochs, lambda p: [float(e) for e, _ in p.steps], tr("epochs trained, all trials together")),
        _curves(by_method, seconds, lambda p: list(p.seconds[:-1]), tr("seconds")),
        Table(columns, rows, caption),
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
        "yaxis": {**loss_scale(shown), "title": {"text": tr("lowest val_loss")}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    caption = tr("Median over repetitions of the lowest validation loss so far, over {axis}.", axis=axis)
    return Figure(lines, layout, caption, 360)


def _at(moments: Sequence[float], losses: Sequence[float], moment: float) -> float:
    """Return the lowest loss at a moment; inf before the first."""
    place = bisect.bisect_right(moments, moment)
    return losses[place - 1] if place else math.inf


def _how(results: SearchResults) -> str:
    return tr(
        "Each search draws trials one after another from the task's default space, without the reference "
        "configuration, until its budget of epochs is spent (full trials: {count}). Samplers learn from stopped trials "
        "as the sweeps of this platform do. Classes named from Optuna and Ray have their own defaults, with a trial's "
        "full length and grace period where they take them; Ray's searchers see every parameter of the space as if "
        "none were conditional. A method's result is the lowest validation loss it met. Repetitions have the same "
        "seeds for all methods. A block is one repetition on one task; blocks of one task are alike, so that ranks "
        "speak of these tasks, not of tasks at large.",
        count=results.spec.full_trials,
    )
