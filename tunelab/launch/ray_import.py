"""Ray and Ray Tune, imported with our settings and without their chatter."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from typing import Any

# Read by Ray when it is imported or started; a user's own settings win.
RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_AIR_NEW_OUTPUT": "0",  # the new reporter prints boxes even when asked for silence
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # trials keep the user's working directory
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_idle_worker_killing_time_threshold_ms": "600000",  # else workers started ahead may end before actors are there
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # workers run in this environment, or in their node's own
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal and MLflow hold the curves
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # resuming is the journal's, so Tune's snapshots are not needed
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a failed trial is a row, not a traceback
    "TUNE_WARN_THRESHOLD_S": "600",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "600",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "600",
}


def import_ray() -> Any:
    """Import Ray with our settings and without its chatter; Tune is left for ``import_tune``: Ray starts without it."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    return _quiet("ray")


def import_tune() -> Any:
    """Import Ray Tune, likewise."""
    import_ray()
    return _quiet("ray.tune")


def _quiet(module: str) -> Any:
    logging.getLogger("ray.widgets").setLevel(logging.CRITICAL)  # in a notebook it asks for ipywidgets as it loads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        imported = importlib.import_module(module)
    for name in ("ray", "ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return imported
