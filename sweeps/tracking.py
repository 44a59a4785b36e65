"""Tracking in MLflow: the one file that knows it (with ``served_model``, the code that MLflow runs itself).

A sweep is a parent run; each trial is a child run, written once when it ends (long trials also in between). Everything
a later command needs is in the store: ``load`` gives back the ``SweepResult`` that the launch returned.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from filelock import FileLock

from search_spaces import UserError
from sweeps.desk import experiment_tags
from sweeps.environment import git_commit, versions
from sweeps.records import Epoch, TrialRecord, TrialStatus
from sweeps.result import SweepResult
from sweeps.secrets import without_secrets
from trainables import Predictor, load_predictor

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_DISABLE_ASYNC_LOGGING", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# One attempt a call: MLflow's own retries take minutes, and may create a run twice; ours look first.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)  # what a store that is away or locked raises
RESULT_FILE = "sweep.json.gz"
TAG_LIMIT = 7_900  # MLflow refuses tags above 8,000 characters
PARAM_LIMIT = 5_900
MODEL_REQUIREMENTS = ("torch", "numpy", "pandas", "scikit-learn")  # beside tunelab itself
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


class Store:
    """An MLflow tracking store.

    Args:
        uri: ``sqlite:///path/to/mlflow.db``, ``http://host:port``, or another URI that MLflow takes.

    Raises:
        UserError: the URI is none, its folder cannot be written, or no server answers.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.shown_uri = without_secrets(uri)
        self._path = _sqlite_path(uri)
        quiet_mlflow()
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

    # Sweeps.

    def start_sweep(self, result: SweepResult) -> str:
        """Creates the parent run, or takes up that of the same name which an interruption left; gives its id."""
        experiment = self.experiment(result.task)
        query = f"tags.`tunelab.sweep` = '{result.name}' and tags.`tunelab.kind` = 'sweep'"
        found = self.client.search_runs([experiment], query, max_results=1)
        if found:
            run_id: str = found[0].info.run_id
            self.client.update_run(run_id, status="RUNNING")
            return run_id
        facts = result.facts
        note = (
            f"**{facts['title']}**: a sweep of {result.spec['trials']} trials of at most {result.spec['max_epochs']} "
            f"epochs.\n\nData: {facts['source']} ({facts['licence']}). {facts['note']}"
        )
        tags = {
            "mlflow.note.content": note.strip(),
            "tunelab.kind": "sweep",
            "tunelab.sweep": result.name,
            "tunelab.task": result.task,
            "tunelab.digest": result.data["digest"],
            "tunelab.spec": json.dumps(dict(result.spec), ensure_ascii=False)[:TAG_LIMIT],
            **_provenance_tags(),
        }
        run = self.client.create_run(experiment, start_time=_ms(result.started), tags=tags, run_name=result.name)
        keys = ("trials", "max_epochs", "scheduler", "sampler", "seed", "grace_period", "reduction_factor", "space")
        params = [Param(key, str(result.spec[key])) for key in keys if result.spec.get(key) is not None]
        self.client.log_batch(run.info.run_id, params=params)
        self.client.log_inputs(run.info.run_id, [_dataset(result.task, result.facts, result.data)])
        return str(run.info.run_id)

    def children(self, parent_run_id: str) -> dict[int, Run]:
        """The trial runs of a sweep by trial number."""
        parent = self.client.get_run(parent_run_id)
        runs = self._search(parent.info.experiment_id, f"tags.`mlflow.parentRunId` = '{parent_run_id}'")
        return {int(r.data.tags["tunelab.trial"]): r for r in runs if "tunelab.trial" in r.data.tags}

    def finish_sweep(self, result: SweepResult, *, final: bool = True) -> None:
        """Writes the result to the parent run and ends it: FINISHED, or KILLED when the search was cut short."""
        counts = result.counts
        figures = {
            "trials": len(result.trials),
            "trials_stopped_early": counts.stopped_early,
            "trials_failed": counts.failed + counts.diverged,
            "epochs": result.epochs,
            "train_seconds": result.train_seconds,
            "wall_seconds": result.wall_seconds,
        }
        tags = {"tunelab.stopped": result.stopped}
        if result.best is not None:
            figures["best_val_loss"] = result.best.val_loss
            figures |= {f"val_{name}": value for name, value in result.best.validation.items()}
            figures |= {f"test_{name}": value for name, value in result.best.test.items()}
            tags |= {"tunelab.best_trial": str(result.best.trial), "tunelab.best_run_id": result.best.run_id}
        now = int(time.time() * 1000)
        metrics = [Metric(k, float(v), now, 0) for k, v in figures.items() if math.isfinite(v)]
        run_id = result.parent_run_id
        self.client.log_batch(run_id, metrics=metrics, tags=[RunTag(k, v) for k, v in tags.items()])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / RESULT_FILE).write_bytes(result.to_bytes())
            self.client.log_artifacts(run_id, folder)
        for key, value in experiment_tags(result).items():
            self.client.set_experiment_tag(self.client.get_run(run_id).info.experiment_id, key, value)
        if final:
            self.client.set_terminated(run_id, "KILLED" if result.stopped else "FINISHED")

    def fail_sweep(self, parent_run_id: str) -> None:
        """Marks a parent run as failed."""
        self.client.set_terminated(parent_run_id, "FAILED")

    def load(self, parent_run_id: str) -> SweepResult:
        """The result of a sweep, as its launch returned it; raises ``UserError`` when the run holds none."""
        run = self.run(parent_run_id)
        if run.data.tags.get("tunelab.kind") != "sweep":
            raise UserError(f"Run '{parent_run_id}' is no tunelab sweep. `tunelab results` lists the sweeps.")
        name = run.data.tags["tunelab.sweep"]
        if run.info.status == "RUNNING":
            raise UserError(f"Sweep '{name}' is still running, or was killed: `tunelab resume {name}` goes on with it.")
        return SweepResult.of_bytes(self.artifact(parent_run_id, RESULT_FILE))

    def sweeps(self) -> list[Run]:
        """The parent runs of all sweeps, newest first."""
        ids = [e.experiment_id for e in self.client.search_experiments()]
        return [run for i in ids for run in self._search(i, "tags.`tunelab.kind` = 'sweep'")] if ids else []

    def find_sweep(self, wanted: str) -> str:
        """The parent run id of a sweep by name, by run id, or by the beginning of either.

        Raises:
            UserError: none or several match.
        """
        runs = self.sweeps()
        for match in (str.__eq__, str.startswith):
            hits = [r for r in runs if match(r.data.tags["tunelab.sweep"], wanted) or match(r.info.run_id, wanted)]
            if len(hits) == 1:
                return str(hits[0].info.run_id)
            if hits:
                named = (r.data.tags["tunelab.sweep"] + f" on {r.data.tags['tunelab.task']}" for r in hits[:5])
                names = ", ".join(f"{name} ({r.info.run_id[:8]})" for name, r in zip(named, hits, strict=False))
                raise UserError(f"'{wanted}' fits {len(hits)} sweeps: {names}. Give more of the name, or the run id.")
        with suppress(MlflowException):  # there is no run of that id at all
            tags = self.client.get_run(wanted).data.tags
            what = f"a trial of sweep '{tags['tunelab.sweep']}'" if "tunelab.trial" in tags else "of another tool"
            raise UserError(f"Run '{wanted}' is {what}; this takes a sweep. `tunelab results` lists them.")
        known = [r.data.tags["tunelab.sweep"] for r in runs[:10]]
        hint = f"There are: {', '.join(known)}." if known else f"The store {self.shown_uri} holds none."
        raise UserError(f"No sweep '{wanted}'. {hint}")

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

    # Trials.

    def log_trial(self, experiment_id: str, parent: SweepResult, trial: TrialRecord, known: str | None) -> str:
        """Writes a trial, or what is new of it, and gives its run id.

        Args:
            experiment_id: where the parent run lives.
            parent: the sweep, for tags.
            trial: as it stands; a running one stays RUNNING.
            known: id of the trial's run when it has one: nothing that it holds is written twice.
        """
        logged = 0
        if known is None:
            run = self.client.create_run(
                experiment_id,
                start_time=_ms(trial.started),
                tags={"mlflow.parentRunId": parent.parent_run_id, **_trial_tags(parent, trial)},
                run_name=f"{parent.name} #{trial.number:03d}",
            )
            run_id: str = run.info.run_id
            params = [Param(k, str(v)[:PARAM_LIMIT]) for k, v in trial.params.items()]
        else:
            run_id, params = known, []
            steps = [m.step for m in self.client.get_metric_history(run_id, "val_loss")]
            logged = max(steps, default=0)
        metrics = [m for e in trial.epochs if e.epoch > logged for m in _metrics(e, trial.started)]
        tags: list[RunTag] = []
        if trial.status != TrialStatus.RUNNING:
            metrics += _final_metrics(trial)
            tags = [RunTag(k, v) for k, v in _end_tags(trial).items()]
        for start in range(0, max(len(metrics), 1), 1000):  # MLflow's limit of one batch
            self.client.log_batch(run_id, metrics[start : start + 1000], params, tags)
            params, tags = [], []
        if trial.status != TrialStatus.RUNNING:
            if trial.error:
                self.client.log_text(run_id, trial.error, "error.txt")
            self.client.set_terminated(run_id, STATUS[trial.status], end_time=_ms(trial.ended))
        return run_id

    def load_trial(self, run_id: str) -> TrialRecord:
        """A trial from its run alone, every epoch included; raises ``UserError`` when the run is no trial."""
        run = self.run(run_id)
        tags = run.data.tags
        if "tunelab.trial" not in tags:
            raise UserError(f"Run '{run_id}' is no trial of tunelab; `tunelab results SWEEP` lists run ids of trials.")
        ended = run.info.end_time or 0
        return TrialRecord(
            number=int(tags["tunelab.trial"]),
            params=json.loads(tags["tunelab.params"]),
            config=json.loads(tags["tunelab.config"]),
            seed=int(tags["tunelab.seed"]),
            max_epochs=int(tags["tunelab.max_epochs"]),
            status=TrialStatus(tags["tunelab.status"]),
            epochs=self._curve(run),
            started=run.info.start_time / 1000,
            ended=ended / 1000,
            run_id=run_id,
            worker=json.loads(tags.get("tunelab.worker", "{}")),
        )

    def _curve(self, run: Run) -> tuple[Epoch, ...]:
        summary = {"best_val_loss", "best_epoch", "epochs", "train_seconds"}
        names = [name for name in run.data.metrics if name not in summary and not name.startswith(("test_", "model_"))]
        by_epoch: dict[int, dict[str, float]] = {}
        for name in names:
            for point in self.client.get_metric_history(run.info.run_id, name):
                by_epoch.setdefault(point.step, {})[name] = point.value
        curve = []
        for epoch, metrics in sorted(by_epoch.items()):
            if "val_loss" in metrics:
                loss, seconds = metrics.pop("val_loss"), metrics.pop("seconds", 0.0)
                curve.append(Epoch.of_row([epoch, loss, metrics, seconds]))
        return tuple(curve)

    # Models and files.

    def log_model(
        self, run_id: str, predictor: Predictor, example: Any, task: str, figures: Mapping[str, float]
    ) -> str:
        """Logs a predictor as a pyfunc model of a run and gives its URI; a model with the same figures is logged once.

        Args:
            run_id: the winner's run; its status and end stay as they are.
            predictor: preprocessing and network.
            example: a few raw input rows; signature and input example are made from them.
            task: for the model's name.
            figures: metrics shown beside the model.
        """
        before = self.run(run_id)
        fingerprint = json.dumps(dict(figures), sort_keys=True)
        if before.data.tags.get("tunelab.model_figures") == fingerprint:
            self._end_as_trial(before)
            return str(before.data.tags["tunelab.model_uri"])
        self._remove_half_logged(before)
        with tempfile.TemporaryDirectory() as folder, _fluent(self.uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints about integer columns and type hints of our own model file
            predictor.save(Path(folder))
            signature = mlflow.models.infer_signature(example, predictor.predict(example))
            with mlflow.start_run(run_id=run_id):
                info = mlflow.pyfunc.log_model(
                    name=f"tunelab-{task}",
                    python_model=str(Path(__file__).with_name("served_model.py")),
                    artifacts={"predictor": folder},
                    signature=signature,
                    input_example=example,
                    pip_requirements=[f"{name}=={versions()[name]}" for name in MODEL_REQUIREMENTS],
                )
                mlflow.log_metrics(dict(figures), model_id=info.model_id)
                if predictor.pipeline_parts:  # a second time in transformers' own flavour, for those who use that
                    mlflow.transformers.log_model(
                        dict(predictor.pipeline_parts),
                        name=f"tunelab-{task}-transformers",
                        task="text-generation",
                        pip_requirements=[f"{name}=={versions()[name]}" for name in ("torch", "transformers")],
                    )
        tags = {"tunelab.model_figures": fingerprint, "tunelab.model_uri": str(info.model_uri)}
        self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in tags.items()])
        self._end_as_trial(before)
        return str(info.model_uri)

    def _end_as_trial(self, before: Run) -> None:
        """Gives a winner's run the status and end that it had as a trial: MLflow sets it running to log a model."""
        status = STATUS[TrialStatus(before.data.tags["tunelab.status"])]
        self.client.set_terminated(before.info.run_id, status, before.info.end_time)

    def _remove_half_logged(self, run: Run) -> None:
        """Removes models that a killed evaluation logged to a run and did not come to note."""
        experiments, query = [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
        for model in self.client.search_logged_models(experiments, filter_string=query):
            if model.model_uri != run.data.tags.get("tunelab.model_uri"):
                self.client.delete_logged_model(model.model_id)

    def register(self, task: str, model_uri: str, run_id: str, val_loss: float, digest: str) -> tuple[str, bool]:
        """Registers a model as ``tunelab-<task>``, once; gives its version and whether it is the champion.

        It becomes the champion when there is none yet, or when it beats its validation loss on the same data digest.
        """
        name = f"tunelab-{task}"
        with suppress(MlflowException):  # it exists already
            self.client.create_registered_model(name, description=f"Winners of sweeps on {task}, by validation loss.")
        tags = {"tunelab.val_loss": repr(val_loss), "tunelab.digest": digest}
        known = [v for v in self.client.search_model_versions(f"name = '{name}'") if v.source == model_uri]
        if known:
            version = known[0].version
        else:
            with _fluent(self.uri):  # the registry looks the model up in the process-wide store
                version = self.client.create_model_version(name, model_uri, run_id=run_id, tags=tags).version
        champion = None
        with suppress(MlflowException):  # there is none yet
            champion = self.client.get_model_version_by_alias(name, "champion")
        beats = champion is None or (
            champion.tags.get("tunelab.digest") == digest and val_loss < float(champion.tags["tunelab.val_loss"])
        )
        if beats:
            self.client.set_registered_model_alias(name, "champion", version)
        return str(version), beats or (champion is not None and str(champion.version) == str(version))

    def load_model(self, uri: str, folder: Path) -> Predictor:
        """The predictor of ``models:/tunelab-wine@champion`` or another model URI; raises ``UserError`` without one."""
        with _fluent(self.uri):
            try:
                local = mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
            except STORE_ERRORS as error:
                raise UserError(f"No model '{uri}' in {self.shown_uri}.") from error
        return load_predictor(Path(local) / "artifacts" / _predictor_folder(Path(local)))

    def model_file(self, uri: str, path: str) -> bytes:
        """A file of a logged model, e.g. ``serving_input_example.json``: the request that MLflow's server answers."""
        with _fluent(self.uri), tempfile.TemporaryDirectory() as folder:
            try:
                local = mlflow.artifacts.download_artifacts(f"{uri.rstrip('/')}/{path}", dst_path=folder)
                return Path(local).read_bytes()
            except STORE_ERRORS as error:
                raise UserError(f"The model '{uri}' in {self.shown_uri} holds no '{path}'.") from error

    def model_uri(self, wanted: str) -> str:
        """The URI of the model that a user means.

        Args:
            wanted: a model URI, a sweep by name or run id, or a trial's run id; of an id the beginning will do.

        Raises:
            UserError: nothing fits, or what fits holds no model.
        """
        if ":/" in wanted:
            return wanted
        runs = self._runs_beginning(wanted) or [self.run(self.find_sweep(wanted))]
        if len(runs) > 1:
            raise UserError(f"'{wanted}' is the beginning of {len(runs)} run ids. Give more of it.")
        run = runs[0]
        if run.data.tags.get("tunelab.best_run_id"):  # a sweep: its winner
            run = self.run(run.data.tags["tunelab.best_run_id"])
        if not run.outputs or not run.outputs.model_outputs:
            raise UserError(
                f"Run '{wanted}' holds no model: only the winner of a sweep is kept. Give the sweep's name instead "
                "(`tunelab results` lists them)."
            )
        return f"models:/{run.outputs.model_outputs[-1].model_id}"

    def _runs_beginning(self, wanted: str) -> list[Run]:
        if re.fullmatch(r"[0-9a-f]{4,32}", wanted) is None:
            return []
        ids = [e.experiment_id for e in self.client.search_experiments()]
        return list(self.client.search_runs(ids, f"attributes.run_id LIKE '{wanted}%'")) if ids else []

    # Groups: a parent with children that the UI's compare view works on, e.g. a benchmark and its settings.

    def log_group(
        self,
        experiment: str,
        name: str,
        key: str,
        children: Iterable[tuple[str, Mapping[str, Any], Mapping[str, float]]],
        *,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        folder: Path,
    ) -> str:
        """A finished parent run with a child run each; gives the parent's id. A key that is there is not logged again.

        Args:
            experiment, name: where, and the parent's name.
            key: identifies the group, e.g. a digest of its results.
            children: (name, parameters, metrics) of each; metrics that are not finite are left out.
            params, tags: of the parent.
            folder: its files become the parent's artifacts.
        """
        where = self.experiment(experiment)
        found = self.client.search_runs(
            [where], f"tags.`tunelab.group` = '{key}' and status = 'FINISHED'", max_results=1
        )
        if found:
            return str(found[0].info.run_id)
        parent = self._log_run(where, name, params, {}, {**tags, **_provenance_tags()})
        for child, values, metrics in children:
            own = {"mlflow.parentRunId": parent, "tunelab.kind": f"{tags.get('tunelab.kind', 'group')}-entry"}
            self.client.set_terminated(self._log_run(where, child, values, metrics, own))
        self.log_files(parent, folder)
        self.log_figures(parent, {}, {"tunelab.group": key})
        self.client.set_terminated(parent)
        return parent

    def _log_run(
        self,
        experiment_id: str,
        name: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> str:
        run_id = str(self.client.create_run(experiment_id, run_name=name, tags=dict(tags)).info.run_id)
        self.client.log_batch(run_id, params=[Param(k, str(v)[:PARAM_LIMIT]) for k, v in params.items()])
        self.log_figures(run_id, metrics)
        return run_id

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
def _fluent(uri: str) -> Iterator[None]:
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


def _predictor_folder(model: Path) -> str:
    """The name under which MLflow kept the saved predictor among a model's artifacts."""
    found = sorted(path.parent.name for path in (model / "artifacts").glob("*/predictor.json"))
    if not found:
        raise UserError(f"The model in '{model.name}' is no tunelab model: it holds no predictor.")
    return found[0]


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


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _provenance_tags() -> dict[str, str]:
    tags = {
        "tunelab.versions": json.dumps(versions()),
        "mlflow.source.name": "tunelab",
        "mlflow.source.type": "LOCAL",
    }
    commit = git_commit()
    return {**tags, "mlflow.source.git.commit": commit} if commit else tags


def _trial_tags(parent: SweepResult, trial: TrialRecord) -> dict[str, str]:
    return {
        "tunelab.kind": "trial",
        "tunelab.sweep": parent.name,
        "tunelab.task": parent.task,
        "tunelab.trial": str(trial.number),
        "tunelab.seed": str(trial.seed),
        "tunelab.max_epochs": str(trial.max_epochs),
        "tunelab.status": str(trial.status),
        "tunelab.digest": parent.data["digest"],
        "tunelab.params": json.dumps(dict(trial.params), ensure_ascii=False),
        "tunelab.config": json.dumps(dict(trial.config), ensure_ascii=False),
        **_provenance_tags(),
    }


def _end_tags(trial: TrialRecord) -> dict[str, str]:
    tags = {
        "tunelab.status": str(trial.status),
        "tunelab.stopped_early": str(trial.status == TrialStatus.STOPPED).lower(),
        "tunelab.worker": json.dumps(dict(trial.worker)),
    }
    if trial.error:
        tags["tunelab.error"] = trial.error.partition("\n")[0][:500]
    return tags


def _metrics(epoch: Epoch, started: float) -> Iterable[Metric]:
    moment = _ms(started + epoch.seconds)
    values = {"val_loss": epoch.val_loss, "seconds": epoch.seconds, **epoch.metrics}
    return [Metric(name, value, moment, epoch.epoch) for name, value in values.items()]


def _final_metrics(trial: TrialRecord) -> list[Metric]:
    moment = _ms(trial.ended)
    figures = {"epochs": float(len(trial.epochs)), "train_seconds": trial.train_seconds}
    if trial.best is not None and trial.has_result:
        figures |= {"best_val_loss": trial.best.val_loss, "best_epoch": float(trial.best.epoch)}
    return [Metric(name, value, moment, len(trial.epochs)) for name, value in figures.items()]


def _dataset(task: str, facts: Mapping[str, Any], data: Mapping[str, Any]) -> DatasetInput:
    rows = {key: data[key] for key in ("train_rows", "validation_rows", "test_rows") if key in data}
    dataset = Dataset(
        name=task,
        digest=str(data["digest"])[:12],
        source_type="local",
        source=json.dumps({"source": facts["source"], "licence": facts["licence"]}, ensure_ascii=False),
        profile=json.dumps(rows),
    )
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "training, validation and sealed test")])
