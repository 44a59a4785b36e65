"""Whether the winner's scores on the test split are more than a constant guess can have by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.system.language import tr

NORMAL = 1.96  # standard errors that hold 95 % of a normal distribution
CONSTANTS = ("mean", "majority")  # names of the baselines that say the same of every row


@dataclass(frozen=True)
class ChanceBound:
    """A score beside the best that a constant guess has in 95 % of the test splits of this size.

    Attributes:
        metric: Its name; higher is better for all that are compared here, but for an rmse.
        own: The winner's.
        constant: The guess's.
        is_chance: Whether the winner's is within the bound.
    """

    metric: str
    own: float
    constant: float
    is_chance: bool


def like_chance(result: SweepResult) -> list[str]:
    """Say that nothing is shown to be learned where the test split cannot tell the winner from a constant guess."""
    bound = chance_bound(result)
    if bound is None or not bound.is_chance:
        return []
    return [
        tr(
            "Warning: the {rows:,} test rows cannot tell the winner from a constant guess ({metric} {own} against "
            "{constant}), so nothing is shown to be learned. More rows or other columns help more than more trials.",
            rows=result.data.test_rows,
            metric=bound.metric,
            own=format_number(bound.own),
            constant=format_number(bound.constant),
        )
    ]


def chance_bound(result: SweepResult) -> ChanceBound | None:
    """Compare the winner with a constant guess; None where neither the scores nor the baselines allow it.

    A regression by its share of the guess's squared error, which is 1.96² / n for a correlation of 1.96 / sqrt(n), two
    standard errors of none (Fisher 1915); two classes by the area under the ROC curve, whose variance under chance is
    (a + b + 1) / (12 a b) for a and b rows of the classes (Mann and Whitney 1947); more classes by the accuracy, which
    is binomial. Of a series, as many rows as it forecasts steps at once count as one: they share origins and values.
    """
    best, rows = result.best, _independent_rows(result)
    if best is None or result.front is not None or not isinstance(kind_of(result.facts.kind), RowKind) or not rows:
        return None
    tables = result.evaluation.classification
    if tables is not None and len(tables.classes) == 2 and "auc" in best.test:
        counts = [one.rows for one in tables.classes]
        if not all(counts):
            return None
        error = math.sqrt((sum(counts) + 1) / (12 * math.prod(counts)))
        return ChanceBound("auc", best.test["auc"], 0.5, best.test["auc"] <= 0.5 + NORMAL * error)
    guess = next((model for model in result.baselines if model.name in CONSTANTS and model.test), None)
    if guess is None:
        return None
    if tables is None and "rmse" in best.test and guess.test.get("rmse"):
        own, constant = best.test["rmse"], guess.test["rmse"]
        return ChanceBound("rmse", own, constant, 1 - (own / constant) ** 2 <= NORMAL**2 / rows)
    if tables is not None and "accuracy" in best.test and "accuracy" in guess.test:
        own, constant = best.test["accuracy"], guess.test["accuracy"]
        error = math.sqrt(constant * (1 - constant) / rows)
        return ChanceBound("accuracy", own, constant, own <= constant + NORMAL * error)
    return None


def _independent_rows(result: SweepResult) -> int:
    """Return how many test rows count as independent."""
    horizon = result.data.details.get("horizon")  # as the task `series` describes its data
    return result.data.test_rows // horizon if isinstance(horizon, int) and horizon > 0 else result.data.test_rows
