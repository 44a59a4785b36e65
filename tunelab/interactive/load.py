"""Loading the result of an earlier sweep."""

from __future__ import annotations

from tunelab.interactive.result import InteractiveResult
from tunelab.tracking.open import open_store


def load_result(sweep: str, tracking_uri: str | None = None) -> InteractiveResult:
    """Load the result of a sweep from the tracking store.

    Args:
        sweep: a sweep's name, its run id, or the beginning of either.
        tracking_uri: an MLflow store; default ``MLFLOW_TRACKING_URI``, else ``./mlruns/mlflow.db``.

    Returns:
        The value that ``run_sweep`` returned.

    Raises:
        UserError: no such store or sweep, several sweeps match, or the sweep is still running.
    """
    store = open_store(tracking_uri)
    return InteractiveResult.from_result(store.load(store.find_sweep(sweep)))
