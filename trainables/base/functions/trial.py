"""What a user's own training function gets beside its configuration: budget, seed, device, and ``report``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.objective import CONSTRAINT, METRIC, Objective
from trainables.base.contract.task import EpochReport

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback as LightningCallback  # type: ignore[import-not-found, unused-ignore]
    from transformers import TrainerCallback

Save = Callable[[Path], None]


class TrialStopped(BaseException):
    """Raised by ``FunctionTrial.report`` when the search has stopped the trial.

    It ends the training function and is not an error. It derives from ``BaseException`` so that ``except Exception`` in
    the user's code does not swallow it.
    """


class FunctionTrial:
    """One trial of a user's training function.

    Attributes:
        seed: of this trial; ``random``, numpy and torch are seeded with it before the function starts.
        device: ``"cpu"`` or ``"cuda"``, as a torch device.
        max_epochs: the budget, number of reports.
        checkpoint: folder written by ``save`` in an earlier, interrupted run of this trial; None at a fresh start.
        data: what ``run_sweep(..., data=...)`` was given.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        send: Callable[[EpochReport], None],
        *,
        seed: int,
        max_epochs: int,
        device: str,
        checkpoint: Path | None,
        data: Any = None,
    ) -> None:
        self.seed = seed
        self.device = device
        self.max_epochs = max_epochs
        self.checkpoint = checkpoint
        self.data = data
        self._objective, *self._further = objectives
        self._constraints: dict[str, float] = {}
        self._send = send
        self._epoch = 0
        self._best = math.inf

    @property
    def epoch(self) -> int:
        """Number of the last report; 0 before the first one."""
        return self._epoch

    def report(
        self,
        val_loss: float | None = None,
        *,
        model: Any = None,
        checkpoint: Save | None = None,
        epoch: int | None = None,
        **metrics: float,
    ) -> None:
        """Report one epoch; ends the function when the search stops the trial.

        Args:
            val_loss: the validation loss. Not needed when the sweep optimises another metric.
            model: what is trained: an ``nn.Module``, a state dict, or a fitted estimator of scikit-learn, LightGBM or
                XGBoost. The best epoch's is kept.
            checkpoint: writes what the function needs to continue into an empty folder; with it an interrupted trial
                continues from there (``trial.checkpoint``) instead of starting again.
            epoch: number of the epoch, 1-based; the next one when None. After a checkpoint, give it.
            metrics: further numbers by name. The sweep's metric must be among them (or be ``val_loss``).

        Raises:
            UserError: the sweep's metric is missing, or a value is not a number.
        """
        values = {**({} if val_loss is None else {METRIC: val_loss}), **metrics}
        self.report_values(values, model=model, checkpoint=checkpoint, epoch=epoch)

    def report_values(
        self,
        values: Mapping[str, Any],
        *,
        model: Any = None,
        checkpoint: Save | None = None,
        epoch: int | None = None,
    ) -> None:
        """Report one epoch whose numbers are in a mapping, so that any name can be given; else as ``report``."""
        self._send(self.as_report(values, model=model, checkpoint=checkpoint, epoch=epoch))

    def as_report(
        self,
        values: Mapping[str, Any],
        *,
        model: Any = None,
        checkpoint: Save | None = None,
        epoch: int | None = None,
    ) -> EpochReport:
        """Return the next epoch's report without sending it; arguments and errors are those of ``report``."""
        numbers = {name: _number(name, value) for name, value in values.items()}
        for objective in (self._objective, *self._further):
            if objective.metric not in numbers:
                given = ", ".join(numbers) or "nothing"
                raise UserError(
                    f"trial.report must report '{objective.metric}', which the sweep optimises; it reported {given}."
                )
        self._epoch = self._epoch + 1 if epoch is None else epoch
        loss = self._objective.loss(numbers[self._objective.metric])
        if not all(math.isfinite(numbers[objective.metric]) for objective in self._further):
            loss = math.nan  # the trial has diverged
        weights: Mapping[str, Any] | None = None
        if model is not None and loss < self._best:
            from trainables.base.functions.models import to_tensors  # loads torch

            weights, self._best = to_tensors(model), loss
        if self._objective.metric == METRIC:
            del numbers[METRIC]
        return EpochReport(self._epoch, loss, {**numbers, **self._constraints}, weights, checkpoint)

    def set_constraint(self, name: str, value: float) -> None:
        """Say how far the trial is from fulfilling a condition, as Optuna's ``Trial.set_constraint`` does.

        It counts from the next report on. Trials that violate a constraint are not on the Pareto front, and samplers
        learn to avoid them.

        Args:
            name: of the constraint.
            value: 0 or less where it is fulfilled, e.g. ``parameters - 1_000_000``.

        Raises:
            UserError: the sweep has one objective, or the value is not a finite number.
        """
        if not self._further:
            raise UserError(
                "trial.set_constraint needs a sweep with several objectives: metric=['val_loss', 'latency_ms']. With "
                "one, report a worse value, or raise an exception where a configuration is not allowed."
            )
        number = _number(name, value)
        if not math.isfinite(number):
            raise UserError(f"trial.set_constraint: '{name}' must be a finite number, got {number}.")
        self._constraints[f"{CONSTRAINT}{name}"] = number

    def lightning_callback(self, metric: str | None = None) -> LightningCallback:
        """Return a callback for a Lightning ``Trainer`` that reports each validation epoch and keeps the module.

        Args:
            metric: key in ``trainer.callback_metrics`` of the sweep's metric; its own name when None.
        """
        from trainables.base.functions.lightning import make_callback

        return make_callback(self, self._objective.metric, metric)

    def trainer_callback(self, metric: str | None = None) -> TrainerCallback:
        """Return a callback for transformers' ``Trainer`` that reports each evaluation and keeps the model.

        Args:
            metric: key of the evaluation's metrics; ``eval_loss`` for ``val_loss``, else ``eval_<name>``, when None.
        """
        from trainables.base.functions.transformers_trainer import make_callback

        return make_callback(self, self._objective.metric, metric)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise UserError(f"trial.report: '{name}' must be a number, got {type(value).__name__}.") from error
    if isinstance(value, bool | str):
        raise UserError(f"trial.report: '{name}' must be a number, got {value!r}.")
    return number
