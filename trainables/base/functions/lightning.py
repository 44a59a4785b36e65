"""A Lightning callback that reports a trial. Lightning is optional and loads only here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.objective import METRIC

if TYPE_CHECKING:
    from trainables.base.functions.trial import FunctionTrial


def make_callback(trial: FunctionTrial, objective: str, metric: str | None) -> Any:
    """Return a callback that reports at the end of each validation epoch.

    Args:
        trial: receives the reports.
        objective: the sweep's metric.
        metric: its key in ``trainer.callback_metrics``; ``objective`` when None.

    Raises:
        UserError: Lightning is not installed, or the trainer does not log the metric.
    """
    key = metric or objective
    base = _callback_class()

    class Report(base):  # type: ignore[misc, valid-type]
        """Reports validation metrics and keeps the module."""

        def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
            """Report the epoch, unless Lightning only tries the validation loop out."""
            if trainer.sanity_checking:
                return
            values = {str(name): float(value) for name, value in trainer.callback_metrics.items()}
            if key not in values:
                known = ", ".join(sorted(values)) or "nothing"
                raise UserError(f"lightning_callback: the trainer logs no '{key}'. It logs {known}.")
            value = values.pop(key)
            values.pop(METRIC, None)
            trial.report_values({**values, objective: value}, model=module)

    return Report()


def _callback_class() -> Any:
    try:
        from lightning.pytorch.callbacks import Callback
    except ImportError:
        try:
            from pytorch_lightning.callbacks import Callback
        except ImportError:
            raise UserError("trial.lightning_callback needs Lightning: pip install lightning.") from None
    return Callback
