"""The figures of a report."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from benchmarks.generation.measure.optimize import Tuning
from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.report.tables import title
from tunelab.documents.blocks import Figure
from tunelab.figures.ticks import log_axis
from tunelab.records.text import format_number
from tunelab.system.language import tr

FRONT, OTHER, BASE, HUMAN_COLOUR = "#d55e00", "#0072b2", "#009e73", "#cc79a7"
LABEL_PLACES = {  # beside a point, in shares of the figure
    "top center": (0.0, 0.05),
    "bottom center": (0.0, -0.05),
    "middle left": (-0.09, 0.0),
}
INTERVAL = "#7f8c8d"  # stands out on white and on black


def pareto_front(costs: Sequence[tuple[float, ...]]) -> list[int]:
    """Return points that no other point beats: lower or equal in every coordinate, lower in one. NaN never belongs."""
    usable = [i for i, cost in enumerate(costs) if not any(math.isnan(c) for c in cost)]

    def beats(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    return [i for i in usable if not any(beats(costs[j], costs[i]) for j in usable)]


def diversity_pareto(results: Results) -> Figure:
    """Plot distance to human text against distinct-2, front marked."""
    names = [s.name for s in results.plan.settings]
    figures = [results.figures(name) for name in names]
    x = [f["single_distinct_2"] for f in figures]
    y = [f["human_distance"] for f in figures]
    caption = tr(
        "The lower, the nearer to human text; the further right, the more diverse. Dotted: no setting beats these on "
        "both."
    )
    return _scatter(results, names, x, y, tr("distinct-2, one text per prompt"), caption)


def speed_pareto(results: Results) -> Figure:
    """Plot distance to human text against batched tokens a second, front marked."""
    names = [s.setting for s in results.speeds]
    x = [s.batched_tokens_per_s for s in results.speeds]
    y = [results.figures(name)["human_distance"] for name in names]
    caption = tr(
        "The lower, the nearer to human text; the further right, the faster. Dotted: no setting beats these on both."
    )
    return _scatter(results, names, x, y, tr("tokens/s batched"), caption)


def perplexities(results: Results) -> Figure:
    """Plot the perplexity of every setting beside that of the human text, on the prompts where this is known."""
    table = results.human_table or results.table
    rows = [row for row in table.rows if row.name != HUMAN]
    values = _defined([row.figures["perplexity"] for row in rows])
    points = {  # no bars: on a logarithmic axis their length says nothing
        **{"type": "scatter", "mode": "markers", "y": [r.name for r in rows]},
        "x": values,
        "marker": {"size": 11, "color": [BASE if r.name == results.plan.baseline else OTHER for r in rows]},
        "hovertemplate": "%{y}: %{x:.3g}<extra></extra>",
    }
    layout: dict[str, Any] = {
        "xaxis": {**log_axis([v for v in values if v is not None]), "title": {"text": tr("perplexity (log scale)")}},
        "yaxis": {"type": "category", "autorange": "reversed"},
        "margin": {"t": 40},  # for the words on the human text
    }
    if table.human:
        human = table.human.figures["perplexity"]
        layout["shapes"] = [vertical(human, HUMAN_COLOUR, "dash")]
        layout["annotations"] = [
            {
                **{"x": math.log10(human), "y": 1, "yref": "paper", "xanchor": "right", "yanchor": "bottom"},
                **{"text": tr("human text {value}", value=format_number(human, 3)), "showarrow": False},
            }
        ]
    return Figure([points], layout, tr("Perplexity under the model, by setting."), height=120 + 26 * len(rows))


def tuning_history(tuning: Tuning) -> Figure:
    """Plot every trial's value and the best so far."""
    values = [t.value for t in tuning.trials]
    best = [min((v for v in values[: i + 1] if not math.isnan(v)), default=math.nan) for i in range(len(values))]
    numbers = list(range(len(values)))
    trials = {
        **{"type": "scatter", "mode": "markers", "name": tr("trial"), "x": numbers, "y": _defined(values)},
        **{"text": [t.decoding.name for t in tuning.trials], "hovertemplate": "%{text}: %{y:.3g}<extra></extra>"},
    }
    step = {"type": "scatter", "mode": "lines", "name": tr("best so far"), "x": numbers, "y": _defined(best)}
    layout = {"xaxis": {"title": {"text": tr("trial")}}, "yaxis": {"title": {"text": title(tuning.objective)}}}
    caption = tr("The search on the tuning prompts.")
    return Figure([trials, {**step, "line": {"shape": "hv"}}], layout, caption, height=320)


