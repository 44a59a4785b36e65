"""The scale that a regression target with values far out is learned on, chosen on the validation rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from trainables.base.contract.data import Splits
from trainables.base.kinds.kind import TargetTransform
from trainables.base.kinds.target_scale import TargetScale

MAX_ROWS = 20_000  # that the quick model learns from
TREES = 60


@dataclass(frozen=True)
class TransformChoice:
    """The chosen scale.

    Attributes:
        transform: with the lowest error.
        errors: mean absolute error on the validation rows, by transform, in the target's unit.
    """

    transform: TargetTransform
    errors: dict[TargetTransform, float]

    @property
    def note(self) -> str:
        """A sentence for the user."""
        shown = ", ".join(f"{name} {error:.4g}" for name, error in self.errors.items())
        return (
            f"The target is learned on the scale '{self.transform}', with the lowest mean absolute error of a quick "
            f"model on the validation rows ({shown}); --target-transform overrides."
        )


def choose_transform(splits: Splits, *, positive: bool) -> TransformChoice:
    """Fit small gradient boosting on each scale and compare them on the validation rows.

    The mean absolute error compares them, as a squared error would be that of the values far out alone.

    Args:
        splits: a regression's data; its test rows are not opened.
        positive: whether every target of the table is, as a zero in any split has an infinite loss on a log scale.
    """
    x, x_val = splits.training.arrays["x_train"][:MAX_ROWS], splits.training.arrays["x_val"][:MAX_ROWS]
    y = np.asarray(splits.train.targets, dtype=np.float64)[:MAX_ROWS]
    truth = np.asarray(splits.validation.targets, dtype=np.float64)[:MAX_ROWS]
    transforms: list[TargetTransform] = ["none", "robust"]
    if positive:
        transforms.insert(1, "log")
    errors: dict[TargetTransform, float] = {}
    for transform in transforms:
        scale = TargetScale.fit(y, transform)
        model = HistGradientBoostingRegressor(max_iter=TREES, early_stopping=False, random_state=0)
        with threadpool_limits(1):
            predicted = scale.to_unit(model.fit(x, scale.to_model(y)).predict(x_val))
        errors[transform] = float(np.abs(predicted - truth).mean())
    return TransformChoice(min(errors, key=lambda transform: errors[transform]), errors)
