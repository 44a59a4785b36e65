"""What MLflow keeps for a whole process: set to ours inside a block, and its user's again afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.tracking import fluent as state

from tunelab.system.autologging import no_autologging
from tunelab.tracking.mlflow_internals import without_map_of_packages

# MLflow writes the first two when they are set; the others choose an experiment or a run of its user's.
VARIABLES = (
    *("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"),
    *("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"),
)


@contextmanager
def fluent(uri: str) -> Iterator[None]:
    """Set MLflow's store and registry to ours for the time of the block, without active run, experiment or autologging.

    A user's active run, possibly of another store, stays active; a store that was set by a call is set again.
    """
    variables = {name: os.environ.pop(name, None) for name in VARIABLES}
    runs, experiment = list(state._active_run_stack.get()), state._active_experiment_id
    state._active_run_stack.set([])
    state._active_experiment_id = None
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        with no_autologging(), without_map_of_packages():
            yield
    finally:
        mlflow.set_tracking_uri(variables["MLFLOW_TRACKING_URI"])  # type: ignore[arg-type, unused-ignore]  # None unsets
        mlflow.set_registry_uri(variables["MLFLOW_REGISTRY_URI"] or "")
        state._active_run_stack.set(runs)
        state._active_experiment_id = experiment
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
