"""Groups of runs that are not a sweep: a benchmark with a child run a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Param

from tunelab.tracking.connection import PARAM_LIMIT, provenance_tags
from tunelab.tracking.deletions import Deletions


class Groups(Deletions):
    """Writes a parent run with its children at once."""

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
        notify: Callable[[str], None],
    ) -> str:
        """Log a finished parent run with a child run each, once for a key; return the id of the parent.

        A group that an earlier call began and did not finish is deleted with its children.

        Args:
            experiment: Name of the experiment.
            name: Name of the parent's run.
            key: Identifies the group, e.g. a digest of its results.
            children: (name, parameters, metrics) of each; metrics that are not finite are left out.
            params: Parameters of the parent.
            tags: Tags of the parent.
            folder: Its files become the parent's artifacts.
            notify: Is told of a deleted experiment that is restored.
        """
        where = self.needed_experiment(experiment, notify)
        for found in self._search(where, f"tags.`tunelab.group` = '{key}'"):
            if found.info.status == "FINISHED":
                return str(found.info.run_id)
            for run in (*self._search(where, f"tags.`mlflow.parentRunId` = '{found.info.run_id}'"), found):
                self.client.delete_run(run.info.run_id)
        parent = self._log_run(where, name, params, {}, {**tags, **provenance_tags(), "tunelab.group": key})
        for child, values, metrics in children:
            own = {"mlflow.parentRunId": parent, "tunelab.kind": f"{tags.get('tunelab.kind', 'group')}-entry"}
            self.client.set_terminated(self._log_run(where, child, values, metrics, own))
        self.log_files(parent, folder)
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
        self.log_metrics(run_id, metrics)
        return run_id
