"""Where in the search space the trials lie: the loss over each hyperparameter, and parallel coordinates of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunelab.documents.blocks import Block, Figure, Folded, Panels, Section, Text
from tunelab.figures.ticks import whole_ticks
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.report.figures import FINISHED, STOPPED, WINNER, Trace, loss_scale, trial_points
from tunelab.report.limits import MAX_AXES, MAX_SLICES, most_trials, thinned, thinned_text
from tunelab.report.search.axes import ABSENT, Axis, axes_of, axis_of_losses
from tunelab.system.language import tr

SCALE = ((0.0, "#d55e00"), (0.25, "#e69f00"), (1.0, "#56b4e9"))  # best to worst place
SLICE_PIXELS = 190  # of the axis of a slice where a page is so narrow that another column of them just fits


def space_sections(result: SweepResult, importance: Mapping[str, float]) -> list[Section]:
    """Return where in the search space the trials lie; of very many hyperparameters the first to look at."""
    ranked = result.ranked()
    varied = _varied_parameters(result, importance)
    if not varied:
        return []
    caption = tr(
        "The {extreme} {measure} of each trial over each hyperparameter: "
        "grey was stopped early, blue finished, orange won.",
        extreme=result.measure.extreme,
        measure=result.measure.phrase,
    )
    caption += thinned_text(len(slice_trials(result, varied)), len(ranked))
    panels = slice_figures(result, varied)
    slices: list[Block] = [Panels(panels[:MAX_SLICES], caption)]
    rest = panels[MAX_SLICES:]
    if rest:
        slices.append(Folded(tr("The other {count} hyperparameters", count=len(rest)), [Panels(rest, "")]))
    axes = varied[:MAX_AXES]
    left_out = len(varied) - len(axes)
    parallel: list[Block] = [parallel_figure(result, axes)]
    if left_out:
        text = tr("{count} hyperparameters of lower importance are left out; see the slices.", count=left_out)
        parallel.append(Text(text, soft=True))
    return [Section(tr("Parallel coordinates"), parallel), Section(tr("Slices"), slices)]


def _varied_parameters(result: SweepResult, importance: Mapping[str, float]) -> list[str]:
    """Return the parameters that differ between trials with a result, those to look at first in front.

    Args:
        result: of the sweep.
        importance: by parameter; those of equal importance keep the order of the space, used by more trials first.
    """
    ranked = result.ranked()
    varied = [name for name in result.space if len({str(t.params.get(name)) for t in ranked}) > 1]
    used = {name: sum(name in t.params for t in ranked) for name in varied}
    return sorted(varied, key=lambda name: (used[name] < len(ranked), -importance.get(name, 0.0), -used[name]))


def slice_trials(result: SweepResult, names: Sequence[str]) -> list[TrialRecord]:
    """Return the trials that slices of these parameters show, best first."""
    return thinned(result.ranked(), most_trials(len(names)))


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
        positions, texts = axis.spaced_ticks(SLICE_PIXELS)
        upright = {"tickangle": 0} if axis.fits_upright(SLICE_PIXELS) else {}
        traces = [
            trial_points([axis.position(t.params.get(axis.name, ABSENT)) for t in some], some, measure, name, colour)
            for name, colour, some in groups
            if some
        ]
        layout = {
            "xaxis": {"tickvals": positions, "ticktext": texts, "range": axis.range(), **upright},
            "yaxis": scale,
            "showlegend": False,
            "margin": {"l": 45, "r": 36, "t": 32, "b": 42},  # half of the last tick's text lies beyond the axis
        }
        drawings.append(
            Figure(traces, layout, tr("{metric} by {parameter}", metric=measure.name, parameter=axis.name), height=250)
        )
    return drawings


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
