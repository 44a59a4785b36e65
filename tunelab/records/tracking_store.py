"""What a sweep needs of a tracking store. Nothing here loads MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from trainables import Predictor
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord


@dataclass(frozen=True)
class Registration:
    """What the registry made of a model.

    Attributes:
        version: Its version as ``tunelab-<task>``; empty when it is not registered.
        champion: True if it is the champion.
        why: Why it is not; empty when it is.
    """

    version: str = ""
    champion: bool = False
    why: str = ""


@dataclass(frozen=True)
class ModelEntry:
    """A model for the registry.

    Attributes:
        task: Name of the task.
        model_uri: The logged model.
        run_id: The winner's run.
        val_loss: Validation loss by which champions are compared.
        digest: Digest of the data; losses of other data do not compare.
        measure: How that loss is shown.
        objection: What speaks against the model; it then does not become the champion.
        note: Description of the version, Markdown.
        tags: Further tags of the version.
    """

    task: str
    model_uri: str
    run_id: str
    val_loss: float
    digest: str
    measure: Measure = field(default_factory=Measure)
    objection: str = ""
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class TrackingStore(Protocol):
    """Where a sweep writes its runs, files and models; ``tunelab.tracking.store.Store`` is the one on MLflow.

    Attributes:
        keeps: False if nothing is written, so that what only a store would hold need not be made.
    """

    keeps: bool

    def check_new_name(self, task: str, name: str) -> None:
        """Raise ``UserError`` when a sweep of this name exists."""

    def restore_sweep(self, parent_run_id: str, notify: Callable[[str], None]) -> bool:
        """Restore what was deleted of a sweep; return False if its parent run is gone for good."""

    def start_sweep(self, result: SweepResult, key: str, notify: Callable[[str], None], known: str = "") -> str:
        """Create or continue the parent run of a sweep; return its id."""

    def experiment_of(self, run_id: str) -> str:
        """Return the id of a run's experiment."""

    def children(self, parent_run_id: str) -> Mapping[int, Any]:
        """Return the runs of a sweep's trials by trial number."""

    def log_trial(self, experiment_id: str, parent: SweepResult, trial: TrialRecord, known: str | None) -> str:
        """Write a trial, or what is new of it; return its run id."""

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Add metrics and tags to a run."""

    def log_files(self, run_id: str, path: Path, artifact_path: str | None = None) -> None:
        """Copy a file, or a folder's files, to a run's artifacts."""

    def log_model(
        self, run_id: str, predictor: Predictor, example: Any, task: str, metrics: Mapping[str, float]
    ) -> str:
        """Log a model to a run; return its URI."""

    def load_back(self, model_uri: str, predictor: Predictor, example: Any) -> str:
        """Load a logged model and compare its predictions; return what is wrong with it, empty when nothing is."""

    def register(self, entry: ModelEntry) -> Registration:
        """Register a model; it may become the champion."""

    def log_sweep(self, result: SweepResult) -> None:
        """Write the result of a sweep to its parent run."""

    def settle(self, result: SweepResult) -> None:
        """Bring the runs of the trials in step with a result."""

    def end_sweep(self, parent_run_id: str, status: str) -> None:
        """End the parent run as ``"FINISHED"``, ``"KILLED"`` or ``"FAILED"``."""

    def load(self, parent_run_id: str) -> SweepResult:
        """Return the result of a sweep."""


class NullStore:
    """The store of a sweep that is not tracked: it keeps nothing, and every run id is empty."""

    keeps = False

    def check_new_name(self, task: str, name: str) -> None:
        return

    def restore_sweep(self, parent_run_id: str, notify: Callable[[str], None]) -> bool:
        return False

    def start_sweep(self, result: SweepResult, key: str, notify: Callable[[str], None], known: str = "") -> str:
        return ""

    def experiment_of(self, run_id: str) -> str:
        return ""

    def children(self, parent_run_id: str) -> Mapping[int, Any]:
        return {}

    def log_trial(self, experiment_id: str, parent: SweepResult, trial: TrialRecord, known: str | None) -> str:
        return ""

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        return

    def log_files(self, run_id: str, path: Path, artifact_path: str | None = None) -> None:
        return

    def log_model(
        self, run_id: str, predictor: Predictor, example: Any, task: str, metrics: Mapping[str, float]
    ) -> str:
        return ""

    def load_back(self, model_uri: str, predictor: Predictor, example: Any) -> str:
        return ""

    def register(self, entry: ModelEntry) -> Registration:
        return Registration()

    def log_sweep(self, result: SweepResult) -> None:
        return

    def settle(self, result: SweepResult) -> None:
        return

    def end_sweep(self, parent_run_id: str, status: str) -> None:
        return

    def load(self, parent_run_id: str) -> SweepResult:
        raise LookupError("a sweep that is not tracked has no stored result")
