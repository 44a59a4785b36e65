"""The report's figures, as plotly traces of plain rounded numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.analysis.progress import best_so_far
from tunelab.display.display import short_config
from tunelab.documents.blocks import Figure
from tunelab.documents.style import COLOURS
from tunelab.figures.ticks import log_axis, wants_log, whole_ticks
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.report.axes import ABSENT, Axis, axis_of, axis_of_losses, shortened
from tunelab.report.limits import MAX_CURVES, MAX_POINTS, every, most_trials, thinned, thinned_text
from tunelab.system.language import tr

FINISHED, WINNER, REFERENCE, STOPPED = COLOURS[0], COLOURS[3], COLOURS[2], COLOURS[7]
SCALE = ((0.0, "#d55e00"), (0.25, "#e69f00"), (1.0, "#56b4e9"))  # best to worst place
HISTORY_COLUMNS = 4  # what a point of the history weighs, as columns of a table
Trace = dict[str, Any]


def importance_figure(fractions: Mapping[str, float], count: int) -> Figure:
    """Return a bar for each parameter, the largest on top.

    Args:
        fractions: those to show, the largest first.
        count: of all parameters.
    """
    caption = tr("Which hyperparameters decide whether a trial is among the best quarter.")
    if len(fractions) < count:
        caption += f" {tr('Others, with a smaller share or none: {count:,}.', count=count - len(fractions))}"
    names = list(reversed(list(fractions)))
    bars = {"type": "bar", "orientation": "h", "y": names, "x": [shortened(100 * fractions[n]) for n in names]}
    return Figure(
        [{**bars, "marker": {"color": FINISHED}, "hovertemplate": "%{y}: %{x:.3g} %<extra></extra>"}],
        {
            "xaxis": {"title": {"text": tr("share, %")}, "rangemode": "tozero"},
            "yaxis": {"type": "category"},
        },
        caption,
        height=110 + 26 * len(names),
    )


def parallel_figure(result: SweepResult, names: Sequence[str]) -> Figure:
    """Return a line for each trial through all its parameters to its loss, coloured by its place."""
    ranked = result.ranked()
    shown = thinned(list(enumerate(ranked, 1)), most_trials(len(names) + 1))
    places, trials = [place for place, _ in reversed(shown)], [t for _, t in reversed(shown)]  # the best drawn last
    axes = axes_of(result, names)
    axes_and_values = [(axis, [axis.position(t.params.get(axis.name, ABSENT)) for t in trials]) for axis in axes]
    measure = result.measure
    values = [measure.value(t.val_loss) for t in trials]
    losses = axis_of_losses(measure.name, values)
    axes_and_values.append((losses, [losses.position(value) for value in values]))
    trace = {
        "type": "parcoords",
        "line": {
            "color": places,
            "colorscale": [list(stop) for stop in SCALE],
            "showscale": True,
            "colorbar": {"title": {"text": tr("place")}, "thickness": 12, "len": 0.9, **whole_ticks(places)},
        },
        "dimensions": [_dimension(axis, values) for axis, values in axes_and_values],
        "labelangle": -20,
    }
    return Figure(
        [trace],
        {"margin": {"l": 70, "r": 40, "t": 90, "b": 30}},
        tr("Every trial with a result; drag along an axis to keep a range of it, drag an axis to move it.")
        + thinned_text(len(trials), len(ranked)),
        height=460,
        wide=True,
    )


def _dimension(axis: Axis, values: Sequence[float]) -> Trace:
    positions, texts = axis.ticks()
    return {"label": axis.name, "values": list(values), "range": axis.range(), "tickvals": positions, "ticktext": texts}


def axes_of(result: SweepResult, names: Sequence[str]) -> list[Axis]:
    """Return axes of parameters of the space, over the trials with a result."""
    trials = result.ranked()
    return [axis_of(name, result.space[name], [t.params.get(name, ABSENT) for t in trials]) for name in names]


def slice_figures(result: SweepResult, names: Sequence[str]) -> list[Figure]:
    """For each parameter, the loss of every trial over its value; see ``slice_trials``."""
    trials, measure = slice_trials(result, names), result.measure
    scale = loss_scale([measure.value(t.val_loss) for t in trials])
    groups = [
        (tr("stopped early"), STOPPED, [t for t in trials if t.status is TrialStatus.STOPPED]),
        (tr("finished"), FINISHED, [t for t in trials if t.status is TrialStatus.FINISHED]),
        (tr("winner"), WINNER, [t for t in trials if result.best is not None and t.number == result.best.trial]),
    ]
    drawings = []
    for axis in axes_of(result, names):
        positions, texts = axis.ticks()
        traces = [
            _points([axis.position(t.params.get(axis.name, ABSENT)) for t in some], some, measure, name, colour)
            for name, colour, some in groups
            if some
        ]
        layout = {
            "xaxis": {"tickvals": positions, "ticktext": texts, "range": axis.range()},
            "yaxis": scale,
            "showlegend": False,
            "margin": {"l": 45, "r": 36, "t": 32, "b": 35},  # half of the last tick's text lies beyond the axis
        }
        drawings.append(
            Figure(traces, layout, tr("{metric} by {parameter}", metric=measure.name, parameter=axis.name), height=250)
        )
    return drawings


def slice_trials(result: SweepResult, names: Sequence[str]) -> list[TrialRecord]:
    """Return the trials that slices of these parameters show, best first."""
    return thinned(result.ranked(), most_trials(len(names)))


def _points(xs: Sequence[float], trials: Sequence[TrialRecord], measure: Measure, name: str, colour: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(xs),
        "y": [shortened(measure.value(t.val_loss)) for t in trials],
        "text": [point_text(t) for t in trials],
        "hovertemplate": "%{text}<br>" + measure.name + " %{y}<extra>" + name + "</extra>",
        "marker": {"color": colour, "size": 11 if colour == WINNER else 7, "opacity": 0.8},
    }


def point_text(trial: TrialRecord) -> str:
    """Return what hovering over a trial's point shows: its number, its epochs and its configuration."""
    head = tr("trial {number}, {epochs} epochs", number=trial.number, epochs=len(trial.epochs))
    return f"{head}\n{short_config(trial)}"


