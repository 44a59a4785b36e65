"""Experiments and runs that somebody deleted in MLflow's pages, and that a sweep needs again."""

from __future__ import annotations

from collections.abc import Callable, Collection

from mlflow.entities import Experiment, LifecycleStage, Run, ViewType
from mlflow.exceptions import MlflowException

from tunelab.tracking.connection import Connection


class Deletions(Connection):
    """Finds what is deleted, and restores it with a sentence that says so."""

    def needed_experiment(self, name: str, notify: Callable[[str], None]) -> str:
        """Return the id of an experiment, created when there is none.

        One that was deleted is restored without the runs that it held: MLflow keeps its name, so that there can be no
        other.

        Args:
            name: of the experiment.
            notify: is told of what is restored.
        """
        found = self.client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != LifecycleStage.DELETED:
            return self.experiment(name)
        self._restore_experiment(found, ())
        notify(f"The experiment '{name}' had been deleted in the store; it is restored, without the runs that it held.")
        return str(found.experiment_id)

    def restore_sweep(self, parent_run_id: str, notify: Callable[[str], None]) -> bool:
        """Restore what was deleted of a sweep: its parent run, its trials' runs, their experiment.

        Args:
            parent_run_id: of the sweep.
            notify: is told of what is restored.

        Returns:
            False if the store has no such run any more.
        """
        run = self._run_if_there(parent_run_id)
        if run is None:
            notify("The run of this sweep is no longer in the store; the sweep is written to a new one.")
            return False
        experiment = self.client.get_experiment(run.info.experiment_id)
        query = f"tags.`mlflow.parentRunId` = '{parent_run_id}'"
        runs = [run, *self._search(run.info.experiment_id, query, ViewType.ALL)]
        deleted = [run.info.run_id for run in runs if run.info.lifecycle_stage == LifecycleStage.DELETED]
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            self._restore_experiment(experiment, {run.info.run_id for run in runs})
            notify(
                f"The experiment '{experiment.name}' had been deleted in the store; it is restored, with the runs of "
                "this sweep alone."
            )
        elif deleted:
            for run_id in deleted:
                self.client.restore_run(run_id)
            what = "1 run" if len(deleted) == 1 else f"{len(deleted)} runs"
            notify(f"{what} of this sweep had been deleted in the store; restored.")
        return True

    def _run_if_there(self, run_id: str) -> Run | None:
        """Return a run, also a deleted one; None when the store has none of this id."""
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def _restore_experiment(self, experiment: Experiment, kept: Collection[str]) -> None:
        """Restore an experiment, and delete again those runs, restored with it, that are not ``kept``."""
        self.client.restore_experiment(experiment.experiment_id)
        for run in self._search(experiment.experiment_id, ""):
            if run.info.run_id not in kept:
                self.client.delete_run(run.info.run_id)
