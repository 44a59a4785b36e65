"""What speaks against a winner: a model that cannot be loaded, fresh seeds, or a baseline that is better.

A winner with an objection is registered but does not become the champion, and the verdict begins with the objection.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

from trainables.base.kinds.rounding import without_rounding
from tunelab.records.assessment.baseline import REFERENCE
from tunelab.records.assessment.confirmation import Confirmation
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text

LOSS = "log_loss"  # the score of a classifier that its training minimises
CONFIDENCE = 0.95  # of the interval in which one more run on a fresh seed is expected


def objection(result: SweepResult) -> str:
    """Return what speaks against the winner, one clause without a full stop; empty when nothing does."""
    if result.best is None:
        return ""
    return tr_text(result.best.fault) or _contradiction(result) or _better_baseline(result)


def _contradiction(result: SweepResult) -> str:
    """Return how fresh seeds contradict the winner.

    They do when the reference has a lower mean than the winner's configuration, or when the winner's own validation
    loss is below what one more run of it would reach: then it was a lucky run. An ensemble is judged by its own loss
    against the reference's mean.
    """
    found, best, measure = result.confirmation, result.best, result.measure
    assert best is not None
    if found is None:
        return ""
    reference = next((row for row in found.rows if row.name == REFERENCE), None)
    if best.members:
        if reference is not None and best.val_loss >= reference.mean:
            return tr(
                "on fresh seeds the reference alone has a {better} {measure} ({theirs}) than this ensemble ({own})",
                better=measure.better,
                measure=measure.phrase,
                theirs=format_number(measure.value(reference.mean)),
                own=format_number(measure.value(best.val_loss)),
            )
        return ""
    row = found.winner_row
    if reference is not None and row.difference is not None and row.difference > 0:
        return tr(
            "on fresh seeds the reference has a {better} {measure} ({theirs}) than the winner ({own})",
            better=measure.better,
            measure=measure.phrase,
            theirs=format_number(measure.value(reference.mean)),
            own=format_number(measure.value(row.mean)),
        )
    if best.seed is None and best.trial == found.winner and best.val_loss < _lowest_expected(found):
        return tr(
            "its {measure} of {value} was luck: on fresh seeds the same configuration has {mean} ± {half_width}",
            measure=measure.phrase,
            value=format_number(measure.value(best.val_loss)),
            mean=format_number(measure.value(row.mean)),
            half_width=format_number(row.half_width, 2),
        )
    return ""


def _lowest_expected(found: Confirmation) -> float:
    """Return the lower end of the prediction interval of one more run (Student's t); −inf for fewer than two runs.

    It is never above the lowest run: those of a model without randomness are equal, and their mean may be rounded up.
    """
    losses = found.winner_row.val_losses
    if len(losses) < 2:
        return -math.inf
    spread = float(np.std(losses, ddof=1)) * math.sqrt(1 + 1 / len(losses))
    return min(*losses, float(np.mean(losses)) - float(stdtrit(len(losses) - 1, (1 + CONFIDENCE) / 2)) * spread)


def _better_baseline(result: SweepResult) -> str:
    best, score = result.best, result.facts.score
    assert best is not None
    if score not in best.validation:
        return ""
    sign = -1.0 if result.facts.score_direction == "maximize" else 1.0
    worse_loss = best.validation.get(LOSS, math.inf)  # a class more or less right on few rows is not enough
    rivals = [b for b in result.baselines if b.name != REFERENCE and score in b.validation]
    rivals = [b for b in rivals if b.validation.get(LOSS, -math.inf) < worse_loss]
    rival = min(rivals, key=lambda b: sign * b.validation[score], default=None)
    if rival is None:
        return ""
    own, theirs = best.validation[score], rival.validation[score]
    if sign * without_rounding(own - theirs, own, theirs) <= 0:
        return ""
    return tr(
        "the baseline {name} is better on the validation split ({score} {theirs} against {own})",
        name=tr_text(tr_term(rival.name)),
        score=score,
        theirs=format_number(theirs),
        own=format_number(own),
    )
