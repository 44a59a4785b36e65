"""Exact re-runs: a trial trained again from what the tracking store says of it, and compared epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from search_spaces import PythonFile, UserError
from trainables import Splits, Task, get_task, load_data
from trainables.base.contract.files.digests import file_digest
from trainables.base.functions.task import FunctionTask
from trainables.base.training.compute import Compute
from trainables.discovery import FUNCTION_PREFIX
from tunelab.launch.retraining import repeat_trial
from tunelab.records.measure import Measure
from tunelab.records.text import format_number
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.setup.named_files import named_files
from tunelab.system.environment import Machine, git_commit, versions
from tunelab.system.trust import check_trusted
from tunelab.tracking.connection import json_object, measure_of, read_tag
from tunelab.tracking.store import Store

INFINITE = 1.7e308  # MLflow keeps inf as the largest float


@dataclass(frozen=True)
class Difference:
    """The first metric that differs.

    Attributes:
        epoch: where.
        metric: its name.
        before, now: its values; None where one curve has no such epoch or metric.
    """

    epoch: int
    metric: str
    before: float | None
    now: float | None

    def __str__(self) -> str:
        if self.before is None or self.now is None:
            which = "is missing now" if self.now is None else "was not there before"
            return f"epoch {self.epoch}: {self.metric} {which}"
        return (
            f"epoch {self.epoch}: {self.metric} was {self.before!r}, is {self.now!r} "
            f"(differs by {format_number(abs(self.now - self.before), 3)})"
        )


@dataclass(frozen=True)
class Reproduction:
    """What came of training a trial again.

    Attributes:
        run_id: the trial's run.
        trial: its number.
        sweep: its sweep's name.
        epochs: how many were compared.
        difference: None when every metric of every epoch is the same, bit for bit.
        environment: what differs between then and now and could explain it, by name, (then, now).
        error: what ended the training now, when it failed; type and message.
    """

    run_id: str
    trial: int
    sweep: str
    epochs: int
    difference: Difference | None
    environment: Mapping[str, tuple[str, str]]
    error: str = ""

    @property
    def identical(self) -> bool:
        return self.difference is None


def reproduce(store: Store, run_id: str, trusted: Sequence[str] = (), task: Task | None = None) -> Reproduction:
    """Train the trial of a run again, without Ray, and compare every metric of every epoch.

    Config, seeds, split, budget and thread count come from the store; the data must have the digest it had.

    Args:
        store: holds the run.
        run_id: of a trial.
        trusted: files that the store names and that are used although this user has not run them before.
        task: what was trained, where the sweep was given it in memory; looked up when None.

    Raises:
        UserError: the run is not a trial or is damaged, it has no epoch to compare, its data or task file is not what
            it was, or the store names a file that this user has not.
    """
    record = store.load_trial(run_id)
    if record.status == TrialStatus.RUNNING or not record.epochs:
        raise UserError(f"Run '{run_id}' ({record.status}) has no finished epochs that could be compared.")
    run = store.run(run_id)
    tags, parent_run_id = run.data.tags, read_tag(run, "mlflow.parentRunId", str)
    parent = store.run(parent_run_id).data.tags
    if "tunelab.digest" not in tags or "tunelab.spec" not in parent:
        raise UserError(f"Run '{run_id}' does not say which data it was trained on, so it cannot be trained again.")
    spec, made_with = store.spec(parent_run_id), read_tag(run, "tunelab.versions", json_object)
    check_trusted(named_files(spec, Path.cwd()), trusted, f"Run '{run_id[:8]}'")
    task, splits = _loaded(spec, parent, task)
    if splits.training.digest != tags["tunelab.digest"] and isinstance(task, FunctionTask):
        raise UserError(
            f"The function '{task.source.name}', the values that it uses, or its data= are not those of run "
            f"'{run_id}': the run's artifact function.json has its source and its values. Bring them back."
        )
    if splits.training.digest != tags["tunelab.digest"]:
        raise UserError(
            f"The data of '{task.facts.name}' is not what run '{run_id}' was trained on: its digest was "
            f"{tags['tunelab.digest'][:12]}, now it is {splits.training.digest[:12]}. Bring the old data back."
        )
    now = repeat_trial(record, task, splits.training)
    return Reproduction(
        run_id=run_id,
        trial=record.number,
        sweep=tags["tunelab.sweep"],
        epochs=len(record.epochs),
        difference=first_difference(record.epochs, now.epochs, measure_of(run)),
        environment=_changes({**made_with, "commit": tags.get("mlflow.source.git.commit", "")}, record, now),
        error="" if record.error else now.error.partition("\n")[0],
    )


def first_difference(before: Sequence[Epoch], now: Sequence[Epoch], measure: Measure = Measure()) -> Difference | None:
    """Return the first epoch and metric in which two curves differ; training time is not compared."""
    after = {epoch.epoch: epoch for epoch in now}
    for old in before:
        new = after.get(old.epoch)
        if new is None:
            return Difference(old.epoch, measure.name, measure.value(old.val_loss), None)
        figures = {**old.metrics, measure.name: measure.value(old.val_loss)}
        others = {**new.metrics, measure.name: measure.value(new.val_loss)}
        for name in figures | others:
            one, other = figures.get(name), others.get(name)
            if one is None or other is None or not _same(one, other):
                return Difference(old.epoch, name, one, other)
    return None


def _same(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    if abs(one) >= INFINITE or abs(other) >= INFINITE:
        return abs(one) >= INFINITE and abs(other) >= INFINITE and (one > 0) == (other > 0)
    return one == other


def _loaded(spec: Mapping[str, Any], parent: Mapping[str, str], given: Task | None) -> tuple[Task, Splits]:
    """Load the sweep's task and its data; the error names the folder to go to when a file was named from there."""
    name = str(spec["task"])
    if name.startswith(FUNCTION_PREFIX) and given is None:
        raise UserError(
            f"'{name.removeprefix(FUNCTION_PREFIX)}' was given in memory, so only the program that defines it can "
            "train it again: tunelab.load_result(SWEEP).reproduce(FUNCTION)."
        )
    try:
        task = _same_task(spec, parent) if given is None else given
        return task, load_data(task, spec["split_seed"])
    except UserError as problem:
        relative = [str(v) for v in spec["task_options"].values() if isinstance(v, str) and not Path(v).is_absolute()]
        if any(f"'{path}'" in str(problem) and not Path(path).exists() for path in relative):
            raise UserError(f"{problem} Call reproduce from the folder that the sweep was made in.") from problem
        raise