def forest(results: Results, metric: str, what: str) -> Figure:
    """Plot differences to the baseline with their intervals; filled where significant after Holm's correction."""
    chosen = [c for c in results.comparisons if c.metric == metric]
    clear = [c.significant for c in chosen]
    colours = [FRONT if c else OTHER for c in clear]
    points = {
        **{"type": "scatter", "mode": "markers", "y": [c.setting for c in chosen]},
        "x": _defined([c.difference for c in chosen]),
        "marker": {
            "color": colours,
            "symbol": ["circle" if c else "circle-open" for c in clear],
            "size": 9,
            "line": {"width": 2, "color": colours},  # thinner, an open point is not seen on black
        },
        "error_x": {
            "type": "data",
            "color": INTERVAL,
            "symmetric": False,
            "array": _defined([c.high - c.difference for c in chosen]),
            "arrayminus": _defined([c.difference - c.low for c in chosen]),
        },
        "customdata": [_defined([c.low, c.high, c.p_holm]) for c in chosen],
        "hovertemplate": "%{y}: %{x:.3g} [%{customdata[0]:.3g}, %{customdata[1]:.3g}], p %{customdata[2]:.3g}"
        "<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": tr("difference to {baseline}", baseline=results.plan.baseline)}},
        "yaxis": {"type": "category", "autorange": "reversed"},
        "shapes": [vertical(0.0, BASE, "dot")],
    }
    caption = tr("{what}: filled points differ from the baseline at 5 % after Holm's correction.", what=what)
    return Figure([points], layout, caption, height=120 + 26 * len(results.plan.settings))


def vertical(x: float, colour: str, dash: str) -> dict[str, Any]:
    """Return a rule over the whole height, as a shape of plotly's layout."""
    line = {"color": colour, "dash": dash}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _defined(values: Sequence[float]) -> list[float | None]:
    """Return None for NaN and infinity, which JSON does not have."""
    return [value if math.isfinite(value) else None for value in values]


def _scatter(results: Results, names: list[str], x: list[float], y: list[float], axis: str, caption: str) -> Figure:
    """Plot distance to human text against something that is better when it is larger."""
    front = pareto_front([(-a, b) for a, b in zip(x, y, strict=True)])
    colours = [
        FRONT if i in front else BASE if name == results.plan.baseline else OTHER for i, name in enumerate(names)
    ]
    line = sorted(front, key=lambda i: x[i])
    first = sorted(range(len(names)), key=lambda i: (i not in front, names[i] != results.plan.baseline, i))
    base = {i for i, name in enumerate(names) if name == results.plan.baseline}
    labels = _labels(x, y, first, {*front, *base})
    front_line = {
        **{"type": "scatter", "mode": "lines", "name": tr("Pareto front"), "hoverinfo": "skip"},
        **{"x": _defined([x[i] for i in line]), "y": _defined([y[i] for i in line])},
        "line": {"color": FRONT, "dash": "dot"},
    }
    points = {
        **{"type": "scatter", "mode": "markers+text", "name": tr("settings"), "x": _defined(x), "y": _defined(y)},
        "text": [name if i in labels else "" for i, name in enumerate(names)],
        "hovertext": names,
        "textposition": [labels.get(i, "top center") for i in range(len(names))],
        "textfont": {"size": 11},
        "marker": {"size": 11, "color": colours},
        "hovertemplate": "%{hovertext}<br>%{x:.4g}, %{y:.3g}<extra></extra>",
        "cliponaxis": False,
    }
    layout = {
        "showlegend": False,
        "xaxis": {"title": {"text": axis}},
        "yaxis": {"title": {"text": tr("distance to human text, nats")}},
    }
    return Figure([front_line, points], layout, caption)


def _labels(x: list[float], y: list[float], order: list[int], always: Collection[int]) -> dict[int, str]:
    """Return label positions in plotly's names for the points with space for one; others show theirs on hover.

    Args:
        x: the points' horizontal places.
        y: their vertical places.
        order: the points, the first one labelled first.
        always: points that get a label even where it covers something.
    """
    width, height = (max(v) - min(v) or 1.0 for v in (x, y))
    points = [(a / width, b / height) for a, b in zip(x, y, strict=True)]
    taken: list[tuple[float, float]] = []  # the middles of labels
    chosen: dict[int, str] = {}
    for i in order:
        places = {name: (points[i][0] + dx, points[i][1] + dy) for name, (dx, dy) in LABEL_PLACES.items()}
        free = [
            name
            for name, (a, b) in places.items()
            if not any(abs(a - c) < 0.08 and abs(b - d) < 0.04 for j, (c, d) in enumerate(points) if j != i)
            and not any(abs(a - c) < 0.3 and abs(b - d) < 0.07 for c, d in taken)
            and (name != "middle left" or a - min(points)[0] > 0.2)  # it would leave the figure
        ]
        if free or i in always:
            chosen[i] = free[0] if free else "top center"
            taken.append(places[chosen[i]])
    return chosen
