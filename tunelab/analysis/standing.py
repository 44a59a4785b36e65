"""How a winner compares: its headline score beside the reference and the best baseline, and its settings to copy."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from search_spaces.values import label_of
from tunelab.analysis.outcome import verdict
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.system.language import tr, tr_term

REFERENCE = "reference"
UNITLESS = ("accuracy", "auc", "f1", "r2", "ece", "log_loss", "perplexity", "loss", "nats_per_char")


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
    return [Rival(m.name, m.test[score], sign * (best.test[score] - m.test[score])) for m in chosen]


def score_text(result: SweepResult, value: float) -> str:
    """Return a headline score with its unit: ``0.4712 × 100,000 $``."""
    unit = "" if result.facts.score in UNITLESS else result.facts.unit
    return f"{format_number(value)}{f' × {unit}' if unit[:1].isdigit() else f' {unit}' if unit else ''}"


def headline(result: SweepResult) -> str:
    """Return the name of the headline score and which way is better: ``test rmse ↓``."""
    return f"{tr('test')} {result.facts.score} {'↑' if result.facts.score_direction == 'maximize' else '↓'}"


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
    if lost is None:
        yield tr("{who} won: {score}", who=who, score=own)
    else:
        yield tr(
            "No trial beat the baseline {name}. The best, {who}: {score}", name=tr_term(lost.name), who=name, score=own
        )
    for rival in compared:
        kind = "" if rival.name == REFERENCE else f" ({tr('best baseline')})"
        model = f"{tr_term(rival.name)}{kind} {score_text(result, rival.score)}"
        yield f"  {tr('against {model}: {relation}', model=model, relation=rival.relation)}"


def draws_samples(result: SweepResult) -> bool:
    """Return whether the winner draws samples from a seed, where other models read a file."""
    return result.facts.kind == "generator"


def predict_command(result: SweepResult) -> str:
    """Return the command that predicts with the winner, or draws a sheet of samples: ``SEED`` is a whole number."""
    what = "SEED --output samples.png" if draws_samples(result) else "INPUT --output predictions.csv"
    return f"tunelab predict {result.name} {what}"


def winner_params(result: SweepResult) -> dict[str, Any]:
    """Return the winner's parameters of the search space, as ``--set`` takes them; an ensemble's heaviest member's."""
    best = result.best
    params = next((t.params for t in result.trials if best is not None and t.number == best.trial), {})
    return {name: label_of(value) for name, value in params.items()}


def set_options(result: SweepResult) -> str:
    """Return the winner's parameters as options of ``tunelab sweep``: ``--set lr=0.01 --set dropout=0.1``."""
    return " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in winner_params(result).items())


def set_yaml(result: SweepResult) -> str:
    """Return the winner's parameters as a line of a ``sweep.yaml``: ``set: {lr: 0.01, dropout: 0.1}``."""
    text: str = yaml.safe_dump({"set": winner_params(result)}, default_flow_style=None, sort_keys=False, width=10_000)
    return text.strip()


def set_python(result: SweepResult) -> str:
    """Return the winner's parameters as a Python dict, as ``SweepSpec(fixed=...)`` takes them."""
    pairs = (f"{name!r}: {value!r}" for name, value in winner_params(result).items())
    return "{" + ", ".join(pairs) + "}"