def _same_task(spec: Mapping[str, Any], parent: Mapping[str, str]) -> Task:
    """Return the sweep's task; a task of the user's own must still be the file that it was."""
    name = str(spec["task"])
    recorded = parent.get("tunelab.task_file")
    if recorded is not None:
        file = PythonFile.parse(name)
        path = Path(name) if file is None else file.path
        if not path.is_file():
            raise UserError(f"The task file '{path}' is not here. Call reproduce from the folder it was given in.")
        digest = file_digest(path)
        if digest != recorded:
            raise UserError(
                f"The task file '{path}' has changed since: its sha256 was {recorded[:12]}, is {digest[:12]}. "
                "Bring the old version back."
            )
    return get_task(name, **spec["task_options"])


def _changes(then: dict[str, str], before: TrialRecord, now: TrialRecord) -> dict[str, tuple[str, str]]:
    today = {**versions(), "commit": git_commit()}
    for key in (*(f.name for f in fields(Compute)), "host"):
        then[key], today[key] = str(before.worker.get(key, "")), str(now.worker.get(key, ""))
    then["processor"] = str(before.worker.get("processor", Machine.here().processor))
    today["processor"] = Machine.here().processor
    return {key: (then[key], today[key]) for key in then if then[key] != today.get(key, "")}
