"""What a user's own training function gets beside its configuration: budget, seed, device, and ``report``."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from search_spaces.errors import UserError
from trainables.base.contract.objective import CONSTRAINT, METRIC, Objective
from trainables.base.contract.task import EpochReport

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback as LightningCallback  # type: ignore[import-not-found, unused-ignore]
    from transformers import TrainerCallback

Save = Callable[[Path], None]
ELSEWHERE = "trial.report was called in a thread of its own: call it in the thread in which the function runs."
OTHERS = {  # what Optuna's trial has and this one has not, by the beginning of its name
    "suggest_": "Parameters are drawn by the search space, space(trial), and arrive in config: config['lr'].",
    "should_prune": "trial.report ends the function when the search stops the trial; leave should_prune out.",
    "number": "A function does not know the number; trial.seed is another one in each trial.",
    "params": "The parameters of this trial are in config.",
    "set_user_attr": "Report numbers by name: trial.report(val_loss=..., accuracy=...).",
}


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
        reported_elsewhere: another thread has called ``report``, which only the function's own can.
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
        self._thread = threading.get_ident()
        self.reported_elsewhere = False

    def __getattr__(self, name: str) -> NoReturn:
        """Say what to write in place of what only an ``optuna.Trial`` has."""
        advice = next((f" {text}" for start, text in OTHERS.items() if name.startswith(start)), "")
        raise AttributeError(f"The trial of a training function has no '{name}'.{advice}")

    @property
    def epoch(self) -> int:
        """Number of the last report; 0 before the first one."""
        return self._epoch

    def report(
        self,
        val_loss: float | None = None,
        epoch: int | None = None,
        *,
        model: Any = None,
        checkpoint: Save | None = None,
        **metrics: float,
    ) -> None:
        """Report one epoch; ends the function when the search stops the trial.

        Args:
            val_loss: the validation loss. Not needed when the sweep optimises another metric.
            epoch: number of the epoch, from 1; the next one when None. After a checkpoint, give it.
            model: what is trained: an ``nn.Module``, a state dict, or a fitted estimator of scikit-learn, LightGBM or
                XGBoost. The best epoch's is kept.
            checkpoint: writes what the function needs to continue into an empty folder; with it an interrupted trial
                continues from there (``trial.checkpoint``) instead of starting again.
            metrics: further numbers by name. The sweep's metric must be among them (or be ``val_loss``).

        Raises:
            UserError: the sweep's metric is missing, a value is not a number, or epochs go back.
        """
        if isinstance(val_loss, Mapping):  # as ray.tune.report takes them
            raise UserError("trial.report takes numbers by name, got a dict. Write trial.report(**metrics).")
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
        if threading.get_ident() != self._thread:
            self.reported_elsewhere = True
            raise UserError(ELSEWHERE)
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
                    f"trial.report must report '{objective.metric}', which the sweep optimises; it reported {given}. "
                    "run_sweep(..., metric=...) and --metric choose another metric."
                )
        self._epoch = self._next_epoch(epoch)
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

    def _next_epoch(self, epoch: int | None) -> int:
        if epoch is None:
            return self._epoch + 1
        if isinstance(epoch, bool) or not isinstance(epoch, Integral) or epoch <= self._epoch:
            raise UserError(
                f"trial.report: epoch must be a whole number above the last one, {self._epoch}, got {epoch!r}. Epochs "
                "count from 1; leave epoch= out to have them counted."
            )
        return int(epoch)

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


def as_number(value: Any) -> float | None:
    """Return a number of Python, numpy or torch, also in an array of one, as Python's own; None for anything else."""
    try:
        number = value.item() if hasattr(value, "item") else value
        return None if isinstance(number, bool | str | bytes) else float(number)
    except (TypeError, ValueError, RuntimeError):  # numpy and torch, of several values
        return None


def _number(name: str, value: Any) -> float:
    number = as_number(value)
    if number is None:
        shown = repr(value) if isinstance(value, bool | str) else type(value).__name__
        raise UserError(f"trial.report: '{name}' must be a number, got {shown}.")
    return number
