"""The metrics of a sweep's run: under which names its scores and those of its rivals are stored."""

from __future__ import annotations

import re

from tunelab.analysis.standing import rivals
from tunelab.records.assessment.baseline import REFERENCE
from tunelab.records.result import SweepResult


def sweep_metrics(result: SweepResult) -> dict[str, float]:
    """Return the metrics of a sweep's run in the order in which its page lists them."""
    found, best, score = {}, result.best, result.facts.score
    if best is not None:
        test = {f"test_{name}": value for name, value in best.test.items()}
        found[result.measure.best_name] = result.measure.value(best.val_loss)
        found |= {name: value for name, value in test.items() if name == f"test_{score}"}
        found |= baseline_metrics(result)
        found |= test
        found |= {f"val_{name}": value for name, value in best.validation.items()}
    return {**found, "train_seconds": result.train_seconds, "wall_seconds": result.wall_seconds}


def baseline_metrics(result: SweepResult) -> dict[str, float]:
    """Return the headline test scores of reference and baselines: ``baseline_gradient_boosting_test_rmse``."""
    score = result.facts.score
    return {_metric_of(model.name, score): model.test[score] for model in result.baselines if score in model.test}


def rival_metrics(result: SweepResult) -> list[str]:
    """Return the names of the metrics that the winner is compared with: of the best baseline, and of the reference."""
    return [_metric_of(rival.name, result.facts.score) for rival in reversed(rivals(result))]


def _metric_of(model: str, score: str) -> str:
    slug = re.sub(r"\W+", "_", model)
    return f"{slug if model == REFERENCE else f'baseline_{slug}'}_test_{score}"
