"""How a winner compares: its headline score beside the reference and the best baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trainables.base.kinds.rounding import without_rounding
from tunelab.analysis.outcome import score_text, verdict
from tunelab.records.assessment.baseline import REFERENCE, Baseline
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


@dataclass(frozen=True)
class Rival:
    """A model that the winner is compared with.

    Attributes:
        name: ``"reference"``, or a baseline's.
        score: Its headline score on the test split.
        gain: By how much the winner is better, in the score's unit; negative when it is worse.
    """

    name: str
    score: float
    gain: float

    @property
    def label(self) -> str:
        """The name in the language in force."""
        return tr_text(tr_term(self.name))

    @property
    def relation(self) -> str:
        """How the winner compares: ``better by 0.012``, ``worse by 0.2`` or ``equal``."""
        if self.gain == 0:
            return tr("equal")
        amount = format_number(abs(self.gain))
        return tr("better by {amount}", amount=amount) if self.gain > 0 else tr("worse by {amount}", amount=amount)


def rivals(result: SweepResult) -> list[Rival]:
    """Return the reference and the best baseline, as far as both have the headline score on the test split."""
    score, best = result.facts.score, result.best
    if best is None or score not in best.test:
        return []
    sign = 1.0 if result.facts.score_direction == "maximize" else -1.0
    scored = [model for model in result.baselines if score in model.test]
    simple = sorted((m for m in scored if m.name != REFERENCE), key=lambda m: -sign * m.test[score])
    chosen: list[Baseline] = [*(m for m in scored if m.name == REFERENCE), *simple[:1]]
    own = best.test[score]
    scores = [(m.name, m.test[score]) for m in chosen]
    return [Rival(name, theirs, sign * without_rounding(own - theirs, own, theirs)) for name, theirs in scores]


def headline(result: SweepResult) -> str:
    """Return the name of the headline score and which way is better: ``test rmse ↓``."""
    return f"{tr('test')} {result.facts.score} {arrow(result.facts.score_direction)}"


def arrow(direction: str) -> str:
    """Return which way is better, for ``"minimize"`` or ``"maximize"``."""
    return "↑" if direction == "maximize" else "↓"


def winner_name(result: SweepResult) -> str:
    """Return what won: ``trial 7``, or ``the mean of trials 3, 7``."""
    best = result.best
    if best is None:
        return tr("no trial")
    if best.members:
        return tr("the mean of trials {numbers}", numbers=", ".join(map(str, best.members)))
    return tr("trial {number}", number=best.trial)


def verdict_lines(result: SweepResult) -> Iterator[str]:
    """Yield the winner and its margin, a line each; one line when no trial has a result."""
    best, score = result.best, result.facts.score
    if best is None:
        yield tr("No trial has a result (of {count}).", count=len(result.trials))
        return
    if result.front is not None:
        yield verdict(result)
        return
    name = winner_name(result)
    who = f"{name[0].upper()}{name[1:]}"
    if score not in best.test:
        measure = result.measure
        value = format_number(measure.value(best.val_loss))
        yield tr("{who} won with {metric} {value}.", who=who, metric=measure.name, value=value)
        return
    compared = rivals(result)
    lost = next((rival for rival in compared if rival.name != REFERENCE and rival.gain <= 0), None)
    own = f"{headline(result)} {score_text(result, best.test[score])}"
    behind = any(rival.name == REFERENCE and rival.gain < 0 for rival in compared)
    if lost is None and behind:
        yield tr(
            "{who} won by validation loss, but the reference is better on the test split: {score}", who=who, score=own
        )
    elif lost is None:
        yield tr("{who} won: {score}", who=who, score=own)
    else:
        yield tr("No trial beat the baseline {name}. The best, {who}: {score}", name=lost.label, who=name, score=own)
    for rival in compared:
        kind = "" if rival.name == REFERENCE else f" ({tr('best baseline')})"
        model = f"{rival.label}{kind} {score_text(result, rival.score)}"
        yield f"  {tr('against {model}: {relation}', model=model, relation=rival.relation)}"
