"""The outcome of a sweep in words: the verdict, the counts, the reference trial."""

from __future__ import annotations

from tunelab.analysis.front import front_text
from tunelab.analysis.objection import objection
from tunelab.records.assessment.baseline import REFERENCE, Baseline
from tunelab.records.best import Best
from tunelab.records.front import ParetoFront
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord
from tunelab.system.language import tr, tr_plural, tr_term
from tunelab.system.texts import tr_text

UNITLESS = ("accuracy", "auc", "f1", "r2", "ece", "log_loss", "perplexity", "loss", "nats_per_char")


def reference_trial(result: SweepResult) -> TrialRecord | None:
    """Return the trial of the task's reference configuration; None when no trial had it (``--set``, another space)."""
    if result.confirmation is not None:
        wanted = result.confirmation.reference
        return next((t for t in result.trials if t.number == wanted), None)
    own = not result.spec.fixed and result.spec.space is None
    known = own and any(b.name == REFERENCE for b in result.baselines)
    return next((t for t in result.trials if t.number == 0 and known), None)


def verdict(result: SweepResult) -> str:
    """Return the outcome in one sentence; one that says what speaks against the winner comes first."""
    best = result.best
    if best is None:
        count = len(result.trials)
        return tr_plural(
            "The trial has no result: {ended}.",
            "None of {count} trials has a result: {ended}.",
            count,
            count=count,
            ended=count_text(result),
        )
    if result.front is not None:
        return _front_verdict(result.front, best)
    against = _objections(result)
    text = f"{tr('Not a champion: {against}.', against=against)} " if against else ""
    text += tr_plural(
        "{who} is the only trial, with {measured}",
        "{who} won of {count} trials, with {measured}",
        len(result.trials),
        who=_who(best),
        count=len(result.trials),
        measured=_measured(result, best.val_loss),
    )
    reference = reference_trial(result)
    if reference is not None and reference.number != best.trial:
        value = format_number(result.measure.value(reference.val_loss))
        text += f" ({tr('reference configuration: {value}', value=value)})"
    elif reference is not None and not best.members and result.confirmation is not None:
        text += f" ({tr('it is the reference configuration')})"
    elif reference is not None and not best.members:
        text += f" ({tr('it is the reference configuration: the search found none better')})"
    text += f", {_confirmed_text(result)}"
    score = result.facts.score
    if score in best.test:
        value = score_text(result, best.test[score])
        text += f"; {tr('on the test split its {score} is {value}', score=score, value=value)}"
        rival = _test_rival(result)
        if rival is not None:
            text += f", {_against(result, best.test[score], rival)}"
    return text + "."


def _objections(result: SweepResult) -> str:
    """Return what speaks against the winner, and a baseline that is better on the test split as well; empty for none.

    Without an objection the verdict's only sentence has the scores of the test split.
    """
    against, rival, score = objection(result), _test_rival(result), result.facts.score
    if not against or rival is None or result.best is None or score not in result.best.test:
        return against
    own, theirs = result.best.test[score], rival.test[score]
    if _cost(result, theirs) >= _cost(result, own):
        return against
    return tr(
        "{against}; on the test split {name} is better ({score} {theirs} against {own})",
        against=against,
        name=tr_term(rival.name),
        score=score,
        theirs=format_number(theirs),
        own=format_number(own),
    )


def _test_rival(result: SweepResult) -> Baseline | None:
    """Return the baseline with the best score of the test split; None without any."""
    score = result.facts.score
    rivals = [baseline for baseline in result.baselines if score in baseline.test]
    return min(rivals, key=lambda baseline: _cost(result, baseline.test[score]), default=None)


def _front_verdict(front: ParetoFront, best: Best) -> str:
    point = next((p for p in front.points if p.trial == best.trial), None)
    metrics = [objective.metric for objective in front.objectives]
    text = front_text(front)
    if point is None:
        return text
    values = ", ".join(f"{m} {format_number(value)}" for m, value in zip(metrics, point.values, strict=True))
    leader = tr(
        "Trial {number} has the best {metric} of those that may hold: {values}.",
        number=point.trial,
        metric=metrics[0],
        values=values,
    )
    return f"{text} {leader}"


def _measured(result: SweepResult, loss: float) -> str:
    measure = result.measure
    value = format_number(measure.value(loss))
    if measure.phrase[:1] in "aeiou":
        return tr("an {measure} of {value}", measure=measure.phrase, value=value)
    return tr("a {measure} of {value}", measure=measure.phrase, value=value)


def _who(best: Best) -> str:
    if best.members:
        return tr("The mean of trials {numbers}", numbers=", ".join(map(str, best.members)))
    if best.seed is not None:
        return tr("Trial {number}, stopped by the search and trained to its end since,", number=best.trial)
    return tr("Trial {number}", number=best.trial)


def _confirmed_text(result: SweepResult) -> str:
    """Return the result of the confirmation in a few words."""
    assert result.best is not None
    found = result.confirmation
    if found is None:
        return tr("not confirmed on fresh seeds")
    if result.best.members:
        return tr("itself not confirmed on fresh seeds")
    if found.better is None:
        return tr("trained again on fresh seeds, with no reference to compare with")
    if found.winner == found.reference:
        return tr("and no other came out better on fresh seeds")
    if found.better:
        return tr("better than the reference on fresh seeds")
    return tr("not shown to be better than the reference on fresh seeds")


def _against(result: SweepResult, own: float, rival: Baseline) -> str:
    score = result.facts.score
    value = rival.test[score]
    shown = format_number(value)
    is_reference = rival.name == REFERENCE
    name = tr_text(tr_term(rival.name))
    if _cost(result, own) < _cost(result, value):
        if is_reference:
            return tr("better than the reference ({value}) and every baseline", value=shown)
        return tr("better than the best baseline ({name}, {value})", name=name, value=shown)
    if own == value:
        if is_reference:
            return tr("equal to the reference ({value})", value=shown)
        return tr("equal to the best baseline ({name}, {value})", name=name, value=shown)
    if is_reference:
        return tr("not better than the reference ({value})", value=shown)
    return tr("not better than the best baseline ({name}, {value})", name=name, value=shown)


def _cost(result: SweepResult, score: float) -> float:
    return -score if result.facts.score_direction == "maximize" else score


def score_text(result: SweepResult, value: float) -> str:
    """Return a headline score with its unit: ``0.4712 × 100,000 $``."""
    unit = "" if result.facts.score in UNITLESS else result.facts.unit
    return f"{format_number(value)}{f' × {unit}' if unit[:1].isdigit() else f' {unit}' if unit else ''}"


def count_text(result: SweepResult) -> str:
    """Return how the trials ended: ``3 finished, 21 stopped early``."""
    counts = result.counts
    named = [
        (counts.finished, tr("{count} finished", count=counts.finished)),
        (counts.stopped_early, tr("{count} stopped early", count=counts.stopped_early)),
        (counts.diverged, tr("{count} diverged", count=counts.diverged)),
        (counts.failed, tr("{count} failed", count=counts.failed)),
        (counts.interrupted, tr("{count} interrupted", count=counts.interrupted)),
    ]
    return ", ".join(text for count, text in named if count) or tr("no trial ended")
