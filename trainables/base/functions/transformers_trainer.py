"""A callback for transformers' ``Trainer`` that reports a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from search_spaces.errors import UserError
from trainables.base.contract.objective import METRIC

if TYPE_CHECKING:
    from trainables.base.functions.trial import FunctionTrial


def make_callback(trial: FunctionTrial, objective: str, metric: str | None) -> TrainerCallback:
    """Return a callback that reports each evaluation.

    Args:
        trial: receives the reports.
        objective: the sweep's metric.
        metric: its key among the evaluation's metrics; when None ``eval_loss`` for ``val_loss``, else
            ``eval_<objective>``.
    """
    key = metric or ("eval_loss" if objective == METRIC else f"eval_{objective}")

    class Report(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Reports evaluations and keeps the model."""

        def on_evaluate(self, args: Any, state: Any, control: Any, **found: Any) -> None:
            """Report what the evaluation measured; raises ``UserError`` when the sweep's metric is missing."""
            metrics = dict(found["metrics"])
            if key not in metrics:
                known = ", ".join(sorted(metrics)) or "nothing"
                raise UserError(f"trainer_callback: the evaluation has no '{key}'. It has {known}.")
            values = {name.removeprefix("eval_"): float(value) for name, value in metrics.items() if name != key}
            values.pop("loss", None)
            values.pop("epoch", None)
            trial.report_values({**values, objective: float(metrics[key])}, model=found["model"])

    return Report()
