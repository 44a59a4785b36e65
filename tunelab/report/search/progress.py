"""What happened over epochs and over time: the learning curves, and the history of the search."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunelab.analysis.outcome import reference_trial
from tunelab.analysis.progress import best_so_far
from tunelab.documents.blocks import Figure, Section
from tunelab.figures.ticks import whole_ticks
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.report.figures import FINISHED, REFERENCE, STOPPED, WINNER, Trace, loss_scale, shortened, trial_points
from tunelab.report.limits import MAX_CURVES, MAX_POINTS, every, most_trials, thinned, thinned_text
from tunelab.system.language import tr

HISTORY_COLUMNS = 4  # what a point of the history weighs, as columns of a table


def curve_sections(result: SweepResult) -> list[Section]:
    """Return the sections on what happened over epochs and over time."""
    if not result.ranked():
        return []
    reference = reference_trial(result)
    return [
        Section(tr("Learning curves"), [curves_figure(result, None if reference is None else reference.number)]),
        Section(tr("History"), [history_figure(result)]),
    ]


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


def _finite(trial: TrialRecord) -> list[Epoch]:
    return [e for e in trial.epochs if math.isfinite(e.val_loss)]


def _most_points(curves: int) -> int:
    return MAX_POINTS // max(1, curves)


def history_figure(result: SweepResult) -> Figure:
    """Each trial's loss when it ended, and the best loss so far, over the seconds of the search."""
    began = min(t.started for t in result.trials)
    ranked, measure = result.ranked(), result.measure
    steps = best_so_far(result)
    shown = thinned(ranked, most_trials(HISTORY_COLUMNS))
    groups = [(tr("stopped early"), STOPPED, TrialStatus.STOPPED), (tr("finished"), FINISHED, TrialStatus.FINISHED)]
    traces = [
        trial_points([round(t.ended - began, 3) for t in some], some, measure, name, colour)
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
