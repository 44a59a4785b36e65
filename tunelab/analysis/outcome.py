"""The outcome of a sweep in words: the verdict, the counts, the reference trial, what was not confirmed."""

from __future__ import annotations

from tunelab.analysis.confirmation_cost import DEFAULT_TOP, estimated_seconds
from tunelab.analysis.front import front_text
from tunelab.analysis.objection import objection
from tunelab.records.baseline import Baseline
from tunelab.records.best import Best
from tunelab.records.front import ParetoFront
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord


def reference_trial(result: SweepResult) -> TrialRecord | None:
    """Return the trial of the task's reference configuration; None when no trial had it (``--set``, another space)."""
    if result.confirmation is not None:
        wanted = result.confirmation.reference
        return next((t for t in result.trials if t.number == wanted), None)
    own = not result.spec.fixed and result.spec.space is None
    known = own and any(b.name == "reference" for b in result.baselines)
    return next((t for t in result.trials if t.number == 0 and known), None)


def verdict(result: SweepResult) -> str:
    """Return the outcome in one sentence; one that says what speaks against the winner comes first."""
    best = result.best
    if best is None:
        count = len(result.trials)
        return f"None of {count} trials has a result: {count_text(result)}."
    if result.front is not None:
        return _front_verdict(result.front, best)
    against = objection(result)
    text = f"Not a champion: {against}. " if against else ""
    text += f"{_who(best)} won of {len(result.trials)} trials, with {_measured(result, best.val_loss)}"
    reference = reference_trial(result)
    if reference is not None and reference.number != best.trial:
        text += f" (reference configuration: {format_number(result.measure.value(reference.val_loss))})"
    elif reference is not None and not best.members:
        text += " (it is the reference configuration"
        text += ")" if result.confirmation is not None else ": the search found none better)"
    text += f", {_confirmed_text(result)}"
    score = result.facts.score
    if score in best.test:
        text += f"; on the test split its {score} is {format_number(best.test[score])}{_unit(result, score)}"
        rivals = sorted((b for b in result.baselines if score in b.test), key=lambda b: _cost(result, b.test[score]))
        if rivals:
            text += f", {_against(result, best.test[score], rivals[0])}"
    return text + "."


def _front_verdict(front: ParetoFront, best: Best) -> str:
    point = next((p for p in front.points if p.trial == best.trial), None)
    metrics = [objective.metric for objective in front.objectives]
    text = front_text(front)
    if point is None:
        return text
    values = ", ".join(f"{m} {format_number(value)}" for m, value in zip(metrics, point.values, strict=True))
    return f"{text} Trial {point.trial} has the best {metrics[0]} of those that may hold: {values}."


def _measured(result: SweepResult, loss: float) -> str:
    measure = result.measure
    article = "an" if measure.phrase[:1] in "aeiou" else "a"
    return f"{article} {measure.phrase} of {format_number(measure.value(loss))}"


def _who(best: Best) -> str:
    if best.members:
        return f"The mean of trials {', '.join(map(str, best.members))}"
    retrained = ", stopped by the search and trained to its end since," if best.seed is not None else ""
    return f"Trial {best.trial}{retrained}"


def _confirmed_text(result: SweepResult) -> str:
    """Return the result of the confirmation in a few words."""
    assert result.best is not None
    found = result.confirmation
    if found is None:
        return "not confirmed on fresh seeds"
    if result.best.members:
        return "itself not confirmed on fresh seeds"
    if found.better is None:
        return "trained again on fresh seeds, with no reference to compare with"
    if found.winner == found.reference:
        return "and no other came out better on fresh seeds"
    return f"{'better' if found.better else 'not shown to be better'} than the reference on fresh seeds"


def _against(result: SweepResult, own: float, rival: Baseline) -> str:
    score = result.facts.score
    value = rival.test[score]
    if _cost(result, own) < _cost(result, value):
        relation = "better than"
    elif own == value:
        relation = "equal to"
    else:
        relation = "not better than"
    return f"{relation} the best baseline ({rival.name}, {format_number(value)})"


def _cost(result: SweepResult, score: float) -> float:
    return -score if result.facts.score_direction == "maximize" else score


def _unit(result: SweepResult, score: str) -> str:
    unit = result.facts.unit
    if not unit or score not in ("rmse", "mae"):
        return ""
    return f" × {unit}" if unit[0].isdigit() else f" {unit}"


def count_text(result: SweepResult) -> str:
    """Return how the trials ended: ``3 finished, 21 stopped early``."""
    counts = result.counts
    named = {
        "finished": counts.finished,
        "stopped early": counts.stopped_early,
        "diverged": counts.diverged,
        "failed": counts.failed,
        "interrupted": counts.interrupted,
    }
    return ", ".join(f"{count} {name}" for name, count in named.items() if count) or "no trial ended"


def not_confirmed(result: SweepResult) -> str:
    """Return the sentence that the winner was not confirmed, and what a confirmation would cost."""
    text = "Not confirmed on fresh seeds: a repetition may put another configuration first"
    chosen = [*result.ranked()[:DEFAULT_TOP], result.trials[0]]  # the last one in place of the reference
    seconds = estimated_seconds(result, chosen, result.spec.confirm_seeds)
    return f"{text}. --confirm-top {DEFAULT_TOP} would take about {max(1, round(seconds)):,} s more."
