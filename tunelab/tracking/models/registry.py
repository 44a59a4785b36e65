"""The model registry: versions of each task's winners, and which of them is the champion."""

from __future__ import annotations

from contextlib import suppress

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from tunelab.records.text import format_number
from tunelab.records.tracking_store import ModelEntry, Registration
from tunelab.tracking.process_state import fluent
from tunelab.tracking.sweep_runs import SweepRuns

DIGEST = "tunelab.digest"  # tag of a version
CHAMPION = "champion"


class Registry(SweepRuns):
    """Registers models.

    The alias ``champion-<digest>`` names the champion of each data set, ``champion`` the latest of these.
    """

    def register(self, entry: ModelEntry) -> Registration:
        """Register a model as ``tunelab-<task>``, once.

        It becomes the champion of its data when that has none yet, or when its validation loss is lower.
        """
        name = f"tunelab-{entry.task}"
        version = self._version(name, entry)
        alias = f"{CHAMPION}-{entry.digest[:12]}"
        champion = self._champion(name, alias, entry.digest)
        if champion is not None and str(champion.version) == version:
            return Registration(version, champion=True)
        if entry.objection:
            return Registration(version, False, f"It is not a champion: {entry.objection}.")
        if champion is not None:
            measure = entry.measure
            rival = champion.tags.get(f"tunelab.{measure.name}")
            if rival is None:
                why = f"The champion is still version {champion.version}, which another metric chose."
                return Registration(version, False, why)
            if entry.val_loss >= measure.value(float(rival)):
                held = f"{measure.name} {format_number(float(rival))}"
                return Registration(version, False, f"The champion is still version {champion.version} ({held}).")
        for each in (alias, CHAMPION):
            self.client.set_registered_model_alias(name, each, version)
        return Registration(version, champion=True)

    def _version(self, name: str, entry: ModelEntry) -> str:
        """Return the version of a logged model, which is made when there is none."""
        with suppress(MlflowException):  # it exists already
            about = f"Winners of sweeps on {entry.task}, by {entry.measure.phrase}."
            self.client.create_registered_model(name, description=about)
        for known in self.client.search_model_versions(f"name = '{name}'"):
            if known.source == entry.model_uri:
                return str(known.version)
        value = repr(entry.measure.value(entry.val_loss))
        tags = {**entry.tags, f"tunelab.{entry.measure.name}": value, DIGEST: entry.digest}
        model_id = entry.model_uri.rpartition("/")[2]  # a server refuses a model's URI without it
        with fluent(self.uri):  # the registry looks the model up in the process-wide store
            made = self.client.create_model_version(
                name, entry.model_uri, run_id=entry.run_id, tags=tags, model_id=model_id, description=entry.note or None
            )
        return str(made.version)

    def _champion(self, name: str, alias: str, digest: str) -> ModelVersion | None:
        """Return the champion among the models of one data set; None when there is none."""
        for each in (alias, CHAMPION):  # a store of an earlier version has the second alias alone
            with suppress(MlflowException):  # no version has this alias
                found = self.client.get_model_version_by_alias(name, each)
                if found.tags.get(DIGEST) == digest:
                    return found
        return None
