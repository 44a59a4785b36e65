"""The points of a Pareto front trained again on fresh seeds: which hold, and which luck put there.

A front collects the lucky ends of noisy values, more so than a single winner: a trial is on it as soon as one of its
values was good by chance. On fresh seeds each point is compared with the others by the means of all objectives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from trainables import Splits, Task
from trainables.base.contract.objective import Objective
from trainables.base.worker.assignment import TrialAssignment
from tunelab.analysis.confirmation_cost import sooner_here
from tunelab.analysis.front import mark, pareto_front
from tunelab.confirmation.statistics import LEVEL, mean_interval, seeds_p
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import assignment_for, retrain_here, retrain_on_ray
from tunelab.records.front import FrontPoint, ParetoFront, PointOutcome, dominates
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.tracking_store import TrackingStore
from tunelab.records.trial import TrialRecord

Training = Callable[[Sequence[TrialAssignment]], list[TrialRecord]]  # runs plans to their ends


def confirm_front(
    result: SweepResult,
    task: Task,
    splits: Splits,
    resources: Resources,
    *,
    top: int | None,
    seeds: int,
    log: Callable[[str], None],
) -> ParetoFront:
    """Train the points of a sweep's front on fresh seeds, in parallel on the running Ray.

    Args:
        result: The sweep, of several objectives.
        task: What it learned.
        splits: The task's data.
        resources: What one trial takes.
        top: Number of points, spread over the front; all when None.
        seeds: Number of fresh seeds for each.
        log: Shows a step to the user.

    Returns:
        The front with what the runs say of each point.
    """
    front = pareto_front(result)
    assert front is not None
    chosen = _spread(front.points, len(front.points) if top is None else top)
    if not chosen:
        return front
    by_number = {trial.number: trial for trial in result.trials}
    trials = [by_number[point.trial] for point in chosen]

    def train(plans: Sequence[TrialAssignment]) -> list[TrialRecord]:
        log(f"confirming {len(trials)} points of the Pareto front on {seeds} fresh seeds")
        if sooner_here(trials, seeds):
            return retrain_here(plans, task, splits.training)
        return retrain_on_ray(plans, task, splits.training, resources, result.concurrency)

    return confirm_front_with(train, front, trials, result.spec.seed, seeds)


def confirm_front_with(
    train: Training, front: ParetoFront, trials: Sequence[TrialRecord], seed: int, seeds: int
) -> ParetoFront:
    """Confirm trials of a front with ``train`` in place of Ray.

    Args:
        train: Trains assignments to their ends.
        front: The front.
        trials: Those of its points that are confirmed.
        seed: The sweep's seed, from which fresh ones are derived.
        seeds: Number of fresh seeds.
    """
    fresh = [derive_seed(seed, "confirm", i) for i in range(seeds)]
    plans = [assignment_for(t, n, s) for n, (t, s) in enumerate((t, s) for t in trials for s in fresh)]
    records = train(plans)
    runs = {t.number: records[i * seeds : (i + 1) * seeds] for i, t in enumerate(trials)}
    losses = {n: [r.losses(front.objectives) for r in found if r.has_result] for n, found in runs.items()}
    allowed = {n: _is_feasible_on_average(found) for n, found in runs.items()}
    points = tuple(
        _judged(point, front.objectives, losses, allowed) if point.trial in losses else point for point in front.points
    )
    return replace(
        front, points=points, seeds=tuple(fresh), train_seconds=sum(record.train_seconds for record in records)
    )


def log_front(result: SweepResult, store: TrackingStore) -> None:
    """Mark the runs of the front's trials, with their means on fresh seeds."""
    assert result.front is not None
    runs = {trial.number: trial.run_id for trial in result.trials}
    for point in result.front.points:
        if runs.get(point.trial):
            names = [objective.metric for objective in result.front.objectives]
            metrics = {f"confirm_mean_{name}": mean for name, mean in zip(names, point.means, strict=False)}
            store.log_metrics(runs[point.trial], metrics, {"tunelab.pareto": mark(point)})


def _spread(points: Sequence[FrontPoint], count: int) -> list[FrontPoint]:
    """Return this many points, spread evenly over the front, its ends included."""
    if count >= len(points):
        return list(points)
    return [points[i] for i in sorted({round(x) for x in np.linspace(0, len(points) - 1, count)})]


def _judged(
    point: FrontPoint,
    objectives: Sequence[Objective],
    losses: dict[int, list[tuple[float, ...]]],
    allowed: dict[int, bool],
) -> FrontPoint:
    """Return a point with what the runs on fresh seeds say of it.

    Args:
        point: It was trained again.
        objectives: Of the front.
        losses: Of the runs with a result, by trial number.
        allowed: Whether a trial fulfils its constraints on average, by number.
    """
    own = losses[point.trial]
    if not own:
        return replace(point, outcome=PointOutcome.FAILED)
    columns = list(zip(*own, strict=True))
    intervals = [mean_interval(column) for column in columns]
    found = replace(
        point,
        fresh=tuple(tuple(o.loss(x) for o, x in zip(objectives, run, strict=True)) for run in own),
        means=tuple(o.loss(mean) for o, (mean, _) in zip(objectives, intervals, strict=True)),
        half_widths=tuple(half_width for _, half_width in intervals),
        outcome=PointOutcome.HOLDS,
    )
    if not allowed[point.trial]:
        return replace(found, outcome=PointOutcome.LUCK)
    means = [mean for mean, _ in intervals]
    for number, rival in losses.items():
        if number == point.trial or not rival or not allowed[number]:
            continue
        others = list(zip(*rival, strict=True))
        if dominates([mean_interval(column)[0] for column in others], means):
            certain = _is_better(others, columns)
            found = replace(found, outcome=PointOutcome.LUCK if certain else PointOutcome.UNCLEAR, beaten_by=number)
            if certain:
                return found
    return found


def _is_better(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> bool:
    """Return whether the first is shown to be lower in one objective at least, over seeds, Bonferroni's way."""
    if min(len(a[0]), len(b[0])) < 2:
        return False
    return len(a) * min(seeds_p(x, y) for x, y in zip(a, b, strict=True)) < LEVEL


def _is_feasible_on_average(runs: Sequence[TrialRecord]) -> bool:
    """Return whether the mean of each constraint over the runs is fulfilled."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for name, value in run.constraints.items() if run.has_result else ():
            values.setdefault(name, []).append(value)
    return all(float(np.mean(found)) <= 0 for found in values.values())
