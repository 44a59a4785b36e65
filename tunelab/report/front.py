"""The Pareto front in a report: where the trials lie, which hold on fresh seeds, which luck put there."""

from __future__ import annotations

from collections.abc import Sequence

from tunelab.analysis.front import front_text
from tunelab.display.display import short_config
from tunelab.documents.blocks import Block, Cell, Figure, Section, Table, Text
from tunelab.documents.style import COLOURS
from tunelab.records.front import ParetoFront, PointOutcome
from tunelab.records.result import SweepResult
from tunelab.records.text import format_interval
from tunelab.records.trial import TrialRecord
from tunelab.report.figures import Trace, point_text, shortened
from tunelab.report.limits import most_trials, thinned, thinned_text
from tunelab.system.language import tr, tr_term

OTHERS, HOLDS, LUCK, UNCLEAR = COLOURS[7], COLOURS[2], COLOURS[3], COLOURS[1]
GROUPS = (
    ("on the front", COLOURS[0], (PointOutcome.UNCONFIRMED, PointOutcome.FAILED)),
    ("holds on fresh seeds", HOLDS, (PointOutcome.HOLDS,)),
    ("unclear", UNCLEAR, (PointOutcome.UNCLEAR,)),
    ("luck", LUCK, (PointOutcome.LUCK,)),
)
COLUMNS = 4  # what a trial weighs in the figure, as columns of a table


def front_section(result: SweepResult) -> Section | None:
    """Return the front as a figure and a table; None for a search with one objective."""
    front = result.front
    if front is None:
        return None
    blocks: list[Block] = [Text(front_text(front)), Text(_method(front), soft=True), front_figure(result, front)]
    return Section(tr("Pareto front"), [*blocks, front_table(result, front)])


def front_table(result: SweepResult, front: ParetoFront) -> Table:
    """Return the front's points with their values, those on fresh seeds and their configurations."""
    names = [objective.metric for objective in front.objectives]
    confirmed = bool(front.seeds)
    columns = [tr("trial"), *(f"{o.metric} {'↑' if o.direction == 'maximize' else '↓'}" for o in front.objectives)]
    if confirmed:
        columns += [tr("{metric}, fresh seeds", metric=name) for name in names]
        columns += [tr("outcome"), tr("beaten by")]
    by_number = {trial.number: trial for trial in result.trials}
    rows: list[list[Cell]] = []
    for point in front.points:
        row: list[Cell] = [str(point.trial), *point.values]
        if confirmed:
            pairs = zip(point.means, point.half_widths, strict=True)
            spread: list[Cell] = [format_interval(mean, half_width) for mean, half_width in pairs]
            beaten = None if point.beaten_by is None else tr("trial {number}", number=point.beaten_by)
            nothing: list[Cell] = [None] * len(names)
            row += [*(spread or nothing), tr_term(str(point.outcome)), beaten]
        rows.append([*row, short_config(by_number[point.trial])])
    leader = front.leader
    marked = tuple(i for i, point in enumerate(front.points) if leader is not None and point.trial == leader.trial)
    return Table([*columns, tr("configuration")], rows, marked=marked)


def front_figure(result: SweepResult, front: ParetoFront) -> Figure:
    """Draw all trials over the first two objectives, the front's points marked by what fresh seeds say."""
    objectives = front.objectives[:2]
    on_front = {point.trial: point for point in front.points}
    others = [trial for trial in result.ranked() if trial.number not in on_front]
    shown = thinned(others, most_trials(COLUMNS))
    values = {
        t.number: [o.loss(x) for o, x in zip(objectives, t.losses(front.objectives), strict=False)] for t in shown
    }
    values |= {point.trial: list(point.values[:2]) for point in front.points}
    by_number = {trial.number: trial for trial in result.trials}
    line = sorted(on_front, key=lambda number: values[number][0])
    traces: list[Trace] = [
        _trace([t for t in shown if t.is_feasible], values, tr("dominated"), OTHERS, 6),
        _trace([t for t in shown if not t.is_feasible], values, tr("violates a constraint"), OTHERS, 6, symbol="x"),
        {
            **{"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip"},
            **{"x": [shortened(values[n][0]) for n in line], "y": [shortened(values[n][1]) for n in line]},
            "line": {"color": COLOURS[0], "width": 1, "dash": "dot"},
        },
        *(
            _trace(
                [by_number[p.trial] for p in front.points if p.outcome in outcomes], values, tr_term(name), colour, 11
            )
            for name, colour, outcomes in GROUPS
        ),
    ]
    ways = {"maximize": tr("higher is better"), "minimize": tr("lower is better")}
    axes = [f"{o.metric} ({ways[o.direction]})" for o in objectives]
    caption = tr("Every trial with a result; the dotted line joins the front.")
    if len(front.objectives) > len(objectives):
        caption += f" {tr('The first two of {count} objectives.', count=len(front.objectives))}"
    return Figure(
        [trace for trace in traces if trace["x"]],
        {
            "xaxis": {"title": {"text": axes[0]}},
            "yaxis": {"title": {"text": axes[1]}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        },
        caption + thinned_text(len(shown), len(others)),
    )


def _trace(
    trials: Sequence[TrialRecord],
    values: dict[int, list[float]],
    name: str,
    colour: str,
    size: int,
    symbol: str = "circle",
) -> Trace:
    return {
        **{"type": "scatter", "mode": "markers", "name": name},
        "x": [shortened(values[t.number][0]) for t in trials],
        "y": [shortened(values[t.number][1]) for t in trials],
        "text": [point_text(t) for t in trials],
        "hovertemplate": "%{text}<br>%{x}, %{y}<extra>" + name + "</extra>",
        "marker": {"color": colour, "size": size, "symbol": symbol, "opacity": 0.8},
    }


def _method(front: ParetoFront) -> str:
    text = tr(
        "No other trial is better in every objective; a trial's values are those of its best epoch by the first one."
    )
    if not front.seeds:
        return text
    seeds = tr(
        "On {count} fresh seeds a point holds when no other point has better means throughout. When "
        "one has, it is luck if the other is shown to be better in one objective (p < 0.05 over seeds), else unclear. "
        "A constraint that is violated on average is luck, too.",
        count=len(front.seeds),
    )
    return f"{text} {seeds}"
