"""Winners' models in the store."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import mlflow
import pandas as pd
from mlflow.entities import Run, RunTag
from mlflow.models import ModelSignature, infer_signature
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.types.schema import AnyType, ColSpec, Schema

import search_spaces
import trainables
from search_spaces.errors import UserError, did_you_mean
from trainables import Predictor, load_predictor
from tunelab.records.lookup import Named, find_named
from tunelab.records.trial import TrialStatus
from tunelab.tracking.connection import STATUS, STORE_ERRORS
from tunelab.tracking.process_state import fluent
from tunelab.tracking.registry import Registry
from tunelab.tracking.sweep_runs import named_run

MODEL_SCHEMES = ("models:/", "runs:/")
RUN_ID = re.compile(r"[0-9a-f]{4,32}")  # or its beginning
# What a predictor imports. tunelab itself is on no package index: the modules it needs lie beside the model.
MODEL_REQUIREMENTS = (
    *("torch", "numpy", "pandas", "scikit-learn", "scipy", "safetensors", "skops", "pillow"),
    *("threadpoolctl", "lightgbm"),
)
# The same of a language model in transformers' own flavour.
TEXT_REQUIREMENTS = ("torch", "transformers", "tokenizers", "huggingface_hub")


class Models(Registry):
    """Logs and loads predictors."""

    def log_model(
        self, run_id: str, predictor: Predictor, example: Any, task: str, figures: Mapping[str, float]
    ) -> str:
        """Log a predictor as a pyfunc model of a run and return its URI; a model with the same metrics is logged once.

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
        self.log_figures(run_id, figures)  # MLflow copies a run's figures to the model that is logged to it
        packages = MODEL_REQUIREMENTS + (TEXT_REQUIREMENTS[1:] if predictor.pipeline_parts else ())
        with tempfile.TemporaryDirectory() as folder, fluent(self.uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints about integer columns and type hints of our own model file
            saved, code = Path(folder) / "predictor", Path(folder) / "code.zip"
            saved.mkdir()
            predictor.save(saved)
            _write_code(code)
            with mlflow.start_run(run_id=run_id):
                info = mlflow.pyfunc.log_model(
                    name=f"tunelab-{task}",
                    python_model=str(Path(__file__).with_name("served_model.py")),
                    artifacts={"predictor": str(saved), "code": str(code)},
                    signature=_signature(predictor, example) if len(example) else None,
                    input_example=example if len(example) else None,
                    pip_requirements=_requirements(packages),
                )
                if predictor.pipeline_parts:  # a second time in transformers' own flavour, for those who use that
                    self._log_pipeline(predictor, task)
        tags = {"tunelab.model_figures": fingerprint, "tunelab.model_uri": str(info.model_uri)}
        self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in tags.items()])
        self._end_as_trial(before)
        return str(info.model_uri)

    def _log_pipeline(self, predictor: Predictor, task: str) -> None:
        """Log model and tokenizer as a transformers pipeline to the active run, with card, licence and facts."""
        from huggingface_hub import ModelCard

        parts = dict(predictor.pipeline_parts)
        card, facts = ModelCard(parts.pop("card")), parts.pop("facts")
        info = mlflow.transformers.log_model(
            parts,
            name=f"tunelab-{task}-transformers",
            task="text-generation",
            model_card=card,
            metadata=facts,
            pip_requirements=_requirements(TEXT_REQUIREMENTS),
        )
        with tempfile.TemporaryDirectory() as folder:  # MLflow's own text sends readers to the hub for the licence
            licence = Path(folder) / "LICENSE.txt"
            licence.write_text(f"Licence of the model that this one was fine-tuned from: {facts['licence']}\n", "utf-8")
            self.client.log_model_artifact(info.model_id, str(licence))

    def _end_as_trial(self, before: Run) -> None:
        """Give a winner's run the status and end that it had as a trial: MLflow sets it running to log a model."""
        status = STATUS[TrialStatus(before.data.tags["tunelab.status"])]
        self.client.set_terminated(before.info.run_id, status, before.info.end_time)

    def _remove_half_logged(self, run: Run) -> None:
        """Remove models that a killed evaluation logged to a run and did not come to note."""
        experiments, query = [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
        versions = self.client.search_model_versions(f"run_id = '{run.info.run_id}'")
        kept = {run.data.tags.get("tunelab.model_uri"), *(version.source for version in versions)}
        for model in self.client.search_logged_models(experiments, filter_string=query):
            if model.model_uri not in kept:
                self.client.delete_logged_model(model.model_id)

    def load_model(self, uri: str, folder: Path) -> Predictor:
        """Return the predictor of a URI such as ``models:/tunelab-wine@champion``; raise ``UserError`` without one."""
        with fluent(self.uri):
            try:
                local = mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
            except STORE_ERRORS as error:
                raise UserError(f"No model '{uri}' in {self.shown_uri}.{self._nearest_model(uri)}") from error
        found = sorted(Path(local).glob("artifacts/*/predictor.json"))
        if not found and not (Path(local) / "MLmodel").exists():
            raise self.absent(f"No files of model '{uri}'")
        if not found:
            raise UserError(f"The model '{uri}' is not a tunelab model: it holds no predictor.")
        return load_predictor(found[0].parent)

    def _nearest_model(self, uri: str) -> str:
        """Return a hint at the registered model that a URI may mean; empty when there is none."""
        name, mark, rest = uri.removeprefix("models:/").partition("@" if "@" in uri else "/")
        names = {model.name: f"models:/{model.name}{mark}{rest}" for model in self.client.search_registered_models()}
        near = did_you_mean(name, names)
        return next((near.replace(f"'{known}'", f"'{meant}'") for known, meant in names.items() if known in near), "")

    def model_file(self, uri: str, path: str) -> bytes:
        """Return a file of a logged model, e.g. ``serving_input_example.json``, the request that a server answers."""
        with fluent(self.uri), tempfile.TemporaryDirectory() as folder:
            try:
                # mlflow.artifacts takes a path in a registered model only, none in models:/m-...
                return Path(get_artifact_repository(uri).download_artifacts(path, folder)).read_bytes()
            except STORE_ERRORS as error:
                raise self.absent(f"No '{path}' of model '{uri}'") from error

    def model_uri(self, wanted: str) -> str:
        """Return the URI of the model that a user means.

        Args:
            wanted: a model URI, a sweep by name or run id, or a trial's run id; of an id the beginning will do.

        Raises:
            UserError: nothing fits, or what fits holds no model.
        """
        if ":/" in wanted:
            return wanted
        run = self._run_beginning(wanted) or self.run(self.find_sweep(wanted))
        if run.data.tags.get("tunelab.best_run_id"):  # a sweep: its winner
            run = self.run(run.data.tags["tunelab.best_run_id"])
        if "tunelab.model_uri" not in run.data.tags:
            raise UserError(
                f"Run '{wanted}' holds no model: only the winner of a sweep is kept. Give the sweep's name instead "
                "(`tunelab results` lists them)."
            )
        uri = str(run.data.tags["tunelab.model_uri"])
        if not uri.startswith(MODEL_SCHEMES):  # someone else may have written the tag: no file, no address
            raise UserError(f"Run '{wanted}' is damaged: its model is '{uri}', which is none of this store.")
        return uri

    def trial_run_id(self, wanted: str, trial: int | None = None) -> str:
        """Find the run of a trial.

        Args:
            wanted: Its run id, or a sweep's name or run id; the beginning is enough.
            trial: Number of the sweep's trial; the winner when None.

        Raises:
            UserError: None or several fit, or the sweep has no such trial.
        """
        run = self._run_beginning(wanted)
        if run is not None and "tunelab.trial" in run.data.tags and trial is None:
            return str(run.info.run_id)
        runs = self.sweeps()
        found = find_named(wanted, [named_run(run) for run in runs], "sweeps")
        if found is None:
            raise UserError(
                f"'{wanted}' is not a run in {self.shown_uri}, nor a sweep. `tunelab results SWEEP` lists the run ids "
                "of trials."
            )
        sweep = next(run for run in runs if run.info.run_id == found)
        trials = {number: str(child.info.run_id) for number, child in self.children(found).items()}
        number = int(sweep.data.tags.get("tunelab.best_trial", -1)) if trial is None else trial
        if number not in trials:
            last = len(trials) - 1
            raise UserError(f"Sweep '{wanted}' has no trial {number}. Give a number from 0 to {last}.")
        return trials[number]

    def _run_beginning(self, wanted: str) -> Run | None:
        """Return the run whose id begins so; raise ``UserError`` when there are several."""
        ids = [experiment.experiment_id for experiment in self.client.search_experiments()]
        if RUN_ID.fullmatch(wanted) is None or not ids:
            return None
        runs = {
            str(run.info.run_id): run for run in self.client.search_runs(ids, f"attributes.run_id LIKE '{wanted}%'")
        }
        found = find_named(wanted, [Named(run_id, (run_id,), run_id) for run_id in runs], "runs")
        return None if found is None else runs[found]


def _signature(predictor: Predictor, example: Any) -> ModelSignature:
    """Return a model's inputs and outputs, for MLflow.

    A table's columns are of any type: the model reads the cells itself. MLflow would refuse a missing cell or 1.5 where
    the example holds whole numbers, and whole numbers where it holds 1.5.
    """
    signature = infer_signature(example, predictor.predict(example))
    if isinstance(example, pd.DataFrame):
        signature.inputs = Schema([ColSpec(AnyType(), str(name)) for name in example.columns])
    return signature


def _requirements(packages: Sequence[str]) -> list[str]:
    """Return pins of packages, without the part of a version that names a build (``+cpu``), which no index has."""
    return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in packages]


def _write_code(path: Path) -> None:
    """Write the modules that a predictor is loaded with, as an archive that Python can import from."""
    spaces, tasks = Path(search_spaces.__file__).parent, Path(trainables.__file__).parent
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in (*spaces.glob("*.py"), *tasks.glob("*.py"), *(tasks / "base").rglob("*.py")):
            archive.write(file, file.relative_to(tasks.parent))
