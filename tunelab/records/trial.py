"""Trials after they ran: frozen values that the launcher, the store and reports share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from trainables.base.contract.objective import CONSTRAINT, Objective
from tunelab.records.measure import Measure

Row = list[Any]  # an epoch on its way through Ray and the journal: [epoch, val_loss, metrics, seconds]


class TrialStatus(StrEnum):
    """The state of a trial. Only FINISHED and STOPPED trials have results."""

    RUNNING = "running"
    FINISHED = "finished"  # reached its budget, or stopped improving
    STOPPED = "stopped_early"  # by the scheduler, at a rung
    DIVERGED = "diverged"  # NaN or inf
    FAILED = "failed"  # exception, killed worker, hang
    INTERRUPTED = "interrupted"  # the sweep ended before it; resumable

    @property
    def label(self) -> str:
        """The status for people: ``stopped early``."""
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Epoch:
    """One epoch of a trial's curve.

    Attributes:
        epoch: 1-based.
        val_loss: NaN or inf where the trial diverged.
        metrics: ``train_loss``, ``lr`` and the task's, by name.
        seconds: training seconds from the trial's start to the end of this epoch.
    """

    epoch: int
    val_loss: float
    metrics: Mapping[str, float]
    seconds: float

    def row(self) -> Row:
        """Return the epoch as plain values; ``from_row`` reads them back."""
        return [self.epoch, self.val_loss, dict(self.metrics), self.seconds]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Epoch:
        """Read what ``row`` gave."""
        epoch, val_loss, metrics, seconds = row
        loss = float(val_loss)
        # one NaN object everywhere, so that records with the same curve are equal
        return cls(int(epoch), math.nan if math.isnan(loss) else loss, dict(metrics), float(seconds))


@dataclass(frozen=True)
class TrialRecord:
    """One trial: what was tried, how it went, where it is logged.

    Attributes:
        number: 0-based, in order of proposal; 0 is the reference configuration.
        params: parameters of the search space, as its function has them (a function or an object as its text).
        config: what the task's ``fit`` got.
        seed: of initialisation, data order, dropout.
        max_epochs: its budget; schedules may depend on it.
        status: see ``TrialStatus``.
        epochs: the whole curve, every epoch.
        started: unix time of the proposal, seconds.
        ended: unix time of the end, seconds; 0 while running.
        error: one line and, below it, the traceback of a failed trial.
        run_id: MLflow run; empty when tracking is off or has not delivered yet.
        worker: what ran it, as a ``TrialReport`` says
    """

    number: int
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    seed: int
    max_epochs: int
    status: TrialStatus
    epochs: tuple[Epoch, ...] = ()
    started: float = 0.0
    ended: float = 0.0
    error: str = ""
    run_id: str = ""
    worker: Mapping[str, Any] = field(default_factory=dict)

    _measure: ClassVar[Measure] = Measure()  # of ``val_loss``; no part of the data

    def __repr__(self) -> str:
        """Show the trial in one line; its curve alone has hundreds of values."""
        measure = self._measure
        value = f" {measure.name} {measure.value(self.val_loss):.6g}" if self.has_result else ""
        error = f": {self.error.splitlines()[0][:200]}" if self.error else ""
        return f"<trial {self.number} {self.status}{value} after {len(self.epochs)} epochs {dict(self.params)}{error}>"

    def shown_as(self, measure: Measure) -> TrialRecord:
        """Return the trial with the name and the sign in which its text has the loss; it is equal to this one."""
        shown = copy(self)
        object.__setattr__(shown, "_measure", measure)  # the class is frozen
        return shown

    @cached_property
    def best(self) -> Epoch | None:
        """The epoch of the lowest finite validation loss; ranking a sweep asks for it again and again."""
        finite = [e for e in self.epochs if math.isfinite(e.val_loss)]
        return min(finite, key=lambda e: (e.val_loss, e.epoch)) if finite else None

    @property
    def val_loss(self) -> float:
        """The best epoch's validation loss; inf for a trial without result."""
        best = self.best
        return best.val_loss if best is not None and self.has_result else math.inf

    def losses(self, objectives: Sequence[Objective]) -> tuple[float, ...]:
        """Return the losses of a trial with a result, one an objective, lower is better: those of its best epoch."""
        best = self.best
        assert best is not None
        return (best.val_loss, *(o.loss(best.metrics[o.metric]) for o in objectives[1:]))

    @property
    def constraints(self) -> dict[str, float]:
        """Values of the constraints at the best epoch, by name; above 0 where one is violated."""
        metrics = {} if self.best is None else self.best.metrics
        return {n.removeprefix(CONSTRAINT): value for n, value in metrics.items() if n.startswith(CONSTRAINT)}

    @property
    def is_feasible(self) -> bool:
        """True if no constraint is violated."""
        return all(value <= 0 for value in self.constraints.values())

    @property
    def has_result(self) -> bool:
        """True if the trial finished or was stopped early."""
        return self.status in (TrialStatus.FINISHED, TrialStatus.STOPPED)

    @property
    def last_epoch(self) -> int:
        """Number of the last epoch of its curve; 0 without one."""
        return self.epochs[-1].epoch if self.epochs else 0

    @property
    def train_seconds(self) -> float:
        """Time spent training, without start-up and reporting."""
        return self.epochs[-1].seconds if self.epochs else 0.0

    def with_epochs(self, epochs: Iterable[Epoch]) -> TrialRecord:
        """Return the trial with further epochs; they replace those known from the first of them on."""
        new = tuple(epochs)
        kept = self.epochs
        while new and kept and kept[-1].epoch >= new[0].epoch:
            kept = kept[:-1]
        return replace(self, epochs=kept + new)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; ``from_json`` reads them back."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**values, "status": str(self.status), "epochs": [e.row() for e in self.epochs]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrialRecord:
        """Read what ``to_json`` gave."""
        known = dict(values)
        known["status"] = TrialStatus(known["status"])
        known["epochs"] = tuple(Epoch.from_row(row) for row in known["epochs"])
        return cls(**known)


@dataclass(frozen=True)
class TrialCounts:
    """Number of trials by how they ended."""

    finished: int
    stopped_early: int
    failed: int
    diverged: int
    interrupted: int = 0

    @classmethod
    def from_trials(cls, trials: Sequence[TrialRecord]) -> TrialCounts:
        """Count trials; running ones count as interrupted."""
        by = [t.status for t in trials]
        return cls(
            finished=by.count(TrialStatus.FINISHED),
            stopped_early=by.count(TrialStatus.STOPPED),
            failed=by.count(TrialStatus.FAILED),
            diverged=by.count(TrialStatus.DIVERGED),
            interrupted=by.count(TrialStatus.INTERRUPTED) + by.count(TrialStatus.RUNNING),
        )


def ranked(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials with a result, best validation loss first; the lower number wins a tie.

    Trials that violate a constraint come last.
    """
    return sorted((t for t in trials if t.has_result), key=lambda t: (not t.is_feasible, t.val_loss, t.number))
