"""Groups of runs that are no sweep: a benchmark with a child run a setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Param

from sweeps.tracking.connection import PARAM_LIMIT, Connection, provenance_tags


class Groups(Connection):
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
        parent = self._log_run(where, name, params, {}, {**tags, **provenance_tags()})
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
