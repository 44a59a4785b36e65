"""The Pareto front of a sweep's trials, and its outcome in words."""

from __future__ import annotations

from tunelab.records.front import FrontPoint, ParetoFront, PointOutcome, non_dominated
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialStatus
from tunelab.system.language import tr

FRONT = "on the front"  # the mark of a point that was not confirmed


def pareto_front(result: SweepResult) -> ParetoFront | None:
    """Return the front of a sweep's finished trials, without a confirmation; None where there is one objective."""
    objectives = result.facts.objectives
    if not objectives:
        return None
    whole = [trial for trial in result.ranked() if trial.status is TrialStatus.FINISHED]
    trials = [trial for trial in whole if trial.is_feasible]
    losses = [trial.losses(objectives) for trial in trials]
    points = tuple(
        FrontPoint(trials[i].number, tuple(o.loss(x) for o, x in zip(objectives, losses[i], strict=True)))
        for i in non_dominated(losses)
    )
    return ParetoFront(objectives, points, infeasible=len(whole) - len(trials))


def front_text(front: ParetoFront) -> str:
    """Return the front in one sentence."""
    metrics = tr(" and ").join(objective.metric for objective in front.objectives)
    count = len(front.points)
    text = tr("The Pareto front of {metrics} has {count} trials", metrics=metrics, count=count)
    if count == 1:
        text = tr("The Pareto front of {metrics} has 1 trial", metrics=metrics)
    if front.infeasible:
        text += f" ({tr('{count} violate a constraint', count=front.infeasible)})"
    if not front.seeds:
        return f"{text}, {tr('not confirmed on fresh seeds')}."
    said = [tr("{count} hold on fresh seeds", count=front.count(PointOutcome.HOLDS))]
    for outcome, words in ((PointOutcome.UNCLEAR, tr("unclear")), (PointOutcome.LUCK, tr("put there by luck"))):
        named = [str(point.trial) for point in front.points if point.outcome is outcome]
        if named:
            said.append(f"{len(named)} {words} ({tr('trial {number}', number=', '.join(named))})")
    for outcome, words in (
        (PointOutcome.FAILED, tr("without a result there")),
        (PointOutcome.UNCONFIRMED, tr("not confirmed")),
    ):
        if front.count(outcome):
            said.append(f"{front.count(outcome)} {words}")
    return f"{text}: {', '.join(said)}."


def mark(point: FrontPoint) -> str:
    """Return what a point is called where trials are listed: ``holds``, ``luck``, ..."""
    return FRONT if point.outcome is PointOutcome.UNCONFIRMED else str(point.outcome)