def curves_figure(result: SweepResult, reference: int | None) -> Figure:
    """Draw the validation loss of every trial after each epoch; the best few hundred when there are more.

    Args:
        result: the sweep.
        reference: the number of the reference configuration's trial.
    """
    ranked, measure = result.ranked(), result.measure
    shown = ranked[:MAX_CURVES]
    special = {} if reference is None else {reference: (tr("reference"), REFERENCE)}
    if result.best is not None:
        special[result.best.trial] = (tr("winner"), WINNER)
    traces = [
        _many_curves([t for t in shown if t.status is status], measure, name, colour, _most_points(len(shown)))
        for status, name, colour in (
            (TrialStatus.STOPPED, tr("stopped early"), STOPPED),
            (TrialStatus.FINISHED, tr("finished"), FINISHED),
        )
    ]
    traces += [
        _curve(t, measure, *special[t.number]) for t in sorted(ranked, key=lambda t: -t.number) if t.number in special
    ]
    losses = [measure.value(e.val_loss) for t in shown for e in _finite(t)]
    lengths = [0.0, *(float(len(t.epochs)) for t in shown)]
    caption = [tr("The {measure} after each epoch of each trial with a result.", measure=measure.phrase)]
    if len(ranked) > MAX_CURVES:
        caption.append(tr("The {shown} best of {count:,} trials.", shown=MAX_CURVES, count=len(ranked)))
    if any(len(t.epochs) > _most_points(len(shown)) for t in shown):
        caption.append(tr("Long curves are drawn through some of their epochs."))
    return Figure(
        [trace for trace in traces if trace["x"]],
        {
            "xaxis": {"title": {"text": tr("epoch")}, "rangemode": "tozero", **whole_ticks(lengths)},
            "yaxis": {**loss_scale(losses), "title": {"text": measure.name}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        },
        " ".join(caption),
        height=460,
    )


def _most_points(curves: int) -> int:
    return MAX_POINTS // max(1, curves)


def _finite(trial: TrialRecord) -> list[Epoch]:
    return [e for e in trial.epochs if math.isfinite(e.val_loss)]


def _many_curves(trials: Sequence[TrialRecord], measure: Measure, name: str, colour: str, most: int) -> Trace:
    """Return one trace with gaps: a trace for each trial would make the page slow."""
    xs: list[int | None] = []
    ys: list[float | None] = []
    texts: list[str] = []
    for trial in trials:
        epochs = every(_finite(trial), most)
        xs += [*(e.epoch for e in epochs), None]
        ys += [*(shortened(measure.value(e.val_loss)) for e in epochs), None]
        texts += [tr("trial {number}", number=trial.number)] * (len(epochs) + 1)
    line = {"color": colour, "width": 1}
    return {
        **{"type": "scatter", "mode": "lines+markers", "name": name, "x": xs, "y": ys, "text": texts, "line": line},
        **{
            "marker": {"size": 3, "color": colour},
            "opacity": 0.7,
            "hovertemplate": "%{text}, " + tr("epoch") + " %{x}: %{y}",
        },
    }


def _curve(trial: TrialRecord, measure: Measure, name: str, colour: str) -> Trace:
    epochs = every(_finite(trial), MAX_POINTS // MAX_CURVES * 10)
    return {
        **{
            "type": "scatter",
            "mode": "lines+markers",
            "name": tr("{name} (trial {number})", name=name, number=trial.number),
        },
        **{"x": [e.epoch for e in epochs], "y": [shortened(measure.value(e.val_loss)) for e in epochs]},
        **{"line": {"color": colour, "width": 2.5}, "marker": {"size": 5, "color": colour}},
    }


def history_figure(result: SweepResult) -> Figure:
    """Each trial's loss when it ended, and the best loss so far, over the seconds of the search."""
    began = min(t.started for t in result.trials)
    ranked, measure = result.ranked(), result.measure
    steps = best_so_far(result)
    shown = thinned(ranked, most_trials(HISTORY_COLUMNS))
    groups = [(tr("stopped early"), STOPPED, TrialStatus.STOPPED), (tr("finished"), FINISHED, TrialStatus.FINISHED)]
    traces = [
        _points([round(t.ended - began, 3) for t in some], some, measure, name, colour)
        for name, colour, status in groups
        if (some := [t for t in shown if t.status is status])
    ]
    step: Trace = {
        **{"type": "scatter", "mode": "lines", "name": tr("best so far")},
        **{
            "x": [round(step.seconds, 3) for step in steps],
            "y": [shortened(measure.value(step.val_loss)) for step in steps],
        },
        **{"line": {"color": WINNER, "shape": "hv", "width": 2}},
    }
    return Figure(
        [*traces, step],
        {
            "xaxis": {"title": {"text": tr("seconds since the first proposal")}, "rangemode": "tozero"},
            "yaxis": {
                **loss_scale([measure.value(t.val_loss) for t in ranked]),
                "title": {"text": measure.name},
            },
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        },
        tr(
            "Each trial's {extreme} {measure} at the time it ended, and the {extreme} so far.",
            extreme=measure.extreme,
            measure=measure.phrase,
        )
        + thinned_text(len(shown), len(ranked)),
    )


def interval_figure(
    rows: Sequence[tuple[str, float, float, float]],
    axis: str,
    caption: str = "",
) -> Figure:
    """Return means with their intervals, one line each, the first on top.

    Args:
        rows: (name, mean, low, high).
        axis: what is measured.
        caption: what is shown; the mean over the fresh seeds when empty.
    """
    names = [name for name, *_ in rows]
    means = [shortened(mean) for _, mean, _, _ in rows]
    trace = {
        **{"type": "scatter", "mode": "markers", "y": names, "x": means},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [shortened(high - mean) for _, mean, _, high in rows],
            "arrayminus": [shortened(mean - low) for _, mean, low, _ in rows],
            "thickness": 2,
        },
        "marker": {"size": 10, "color": FINISHED},
        "hovertemplate": "%{y}: " + axis + " %{x}<extra></extra>",
    }
    return Figure(
        [trace],
        {"xaxis": {"title": {"text": axis}}, "yaxis": {"type": "category", "autorange": "reversed"}},
        caption or tr("Mean over the fresh seeds with its 95 % interval."),
        height=130 + 34 * len(rows),
    )


def loss_scale(losses: Sequence[float]) -> Trace:
    """Return a logarithmic axis when losses are positive and differ much; a margin around losses that are all equal."""
    if losses and min(losses) == max(losses):
        margin = 0.1 * abs(losses[0]) or 1.0
        return {"type": "linear", "range": [shortened(losses[0] - margin), shortened(losses[0] + margin)]}
    return log_axis(losses) if wants_log(losses) else {"type": "linear"}
