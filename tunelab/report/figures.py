"""What the figures of a report share: colours, a point for each trial, the scale of losses, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunelab.display.display import short_config
from tunelab.documents.blocks import Figure
from tunelab.documents.style import COLOURS
from tunelab.figures.ticks import log_axis, wants_log
from tunelab.records.measure import Measure
from tunelab.records.trial import TrialRecord
from tunelab.system.language import tr

FINISHED, WINNER, REFERENCE, STOPPED = COLOURS[0], COLOURS[3], COLOURS[2], COLOURS[7]
Trace = dict[str, Any]


def trial_points(xs: Sequence[float], trials: Sequence[TrialRecord], measure: Measure, name: str, colour: str) -> Trace:
    """Return a point for each trial: its loss over what ``xs`` has for it; the winner's is larger."""
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


def shortened(value: float) -> float:
    """Return five significant digits: enough for a figure, and the same on every machine."""
    return float(f"{value:.5g}")
