"""Winners' models in the store and in the registry."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run, RunTag
from mlflow.exceptions import MlflowException

from search_spaces import UserError
from sweeps.environment import versions
from sweeps.records import TrialStatus
from sweeps.tracking.connection import STATUS, STORE_ERRORS, fluent
from sweeps.tracking.sweep_runs import SweepRuns
from trainables import Predictor, load_predictor

RUN_ID = re.compile(r"[0-9a-f]{4,32}")  # or its beginning
MODEL_REQUIREMENTS = ("torch", "numpy", "pandas", "scikit-learn")  # beside tunelab itself


class Models(SweepRuns):
    """Logs, registers and loads predictors."""

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
        with tempfile.TemporaryDirectory() as folder, fluent(self.uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints about integer columns and type hints of our own model file
            predictor.save(Path(folder))
            signature = mlflow.models.infer_signature(example, predictor.predict(example))
            with mlflow.start_run(run_id=run_id):
                info = mlflow.pyfunc.log_model(
                    name=f"tunelab-{task}",
                    python_model=str(Path(__file__).parent.with_name("served_model.py")),
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
            model_id = model_uri.rpartition("/")[2]  # a server refuses a model's URI without it
            with fluent(self.uri):  # the registry looks the model up in the process-wide store
                made = self.client.create_model_version(name, model_uri, run_id=run_id, tags=tags, model_id=model_id)
            version = made.version
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
        with fluent(self.uri):
            try:
                local = mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
            except STORE_ERRORS as error:
                raise UserError(f"No model '{uri}' in {self.shown_uri}.") from error
        return load_predictor(Path(local) / "artifacts" / _predictor_folder(Path(local)))

    def model_file(self, uri: str, path: str) -> bytes:
        """A file of a logged model, e.g. ``serving_input_example.json``: the request that MLflow's server answers."""
        with fluent(self.uri), tempfile.TemporaryDirectory() as folder:
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

    def trial_run_id(self, wanted: str) -> str:
        """The id of a trial's run by its beginning; raises ``UserError`` when none or several runs begin so."""
        if RUN_ID.fullmatch(wanted) is None:
            raise UserError(f"'{wanted}' is no run id: give 4 or more of its 32 characters, 0 to 9 and a to f.")
        runs = self._runs_beginning(wanted)
        if len(runs) != 1:
            what = f"is the beginning of {len(runs)} run ids" if runs else f"is no run in {self.shown_uri}"
            raise UserError(f"'{wanted}' {what}. `tunelab results SWEEP` lists the run ids of trials.")
        return str(runs[0].info.run_id)

    def _runs_beginning(self, wanted: str) -> list[Run]:
        if RUN_ID.fullmatch(wanted) is None:
            return []
        ids = [e.experiment_id for e in self.client.search_experiments()]
        return list(self.client.search_runs(ids, f"attributes.run_id LIKE '{wanted}%'")) if ids else []


def _predictor_folder(model: Path) -> str:
    """The name under which MLflow kept the saved predictor among a model's artifacts."""
    found = sorted(path.parent.name for path in (model / "artifacts").glob("*/predictor.json"))
    if not found:
        raise UserError(f"The model in '{model.name}' is no tunelab model: it holds no predictor.")
    return found[0]
