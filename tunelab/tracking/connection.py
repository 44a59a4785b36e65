"""The connection to an MLflow store: opening it, experiments, runs, files; settings that MLflow reads on import."""

from __future__ import annotations

import json
import logging
import math
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlparse

from filelock import FileLock

from search_spaces import UserError
from search_spaces.errors import MAX_WORDS, bounded_text
from trainables.base.contract.objective import METRIC
from tunelab.records.measure import Measure
from tunelab.records.trial import TrialStatus
from tunelab.system.environment import git_commit, versions
from tunelab.system.redaction import without_secrets
from tunelab.tracking.schema import check_revision
from tunelab.tracking.uri import (
    DATABASES,
    MLFLOW_TABLES,
    REVISION_QUERY,
    VERSION_TABLE,
    check_sqlite,
    check_uri,
    check_writable,
    scheme_of,
    sqlite_path,
)

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_DISABLE_ASYNC_LOGGING", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for a command's own output
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# One attempt a call: MLflow's own retries take minutes, and may create a run twice; ours look first.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

from mlflow import MlflowClient
from mlflow.entities import Metric, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE, ErrorCode
from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
from sqlalchemy import create_engine, event, inspect, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

T = TypeVar("T")
STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)  # what a store that is away or locked raises
TIMEOUTS = {  # by driver, how it calls the seconds after which it gives up connecting
    **dict.fromkeys(("psycopg2", "psycopg", "pymysql", "mysqldb"), "connect_timeout"),
    "pyodbc": "timeout",
}
CONNECT_SECONDS = 5
REFUSALS = {ErrorCode.Name(INVALID_PARAMETER_VALUE), ErrorCode.Name(BAD_REQUEST)}
PLACES = (  # tables and columns where MLflow keeps the absolute places of artifacts
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
MEASURE, DIRECTION = "tunelab.metric", "tunelab.direction"  # tags, see measure_tags
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


def is_refused(error: Exception) -> bool:
    """Return whether a store refused what it was given, which no further attempt changes."""
    return isinstance(error, MlflowException) and error.error_code in REFUSALS


def in_brief(error: BaseException) -> str:
    """Return the cause of an error in one line without secrets: ``Connection refused``, not who passed it on."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    line = text.partition("\n")[0].partition(" Response body:")[0].rstrip(". ")
    return bounded_text(without_secrets(line), MAX_WORDS)


class Connection:
    """An MLflow tracking store; a sqlite database that is not there yet is created.

    Args:
        uri: ``sqlite:///path/to/mlflow.db``, ``http://host:port``, or another URI that MLflow takes.

    Raises:
        UserError: the URI is none, its folder cannot be written, or no server answers.
    """

    keeps = True  # as a ``TrackingStore``

    def __init__(self, uri: str) -> None:
        self.uri = check_uri(uri)
        self.shown_uri = without_secrets(uri)
        self._path = sqlite_path(uri)
        quiet_mlflow()
        if self._path is not None:
            check_sqlite(self._path)
            _create_sqlite(self._path, uri)
            _follow_move(self._path)
        try:
            if scheme_of(uri) in DATABASES:
                _check_database(uri)
            self.client = MlflowClient(uri, registry_uri=uri)  # MLFLOW_REGISTRY_URI names another
            self.client.search_experiments(max_results=1)
        except STORE_ERRORS as error:
            raise UserError(
                f"--tracking-uri '{self.shown_uri}': no MLflow store answers there ({in_brief(error)}). "
                "Give sqlite:///path/mlflow.db or the URL of an MLflow server that runs."
            ) from error

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, created when there is none."""
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None if self._path is None else _artifacts_of(self._path).as_uri()
        with suppress(MlflowException):  # another sweep may create it in this moment
            tags = {"mlflow.experimentKind": "custom_model_development"}  # the UI's side for models, not for prompts
            return str(self.client.create_experiment(name, artifact_location=location, tags=tags))
        return str(self.client.get_experiment_by_name(name).experiment_id)

    def artifact_root(self) -> str:
        """Return where artifacts of a sqlite store lie, as a path."""
        return str(_artifacts_of(self._path if self._path is not None else Path("mlruns/mlflow.db")))

    def run(self, run_id: str) -> Run:
        """Return a run by its id; raise ``UserError`` when there is none."""
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            raise UserError(f"No run '{run_id}' in {self.shown_uri}.") from error

    def artifact(self, run_id: str, path: str) -> bytes:
        """Return the bytes of a run's artifact; raise ``UserError`` when there is none."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                return Path(self.client.download_artifacts(run_id, path, folder)).read_bytes()
            except STORE_ERRORS as error:
                raise self.absent(f"No '{path}' of run '{run_id}'") from error

    def absent(self, what: str) -> UserError:
        """Return the error for a file that the store lacks; it says so when the whole folder of artifacts is away."""
        if self._path is None or _artifacts_of(self._path).is_dir():
            return UserError(f"{what} in {self.shown_uri}.")
        return UserError(
            f"{what}: artifacts not found at '{_artifacts_of(self._path)}'. Move that folder along with the database."
        )

    def log_files(self, run_id: str, path: Path, artifact_path: str | None = None) -> None:
        """Copy a file, or a folder's files, to a run's artifacts."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(run_id, str(path), artifact_path)

    def copy_files(self, run_id: str, artifact_path: str, folder: Path) -> list[str]:
        """Copy the files of an artifact folder to a local one and return their names; empty when there are none."""
        names = [Path(item.path).name for item in self.client.list_artifacts(run_id, artifact_path) if not item.is_dir]
        for name in names:
            (folder / name).write_bytes(self.artifact(run_id, f"{artifact_path}/{name}"))
        return names

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], tags: Mapping[str, str] | None = None) -> None:
        """Add metrics and tags to a run; a metric that has the value already is not written again."""
        now = int(time.time() * 1000)
        known = self.client.get_run(run_id).data.metrics if metrics else {}
        new = {k: float(v) for k, v in metrics.items() if math.isfinite(v) and known.get(k) != float(v)}
        values = [Metric(k, v, now, 0) for k, v in new.items()]
        self.client.log_batch(run_id, values, tags=[RunTag(k, v[:TAG_LIMIT]) for k, v in (tags or {}).items()])

    def _search(self, experiment_id: str, query: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
        found: list[Run] = []
        token, order = None, ["attributes.start_time DESC"]
        while True:
            page = self.client.search_runs([experiment_id], query, view, 1000, order, token)
            found += list(page)
            token = page.token
            if not token:
                return found


def quiet_mlflow() -> None:
    """Silence MLflow's and alembic's lines about what they do."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _artifacts_of(database: Path) -> Path:
    """Return where a sqlite store keeps its artifacts."""
    return database.parent / "artifacts"


def _follow_move(path: Path) -> None:
    """Let a moved store find its artifacts again: MLflow keeps the absolute place of each run and model.

    A store that cannot be written, or is none, is left as it is: opening it says more.
    """
    own = _artifacts_of(path)
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path, timeout=60)) as database, database:
        places = [place for (place,) in database.execute("SELECT DISTINCT artifact_location FROM experiments")]
        for place in places:
            folder = Path(unquote(urlparse(place).path))
            if place.startswith("file:") and folder.name == own.name and not folder.exists() and own.is_dir():
                for table, column in PLACES:
                    database.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                        (own.as_uri(), len(place) + 1, len(place), place),
                    )


def _create_sqlite(path: Path, uri: str) -> None:
    """Create the database once: two processes that do it at the same time would break it for good."""
    check_writable(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                _create_whole(path, uri)
    except OSError as error:
        raise UserError(f"The store's folder '{path.parent}' cannot be written: {error.strerror}.") from error
    except STORE_ERRORS as error:
        raise UserError(f"The store '{path}' cannot be created: {in_brief(error)}.") from error


def _create_whole(path: Path, uri: str) -> None:
    """Create the database beside its place first: one that a kill left half made could never be opened again."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    made = path.with_name(f".{path.name}.new")
    for name in (made.name, f"{made.name}-wal", f"{made.name}-shm", f"{made.name}-journal"):
        made.with_name(name).unlink(missing_ok=True)
    url = make_url(uri).set(database=str(made)).render_as_string(hide_password=False)
    store = SqlAlchemyStore(url, DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)
    store.engine.dispose()  # brings sqlite's log into the file
    os.replace(made, path)


def _check_database(uri: str) -> None:
    """Connect once, and look at the schema: MLflow would try ten times, over a minute and a half, or migrate it."""
    url = make_url(uri)
    timeout = TIMEOUTS.get(url.get_driver_name())
    engine = create_engine(url, connect_args={timeout: CONNECT_SECONDS} if timeout else {})
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            if MLFLOW_TABLES & set(tables):
                rows = connection.execute(text(REVISION_QUERY)).all() if VERSION_TABLE in tables else []
                check_revision(str(rows[0][0]) if rows else "", without_secrets(uri))
    finally:
        engine.dispose()


def read_tag(run: Run, name: str, read: Callable[[str], T]) -> T:
    """Return what a run's tag says; raise ``UserError`` when somebody has removed it, or made it unreadable."""
    try:
        return read(run.data.tags[name])
    except (KeyError, ValueError, TypeError) as error:
        what = "is missing" if name not in run.data.tags else "cannot be read"
        raise UserError(
            f"Run '{run.info.run_id}' is damaged: its tag '{name}' {what}, so it cannot be trained again."
        ) from error


def json_object(text: str) -> dict[str, Any]:
    """Return a JSON object; raise ``ValueError`` or ``TypeError`` for anything else."""
    return dict(json.loads(text))


def milliseconds(seconds: float) -> int:
    """Convert seconds to whole milliseconds, as MLflow counts time."""
    return round(seconds * 1000)


def measure_tags(measure: Measure) -> dict[str, str]:
    """Return the tags of a sweep or a trial whose metric is not ``val_loss``: its name, and ``maximize``."""
    name = {} if measure.name == METRIC else {MEASURE: measure.name}
    return {**name, **({DIRECTION: "maximize"} if measure.is_maximised else {})}


def measure_of(run: Run) -> Measure:
    """Return the measure that a run's tags name."""
    return Measure(run.data.tags.get(MEASURE, METRIC), run.data.tags.get(DIRECTION) == "maximize")


def provenance_tags() -> dict[str, str]:
    """Return the tags that say with which code a run was made."""
    tags = {
        "tunelab.versions": json.dumps(versions()),
        "mlflow.source.name": "tunelab",
        "mlflow.source.type": "LOCAL",
    }
    commit = git_commit()
    return {**tags, "mlflow.source.git.commit": commit} if commit else tags
