"""A sweep's result: one frozen value that the launch returns, the store holds, and all reports are made from."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from search_spaces.errors import UserError, describe_error
from search_spaces.values import pack, unpack
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.files.bounded_input import unpack_gzip
from tunelab.records.assessment.audit import Audit
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.assessment.confirmation import Confirmation
from tunelab.records.assessment.cross_validation import CrossValidation
from tunelab.records.assessment.evaluation import Evaluation
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.best import Best
from tunelab.records.data import DataDescription
from tunelab.records.front import ParetoFront
from tunelab.records.measure import Measure
from tunelab.records.spec import ResolvedSpec, SweepSpec
from tunelab.records.trial import TrialCounts, TrialRecord, ranked
from tunelab.system.environment import Environment

TIME_BUDGET = "time budget reached"  # ``stopped`` of a search that its time budget ended
FORMAT = 2  # of a stored result; 1 had mappings without types in it

MAX_BYTES = 256 * 2**20  # of a stored result, unpacked; one of 2,000 trials of 200 epochs has a tenth

# What reading raises when the content is not compressed JSON, or lacks a part.
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class SweepResult:
    """All that is known of a sweep.

    Attributes:
        name: The sweep's name.
        task: Its task's name.
        spec: The spec with every default filled in and without secrets: running it again repeats the sweep.
        facts: The task's facts.
        data: Digest, split seed, rows of each split, and what the task says of its data.
        environment: Versions, git commit, machine, command.
        trials: Every trial, numbers ascending.
        concurrency: Number of trials that ran at once.
        started: Unix time, seconds.
        wall_seconds: Seconds from the command to the result; of a resumed sweep, of all its sessions.
        fit_seconds: Seconds from the first proposal to the last report, of all sessions.
        parent_run_id: MLflow run of the sweep; empty without tracking.
        tracking_uri: The store, without secrets.
        stopped: Why the search ended early; empty when it did not.
        best: The winner, without scores and model when the search was cut short; None when no trial has a result.
        baselines: Simple models on the same splits.
        evaluation: What the winner uses and gets wrong, and notes on what was not measured.
        optimism: The loss to expect on new rows; None where it was not estimated.
        cross_validation: Comparison of the leaders where there are few validation rows; None when there was none.
        confirmation: The outcome of retraining on fresh seeds; None when there was none.
        front: The Pareto front of a search with several objectives; None where there is one.
        audit: What early stopping cost; None when it was not audited.
        test_openings: When the test split was opened, unix times.
        idle_seconds: Slot time that deterministic order cost, seconds.
        space: What varied: each parameter's distribution as Optuna's JSON, conditional ones included.
    """

    name: str
    task: str
    spec: ResolvedSpec
    facts: TaskFacts
    data: DataDescription
    environment: Environment
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
    evaluation: Evaluation = field(default_factory=Evaluation)
    optimism: Optimism | None = None
    cross_validation: CrossValidation | None = None
    confirmation: Confirmation | None = None
    front: ParetoFront | None = None
    audit: Audit | None = None
    test_openings: tuple[float, ...] = ()
    idle_seconds: float = 0.0
    space: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measure(self) -> Measure:
        """How the loss is shown: under which name, in which sign."""
        return Measure.from_facts(self.facts)

    @property
    def best_value(self) -> float | None:
        """The winner's value of the metric that was optimised, under whose name and sign people know it."""
        return None if self.best is None else self.measure.value(self.best.val_loss)

    @property
    def counts(self) -> TrialCounts:
        """Number of trials by status."""
        return TrialCounts.from_trials(self.trials)

    @property
    def ended_as_asked(self) -> bool:
        """True if the search was not cut short: all trials ended, or its time budget did."""
        return self.stopped in ("", TIME_BUDGET)

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
        """The first failed trial's error, one line; empty when none failed."""
        return next((t.error.partition("\n")[0] for t in self.trials if t.error), "")

    def ranked(self) -> list[TrialRecord]:
        """Return the trials with a result, best first."""
        return ranked(self.trials)

    def summary(self) -> dict[str, Any]:
        """Return the one JSON object of ``tunelab sweep --json``."""
        return {
            "sweep": self.name,
            "task": self.task,
            "title": self.facts.title,
            "note": self.facts.note,
            "parent_run_id": self.parent_run_id,
            "tracking_uri": self.tracking_uri,
            "metric": self.measure.name,
            "direction": "maximize" if self.measure.is_maximised else "minimize",
            "best_value": self.best_value,
            "concurrency": self.concurrency,
            "wall_seconds": round(self.wall_seconds, 3),
            "fit_seconds": round(self.fit_seconds, 3),
            "train_seconds": round(self.train_seconds, 3),
            "epochs": self.epochs,
            "trials": asdict(self.counts),
            "stopped": self.stopped,
            "error": self.error,
            **{name: _plain(getattr(self, name)) for name in ("best", "baselines", *_EVIDENCE)},
            "evaluation": {k: v for k, v in _plain(self.evaluation).items() if k not in _PICTURES},
        }

    def to_bytes(self) -> bytes:
        """Return the whole result as compressed JSON; the same result gives the same bytes."""
        return gzip.compress(self._text().encode(), mtime=0)

    def as_stored(self) -> SweepResult:
        """Return the result as the store gives it back, with names in the order of the store."""
        return self._read(json.loads(self._text(), parse_constant=_constant))

    @classmethod
    def from_bytes(cls, content: bytes) -> SweepResult:
        """Read what ``to_bytes`` wrote.

        Raises:
            UserError: The content is something else, damaged, or of another format.
        """
        try:
            values = json.loads(unpack_gzip(content, "result", MAX_BYTES), parse_constant=_constant)
            found = values.pop("format", 1)
            if found == FORMAT:
                return cls._read(values)
        except DAMAGE as error:
            raise UserError(f"The stored result of this sweep is damaged ({describe_error(error)}).") from error
        raise UserError(
            f"The stored result of this sweep has format {found!r}, and this version of tunelab reads format {FORMAT}: "
            "use the version that wrote it, or run the sweep again."
        )

    def _text(self) -> str:
        values = {f.name: _stored(getattr(self, f.name)) for f in fields(self)}
        return json.dumps({"format": FORMAT, **values}, ensure_ascii=False)

    @classmethod
    def _read(cls, values: dict[str, Any]) -> SweepResult:
        values["trials"] = [TrialRecord.from_json(_typed(trial)) for trial in values["trials"]]
        values["best"], values["space"] = values["best"] and _typed(values["best"]), unpack(values["space"])
        values.setdefault("front", None)  # results of before have none
        return _reader().validate_python({f.name: values[f.name] for f in fields(cls)})


_OF_SPACE = ("params", "config")  # what a user's space gave: tuples and dicts with other keys than text
_PICTURES = ("samples", "wrong_pictures")  # of the evaluation, which are for a report alone
_EVIDENCE = ("evaluation", "optimism", "cross_validation", "confirmation", "front", "audit")


def _stored(value: Any) -> Any:
    """Return a field of a result as JSON values that keep the types of what a user's space gave."""
    if isinstance(value, tuple):
        return [_stored(part) for part in value]
    found = _plain(value)
    if isinstance(value, TrialRecord | Best):
        return found | {name: pack(found[name]) for name in _OF_SPACE if name in found}
    return pack(found) if isinstance(value, Mapping) else found


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a trial or a winner as they were before ``_stored``."""
    return {**values, **{name: unpack(values[name]) for name in _OF_SPACE if name in values}}


def _plain(value: Any) -> Any:
    """Return a field of a result as JSON values."""
    if isinstance(value, TrialRecord | SweepSpec):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


@cache
def _reader() -> TypeAdapter[SweepResult]:
    return TypeAdapter(SweepResult)  # checks every value against the type of its field


def _constant(name: str) -> float:
    return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[name]
