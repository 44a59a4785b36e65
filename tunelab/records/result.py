"""A sweep's result: one frozen value that the launch returns, the store holds, and all reports are made from."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from search_spaces import UserError
from tunelab.records.trial import TrialCounts, TrialRecord, ranked

# What reading raises that is no compressed JSON, or lacks a part.
DAMAGE = (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Best:
    """The winner.

    Attributes:
        trial: its number; of an ensemble, the heaviest member's, whose run holds the model.
        run_id: its MLflow run; empty without tracking.
        val_loss: at its best epoch.
        epoch: its best epoch.
        config: what was trained.
        validation: the task's figures on the validation split, by name without prefix.
        test: the same on the test split, opened once after selection; empty when the task cannot predict.
        model_uri: the logged MLflow model; empty without one.
        version: its version as ``tunelab-<task>`` in the registry; empty without one.
        champion: whether it is the champion.
        not_champion: why it is not; empty when it is, or without a model.
        members: numbers of the trials it averages, when it is an ensemble.
        seed: of the model where it was trained after the search, because the search had stopped the trial; None where
            the model is the trial's own.
    """

    trial: int
    run_id: str
    val_loss: float
    epoch: int
    config: Mapping[str, Any]
    validation: Mapping[str, float] = field(default_factory=dict)
    test: Mapping[str, float] = field(default_factory=dict)
    model_uri: str = ""
    version: str = ""
    champion: bool = False
    not_champion: str = ""
    members: tuple[int, ...] = ()
    seed: int | None = None

    @classmethod
    def from_trial(cls, trial: TrialRecord) -> Best:
        """A trial with a result as the winner, before it is scored."""
        epoch = trial.best
        assert epoch is not None  # every trial with a result has one
        return cls(trial.number, trial.run_id, trial.val_loss, epoch.epoch, dict(trial.config))


@dataclass(frozen=True)
class Baseline:
    """A simple model on the same splits: ``mean``, ``linear``, ``gradient boosting`` or the task's ``reference``.

    Attributes:
        name: see above.
        validation, test: the task's figures; empty when it was not run.
        note: why it was not run, e.g. ``"not run: …"``; empty when it was.
    """

    name: str
    validation: Mapping[str, float]
    test: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True)
class SweepResult:
    """All that is known of a sweep.

    Attributes:
        name: the sweep's name.
        task: its task's name.
        spec: the spec with every default filled in, JSON values; the exact sweep can be asked for again with it.
        facts: the task's facts, JSON values.
        data: ``digest``, ``split_seed``, rows per split, and what the task says of the data.
        environment: versions, git commit, machine, command.
        trials: every trial, numbers ascending.
        concurrency: trials at once.
        started: unix time, seconds.
        wall_seconds: from the command to the result; of a resumed sweep, of all its sessions.
        fit_seconds: from the first proposal to the last report, of all sessions.
        parent_run_id: MLflow run of the sweep; empty without tracking.
        tracking_uri: the store, without secrets.
        stopped: why the search ended early; empty when it did not.
        best: the winner, without scores and model when the search was cut short; None when no trial has a result.
        baselines: simple models on the same splits.
        evaluation: what the winner uses and gets wrong, and ``notes`` on what was not measured, see
            ``tunelab/evaluation/evaluate.py``; empty when it cannot predict.
        confirmation: retraining on fresh seeds, see ``tunelab/confirmation/confirm.py``; empty when off.
        audit: what early stopping cost, see ``tunelab/confirmation/audit.py``; empty when off.
        test_openings: when the test split was opened, unix times.
        idle_seconds: slot time that deterministic order cost.
        space: what varied: each parameter's distribution as Optuna's JSON, conditional ones included.
    """

    name: str
    task: str
    spec: Mapping[str, Any]
    facts: Mapping[str, Any]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    trials: tuple[TrialRecord, ...]
    concurrency: int
    started: float
    wall_seconds: float
    fit_seconds: float
    parent_run_id: str = ""
    tracking_uri: str = ""
    stopped: str = ""
    best: Best | None = None
    baselines: tuple[Baseline, ...] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    confirmation: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)
    test_openings: tuple[float, ...] = ()
    idle_seconds: float = 0.0
    space: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> TrialCounts:
        return TrialCounts.from_trials(self.trials)

    @property
    def epochs(self) -> int:
        """Epochs trained, over all trials."""
        return sum(len(t.epochs) for t in self.trials)

    @property
    def train_seconds(self) -> float:
        """Training time, summed over all trials."""
        return sum(t.train_seconds for t in self.trials)

    @property
    def error(self) -> str:
        """What the first failed trial said, one line; empty when none failed."""
        return next((t.error.partition("\n")[0] for t in self.trials if t.error), "")

    def ranked(self) -> list[TrialRecord]:
        """Trials with a result, best first."""
        return ranked(self.trials)

    def summary(self) -> dict[str, Any]:
        """The one JSON object of ``tunelab sweep --json``."""
        best = None if self.best is None else asdict(self.best)
        return {
            "sweep": self.name,
            "task": self.task,
            "title": self.facts["title"],
            "note": self.facts["note"],
            "parent_run_id": self.parent_run_id,
            "tracking_uri": self.tracking_uri,
            "concurrency": self.concurrency,
            "wall_seconds": round(self.wall_seconds, 3),
            "fit_seconds": round(self.fit_seconds, 3),
            "train_seconds": round(self.train_seconds, 3),
            "epochs": self.epochs,
            "trials": asdict(self.counts),
            "stopped": self.stopped,
            "error": self.error,
            "best": best,
            "baselines": [asdict(b) for b in self.baselines],
            "evaluation": dict(self.evaluation),
            "confirmation": dict(self.confirmation),
            "audit": dict(self.audit),
        }

    def to_bytes(self) -> bytes:
        """The whole result, compressed JSON, names in their order; the same result gives the same bytes."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # asdict would copy every epoch of every trial
        values["trials"] = [t.to_json() for t in self.trials]
        values["best"] = None if self.best is None else asdict(self.best)
        values["baselines"] = [asdict(b) for b in self.baselines]
        return gzip.compress(json.dumps(values, ensure_ascii=False).encode(), mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes) -> SweepResult:
        """Reads what ``to_bytes`` wrote; raises ``UserError`` when it is something else, or damaged."""
        try:
            values = json.loads(gzip.decompress(content), parse_constant=_constant)
            best = values.pop("best")
            return cls(
                **{
                    **values,
                    "trials": tuple(TrialRecord.from_json(t) for t in values["trials"]),
                    "best": None if best is None else Best(**{**best, "members": tuple(best["members"])}),
                    "baselines": tuple(Baseline(**b) for b in values["baselines"]),
                    "test_openings": tuple(values["test_openings"]),
                }
            )
        except DAMAGE as error:
            raise UserError(f"The stored result of this sweep is damaged ({type(error).__name__}: {error}).") from error


def _constant(name: str) -> float:
    return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[name]
