"""Winners' models in the store."""

from __future__ import annotations

import importlib
import json
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
from mlflow.types.schema import AnyType, ColSpec, Schema

import search_spaces
import trainables
from trainables import Predictor, save_predictor
from tunelab.records.trial import TrialStatus
from tunelab.tracking.connection import STATUS
from tunelab.tracking.models.lookup import ModelLookup
from tunelab.tracking.models.registry import Registry
from tunelab.tracking.process_state import fluent

# What a predictor imports. tunelab itself is on no package index: the modules it needs lie beside the model.
MODEL_REQUIREMENTS = (
    *("torch", "numpy", "pandas", "scikit-learn", "scipy", "safetensors", "skops", "pillow"),
    *("threadpoolctl", "lightgbm"),
)
# The same of a language model in transformers' own flavour.
TEXT_REQUIREMENTS = ("torch", "transformers", "tokenizers", "huggingface_hub")


class WinnerModels(Registry, ModelLookup):
    """Logs predictors."""

    def log_model(
        self, run_id: str, predictor: Predictor, example: Any, task: str, metrics: Mapping[str, float]
    ) -> str:
        """Log a predictor as a pyfunc model of a run and return its URI; a model with the same metrics is logged once.

        Args:
            run_id: The winner's run; its status and end stay as they are.
            predictor: Preprocessing and network.
            example: A few raw input rows; signature and input example are made from them.
            task: For the model's name.
            metrics: Shown beside the model.
        """
        before = self.run(run_id)
        fingerprint = json.dumps(dict(metrics), sort_keys=True)
        if before.data.tags.get("tunelab.model_figures") == fingerprint:
            self._end_as_trial(before)
            return str(before.data.tags["tunelab.model_uri"])
        self._remove_half_logged(before)
        self.log_metrics(run_id, metrics)  # MLflow copies a run's metrics to the model that is logged to it
        with tempfile.TemporaryDirectory() as folder, fluent(self.uri), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints about integer columns and type hints of our own model file
            artifacts = _write_artifacts(predictor, Path(folder))
            with mlflow.start_run(run_id=run_id):
                model_uri = _log_pyfunc(predictor, example, task, artifacts)
                if predictor.flavour:
                    _log_native(predictor, task)
                if predictor.pipeline_parts:  # a second time in transformers' own flavour, for those who use that
                    self._log_pipeline(predictor, task)
        tags = {"tunelab.model_figures": fingerprint, "tunelab.model_uri": model_uri}
        self.client.log_batch(run_id, tags=[RunTag(k, v) for k, v in tags.items()])
        self._end_as_trial(before)
        return model_uri

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


def _write_artifacts(predictor: Predictor, folder: Path) -> dict[str, str]:
    """Write a predictor and the code that loads it to a folder, and return their paths by name."""
    saved, code = folder / "predictor", folder / "code.zip"
    saved.mkdir()
    save_predictor(predictor, saved)
    _write_code(code)
    return {"predictor": str(saved), "code": str(code)}


def _log_pyfunc(predictor: Predictor, example: Any, task: str, artifacts: Mapping[str, str]) -> str:
    """Log a model to the active run and return its URI."""
    packages = MODEL_REQUIREMENTS + (TEXT_REQUIREMENTS[1:] if predictor.pipeline_parts else ()) + predictor.packages
    info = mlflow.pyfunc.log_model(
        name=f"tunelab-{task}",
        python_model=str(Path(__file__).with_name("served_model.py")),
        artifacts=dict(artifacts),
        signature=_signature(predictor, example) if len(example) else None,
        input_example=example if len(example) else None,
        pip_requirements=_requirements(packages),
    )
    return str(info.model_uri)


def _log_native(predictor: Predictor, task: str) -> None:
    """Log a model to the active run in the flavour of its own library as well, where that needs no pickle."""
    flavour = predictor.flavour
    module = importlib.import_module(f"mlflow.{flavour}")
    options = {"serialization_format": "skops"} if flavour == "sklearn" else {}
    packages = ("scikit-learn", "skops") if flavour == "sklearn" else (flavour,)
    module.log_model(
        predictor.native(), name=f"tunelab-{task}-{flavour}", pip_requirements=_requirements(packages), **options
    )


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
