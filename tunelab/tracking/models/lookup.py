"""Models in the store by what their users call them: a URI, a registered name, a sweep, a run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from search_spaces.errors import UserError, describe_error, did_you_mean
from trainables import Predictor, load_predictor
from trainables.base.contract.own_code import own_classes
from tunelab.records.lookup import Named, find_named
from tunelab.system.trust import Named as NamedFile
from tunelab.system.trust import check_trusted, digest_of
from tunelab.tracking.connection import STORE_ERRORS
from tunelab.tracking.process_state import fluent
from tunelab.tracking.sweep_runs import SweepRuns, named_run

MODELS = "models:/"
MODEL_SCHEMES = (MODELS, "runs:/")
RUN_ID = re.compile(r"[0-9a-f]{4,32}")  # or its beginning


class ModelLookup(SweepRuns):
    """Finds and loads predictors."""

    def load_model(self, uri: str, folder: Path, trusted: Sequence[str] = ()) -> Predictor:
        """Return the predictor of a URI such as ``models:/tunelab-wine@champion``.

        Args:
            uri: Of the model.
            folder: Empty; the model's files are put there.
            trusted: Python files that the user named, whose code may run where the predictor is of a class of theirs.

        Raises:
            UserError: There is no such model, it is damaged, or its class is in a file that the user has not named.
        """
        saved = self.fetch_predictor(uri, folder)
        given = [*trusted]
        for own in own_classes(saved):
            if own.file and not own.package and own.sha256 not in map(digest_of, map(Path, trusted)):
                check_trusted([NamedFile("Python file", own.file)], trusted, f"The model '{uri}'")
                given.append(own.file)
        return load_predictor(saved, given)

    def load_back(self, uri: str, predictor: Predictor, example: Any) -> str:
        """Load a logged model and compare it with the one in memory.

        Args:
            uri: The logged model.
            predictor: As it was before it was logged.
            example: A few raw input rows.

        Returns:
            What is wrong with it, a clause; empty when it predicts the same.
        """
        with fluent(self.uri), tempfile.TemporaryDirectory() as folder:
            local = mlflow.artifacts.download_artifacts(uri, dst_path=folder)
            try:
                saved = Path(local) / "artifacts" / "predictor"
                loaded = load_predictor(saved, [own.file for own in own_classes(saved)])
                differs = predictor.difference(loaded, example)
            except Exception as error:  # noqa: BLE001 whatever a user's own class raises keeps it from being champion
                why = str(error) if isinstance(error, UserError) else describe_error(error)
                return f"its model cannot be loaded back ({why.rstrip('.')})"
        return f"its model predicts otherwise after it was loaded back ({differs})" if differs else ""

    def fetch_predictor(self, uri: str, folder: Path) -> Path:
        """Copy a model to an empty folder and return where its predictor lies; raise ``UserError`` without one."""
        with fluent(self.uri):
            try:
                local = mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))
            except STORE_ERRORS as error:
                raise UserError(f"There is no model '{uri}' in '{self.shown_uri}'.{self._other_model(uri)}") from error
        found = sorted(Path(local).glob("artifacts/predictor"))
        if not found and not (Path(local) / "MLmodel").exists():
            raise self.absent(f"No files of model '{uri}'")
        if not found:
            raise UserError(f"The model '{uri}' is not a tunelab model: it holds no predictor.")
        return found[0]

    def fetch_language_model(self, wanted: str, folder: Path) -> Path:
        """Copy a language model to an empty folder and return where its files lie, as transformers loads them.

        Args:
            wanted: As for ``model_uri``.
            folder: Empty.

        Raises:
            UserError: Nothing fits, or what fits is not a language model.
        """
        found = self.fetch_predictor(self.model_uri(wanted), folder) / "model"
        if not (found / "config.json").is_file():
            raise UserError(f"The model '{wanted}' is not a language model. Give one of a sweep on kogpt2.")
        return found

    def _other_model(self, uri: str) -> str:
        """Return a hint at the registered model or the version that a URI may mean; empty when there is none."""
        name, mark, rest = _parts(uri)
        known_names = self.model_names()
        if name in known_names:
            newest = max(int(one.version) for one in self.client.search_model_versions(f"name = '{name}'"))
            why = " No version is the champion: `tunelab results SWEEP` says what speaks against a winner."
            winner = " The name of a sweep means its winner."
            hint = f" The newest version is '{MODELS}{name}/{newest}'.{winner}"
            return why * (rest == "champion") + hint
        names = {known: f"{MODELS}{known}{mark}{rest}" for known in known_names}
        near = did_you_mean(name, names)
        return next((near.replace(f"'{known}'", f"'{meant}'") for known, meant in names.items() if known in near), "")

    def model_names(self) -> list[str]:
        """Return the names of the registered models."""
        return [str(model.name) for model in self.client.search_registered_models()]

    def knows_model(self, wanted: str) -> bool:
        """Return whether this is the whole name of a sweep, or of a registered model with or without a version."""
        return wanted in self._sweep_names() or _parts(wanted)[0] in self.model_names()

    def model_owners(self) -> list[str]:
        """Return the names by which a model can be asked for: of sweeps and of registered models."""
        return [*self._sweep_names(), *self.model_names()]

    def _sweep_names(self) -> set[str]:
        return {str(run.data.tags["tunelab.sweep"]) for run in self.sweeps()}

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
            wanted: A model URI, a registered model's name (``tunelab-wine``, ``tunelab-wine/3``), a sweep by name or
                run id, or a trial's run id; of an id the beginning will do.

        Raises:
            UserError: Nothing fits, or what fits holds no model.
        """
        if wanted.startswith(MODELS) or (":/" not in wanted and _parts(wanted)[0] in self.model_names()):
            return self._whole_uri(wanted)
        if ":/" in wanted:
            return wanted
        run = self._run_beginning(wanted) or self.run(self.find_sweep(wanted, self.model_names()))
        sweep = run.data.tags.get("tunelab.sweep") if "mlflow.parentRunId" not in run.data.tags else None
        if run.data.tags.get("tunelab.best_run_id"):  # a sweep: its winner
            run = self.run(run.data.tags["tunelab.best_run_id"])
        if "tunelab.model_uri" not in run.data.tags and sweep is not None:
            raise UserError(
                f"Sweep '{sweep}' kept no model: it has no winner, or its trials reported none. A training function "
                "reports it with trial.report(..., model=model)."
            )
        if "tunelab.model_uri" not in run.data.tags:
            raise UserError(
                f"Run '{wanted}' holds no model: only the winner of a sweep is kept. Give the sweep's name instead "
                "(`tunelab results` lists them)."
            )
        uri = str(run.data.tags["tunelab.model_uri"])
        if not uri.startswith(MODEL_SCHEMES):  # someone else may have written the tag: no file, no address
            raise UserError(f"Run '{wanted}' is damaged: its model is '{uri}', which is none of this store.")
        return uri

    def _whole_uri(self, wanted: str) -> str:
        """Return the URI of a registered model; of one that is named without a version its champion, or the newest."""
        name, mark, rest = _parts(wanted)
        if mark or name.startswith("m-"):
            return f"{MODELS}{name}{mark}{rest}"
        with suppress(MlflowException):  # there is no champion
            self.client.get_model_version_by_alias(name, "champion")
            return f"{MODELS}{name}@champion"
        return f"{MODELS}{name}/latest"

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


def _parts(uri: str) -> tuple[str, str, str]:
    """Split a model's URI or name into the name, ``@`` or ``/`` or nothing, and the alias or version."""
    found = re.fullmatch(r"([^@/]*)([@/]?)(.*)", uri.removeprefix(MODELS), re.DOTALL)
    assert found is not None
    return found[1], found[2], found[3]
