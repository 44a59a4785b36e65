"""The connection to an MLflow store: opening it, experiments, runs, files; settings that MLflow reads on import."""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from filelock import FileLock

from search_spaces import UserError
from sweeps.environment import git_commit, versions
from sweeps.records import TrialStatus
from sweeps.secrets import without_secrets

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_DISABLE_ASYNC_LOGGING", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for a command's own output
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# One attempt a call: MLflow's own retries take minutes, and may create a run twice; ours look first.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)  # what a store that is away or locked raises
TAG_LIMIT = 7_900  # MLflow refuses tags above 8,000 characters
PARAM_LIMIT = 5_900
STATUS = {
    TrialStatus.FINISHED: "FINISHED",
    TrialStatus.STOPPED: "FINISHED",
    TrialStatus.DIVERGED: "FAILED",
    TrialStatus.FAILED: "FAILED",
    TrialStatus.INTERRUPTED: "KILLED",
    TrialStatus.RUNNING: "RUNNING",
}


@event.listens_for(Engine, "connect")
def _tune_sqlite(connection: Any, record: Any) -> None:
    """Write-ahead logging: several sweeps write at once, and a commit costs no disk flush (kill -9 loses nothing)."""
    if type(connection).__module__.startswith("sqlite3"):
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")


class Connection:
    """An MLflow tracking store.

    Args:
        uri: ``sqlite:///path/to/mlflow.db``, ``http://host:port``, or another URI that MLflow takes.
        create: whether a sqlite file that is not there is made.

    Raises:
        UserError: the URI is none, its folder cannot be written, no server answers, or there is no file to read.
    """

    def __init__(self, uri: str, *, create: bool = True) -> None:
        self.uri = uri
        self.shown_uri = without_secrets(uri)
        self._path = _sqlite_path(uri)
        quiet_mlflow()
        if self._path is not None and not create and not self._path.exists():
            raise UserError(
                f"There is no store at {self.shown_uri}. `tunelab sweep TASK` makes one; --tracking-uri names another."
            )
        if self._path is not None:
            _create_sqlite(self._path, uri)
        try:
            self.client = MlflowClient(uri)
            self.client.search_experiments(max_results=1)
        except STORE_ERRORS as error:
            first = without_secrets(str(error).splitlines()[0])
            raise UserError(
                f"--tracking-uri '{self.shown_uri}': no MLflow store answers there ({first}). "
                "Give sqlite:///path/mlflow.db or the URL of an MLflow server that runs."
            ) from error

    def experiment(self, name: str) -> str:
        """The id of an experiment, created when there is none; restored when it was deleted."""
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        location = None if self._path is None else (self._path.parent / "artifacts").as_uri()
        with suppress(MlflowException):  # another sweep may create it in this moment
            tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI's side for models, not for prompts
            return str(self.client.create_experiment(name, artifact_location=location, tags=tags))
        return str(self.client.get_experiment_by_name(name).experiment_id)

    def artifact_root(self) -> str:
        """Where artifacts of a sqlite store lie, as a path."""
        return str((self._path.parent if self._path is not None else Path("mlruns")) / "artifacts")

    def run(self, run_id: str) -> Run:
        """A run by its id; raises ``UserError`` when there is none."""
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            raise UserError(f"No run '{run_id}' in {self.shown_uri}.") from error

    def artifact(self, run_id: str, path: str) -> bytes:
        """The bytes of a run's artifact; raises ``UserError`` when there is none."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                return Path(self.client.download_artifacts(run_id, path, folder)).read_bytes()
            except STORE_ERRORS as error:
                raise UserError(f"Run '{run_id}' holds no '{path}' in {self.shown_uri}.") from error

    def log_files(self, run_id: str, folder: Path, artifact_path: str | None = None) -> None:
        """Copies a folder's files to a run's artifacts."""
        self.client.log_artifacts(run_id, str(folder), artifact_path)

    def copy_files(self, run_id: str, artifact_path: str, folder: Path) -> list[str]:
        """Copies the files of an artifact folder to a local one and gives their names; empty when there are none."""
        names = [Path(item.path).name for item in self.client.list_artifacts(run_id, artifact_path) if not item.is_dir]
        for name in names:
            (folder / name).write_bytes(self.artifact(run_id, f"{artifact_path}/{name}"))
        return names

    def log_figures(self, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Adds metrics and tags to a run."""
        now = int(time.time() * 1000)
        values = [Metric(k, float(v), now, 0) for k, v in metrics.items() if math.isfinite(v)]
        self.client.log_batch(run_id, values, tags=[RunTag(k, v[:TAG_LIMIT]) for k, v in (tags or {}).items()])

    def _search(self, experiment_id: str, query: str) -> list[Run]:
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [experiment_id], query, max_results=1000, page_token=token, order_by=["attributes.start_time DESC"]
            )
            found += list(page)
            token = page.token
            if not token:
                return found


@contextmanager
def fluent(uri: str) -> Iterator[None]:
    """MLflow's process-wide store and registry set to ours for the time of the block.

    MLflow writes both into the environment, where the next sweep would find them as its user's wish: they go again.
    """
    before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before["MLFLOW_TRACKING_URI"])  # type: ignore[arg-type, unused-ignore]  # None unsets
        mlflow.set_registry_uri(before["MLFLOW_REGISTRY_URI"] or "")
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def quiet_mlflow() -> None:
    """Silences MLflow's and alembic's lines about what they do."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _sqlite_path(uri: str) -> Path | None:
    if not uri.startswith("sqlite:"):
        return None
    path = unquote(urlparse(uri).path)
    if not uri.startswith("sqlite:///") or not path.strip("/"):
        raise UserError(f"--tracking-uri '{uri}' names no file. Write sqlite:///path/mlflow.db.")
    return Path(path[1:]).absolute()  # sqlite:///relative.db or sqlite:////absolute.db


def _create_sqlite(path: Path, uri: str) -> None:
    """Creates the database once: two processes that do it at the same time would break it for good."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                MlflowClient(uri).search_experiments(max_results=1)
    except OSError as error:
        raise UserError(f"The store's folder '{path.parent}' cannot be written: {error.strerror}.") from error


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def provenance_tags() -> dict[str, str]:
    tags = {
        "tunelab.versions": json.dumps(versions()),
        "mlflow.source.name": "tunelab",
        "mlflow.source.type": "LOCAL",
    }
    commit = git_commit()
    return {**tags, "mlflow.source.git.commit": commit} if commit else tags
