"""What a notebook's cell shows of a sweep: a fragment of HTML that needs no script, escaped by Jinja2."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tunelab.analysis.front import mark
from tunelab.analysis.outcome import count_text, verdict
from tunelab.display.display import failed_text
from tunelab.records.front import FrontPoint, ParetoFront, PointOutcome
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.text import format_duration, format_number
from tunelab.records.trial import TrialRecord, TrialStatus, ranked
from tunelab.report.front import GROUPS, OTHERS
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text

SHOWN_TRIALS = 10
WIDTH, HEIGHT = 640, 200  # of the drawing of curves, pixels
LOG_FROM = 5  # ratio of the largest and the smallest value from which an axis is logarithmic


def result_html(result: SweepResult) -> str:
    """Render a result: the verdict, the best trials or the Pareto front, and the curves."""
    best = result.ranked()[:SHOWN_TRIALS]
    front = result.front
    if front is not None:
        by_number = {trial.number: trial for trial in result.trials}
        best = [by_number[point.trial] for point in front.points]
    return _render(
        points=() if front is None else front_places(result, front),
        title=result.name,
        lines=[
            verdict(result),
            f"{count_text(result)}, {format_duration(result.wall_seconds)}",
            failed_text(result.trials),
            _continued(result),
            tr_text(result.facts.note),
        ],
        trials=best,
        curves=curve_paths(result.trials, result.measure) if front is None else (),
        measure=result.measure,
        winner=None if result.best is None else result.best.trial,
        front=front,
    )


def _continued(result: SweepResult) -> str:
    """Return why a search ended early and how to continue it; empty when it did not."""
    if not result.stopped:
        return ""
    how = tr("The same call with name={name} continues it.", name=repr(result.name))
    return f"{tr('The search ended early: {reason}.', reason=tr_text(tr_term(result.stopped)))} {how}"


def progress_html(title: str, lines: Sequence[str], trials: Sequence[TrialRecord], measure: Measure) -> str:
    """Render a sweep that runs: what is going on, running trials first, then the best ones."""
    running = [t for t in trials if t.status == TrialStatus.RUNNING]
    shown = [*running, *ranked([t for t in trials if t.status != TrialStatus.RUNNING])][:SHOWN_TRIALS]
    return _render(
        title=title, lines=lines, trials=shown, curves=curve_paths(trials, measure), measure=measure, winner=None
    )


def curve_paths(trials: Sequence[TrialRecord], measure: Measure) -> list[tuple[str, bool]]:
    """Return the validation curves as SVG paths, and for each whether it is the best trial's.

    The vertical axis is logarithmic when all values are positive. Values far worse than the others lie at an edge.
    """
    import numpy as np

    curves = [(t, [(e.epoch, measure.value(e.val_loss)) for e in t.epochs if np.isfinite(e.val_loss)]) for t in trials]
    values = np.array([value for _, points in curves for _, value in points])
    if len(values) < 2:
        return []
    scale = np.log if values.min() > 0 else np.asarray
    low, high = map(float, scale(np.quantile(values, [0.1, 1.0] if measure.is_maximised else [0.0, 0.9])))
    last = max(epoch for _, points in curves for epoch, _ in points)
    best = next((t.number for t in ranked(trials)), None)
    paths = []
    for trial, points in sorted(curves, key=lambda curve: curve[0].number == best):
        places = [
            (
                (epoch - 1) / max(last - 1, 1) * WIDTH,
                HEIGHT - min(1.0, max(0.0, (float(scale(value)) - low) / max(high - low, 1e-12))) * (HEIGHT - 4) - 2,
            )
            for epoch, value in points
        ]
        if places:
            paths.append(("M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in places), trial.number == best))
    return paths


def front_places(result: SweepResult, front: ParetoFront) -> list[tuple[float, float, float, str]]:
    """Return where trials lie over the first two objectives: x, y and radius in pixels, and the colour.

    Trials on the front come last, so that they are drawn on top. An axis is logarithmic when its values are positive
    and differ much.
    """
    on_front = {point.trial: point for point in front.points}
    trials = sorted(result.ranked(), key=lambda trial: trial.number in on_front)
    values = [[o.loss(x) for o, x in zip(front.objectives, t.losses(front.objectives), strict=True)] for t in trials]
    across, up = (_positions([value[axis] for value in values]) for axis in (0, 1))
    return [
        (4 + x * (WIDTH - 8), HEIGHT - 4 - y * (HEIGHT - 8), *_dot(on_front.get(trial.number)))
        for trial, x, y in zip(trials, across, up, strict=True)
    ]


def _positions(values: Sequence[float]) -> list[float]:
    """Return values as fractions of an axis, 0 to 1."""
    low, high = min(values), max(values)
    if low > 0 and high / low > LOG_FROM:
        values = [math.log(value) for value in values]
        low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.5 for value in values]


def _dot(point: FrontPoint | None) -> tuple[float, str]:
    if point is None:
        return 2.5, OTHERS
    return 5.0, next(colour for _, colour, outcomes in GROUPS if point.outcome in outcomes)


def _render(
    title: str,
    lines: Sequence[str],
    trials: Sequence[TrialRecord],
    curves: Sequence[tuple[str, bool]],
    measure: Measure,
    winner: int | None,
    front: ParetoFront | None = None,
    points: Sequence[tuple[float, float, float, str]] = (),
) -> str:
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    varying = [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1] or names
    on_front = {point.trial: point for point in front.points} if front is not None else {}
    metrics = [measure.name] if front is None else [objective.metric for objective in front.objectives]
    rows = [{"best": trial.number == winner, "cells": _cells(trial, measure, on_front, varying)} for trial in trials]
    fresh = [tr("fresh seeds")] if on_front else []
    return (
        _environment()
        .get_template("sweep.html")
        .render(
            title=title,
            lines=[line for line in lines if line],
            head=[tr("trial"), tr("status"), *metrics, *fresh, tr("epochs"), *varying],
            rows=rows,
            curves=curves,
            points=points,
            about_curves=tr("{measure} by epoch, a line a trial; the best one is thick", measure=measure.phrase),
            about_points=tr(
                "across {across}, up {up}; small dots are the other trials", across=metrics[0], up=metrics[-1]
            ),
            groups=[(tr_term(name), colour) for name, colour, outcomes in GROUPS if _shown(front, outcomes)],
            width=WIDTH,
            height=HEIGHT,
        )
    )


def _cells(
    trial: TrialRecord, measure: Measure, on_front: Mapping[int, FrontPoint], varying: Sequence[str]
) -> list[str]:
    """Return the cells of a trial's row, in the order of the table's head."""
    return [
        str(trial.number),
        tr_term(trial.status.label),
        *_values(trial, measure, on_front.get(trial.number)),
        *([tr_term(mark(on_front[trial.number]))] if on_front else []),
        str(len(trial.epochs)),
        *(_short(trial.params.get(name, "")) for name in varying),
    ]


def _shown(front: ParetoFront | None, outcomes: Sequence[PointOutcome]) -> bool:
    return front is not None and any(point.outcome in outcomes for point in front.points)


def _values(trial: TrialRecord, measure: Measure, point: FrontPoint | None) -> list[str]:
    if point is not None:
        return [format_number(value) for value in point.values]
    return [format_number(measure.value(trial.val_loss)) if trial.best is not None else ""]


def _short(value: object) -> str:
    return format_number(value) if isinstance(value, float) else str(value)


@cache
def _environment() -> Environment:
    folder = Path(__file__).with_name("templates")
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
