"""Tracking in MLflow: the one place that knows it (with ``served_model``, the code that MLflow runs itself).

A sweep is a parent run; each trial is a child run, written once when it ends (long trials also in between). Everything
a later command needs is in the store: ``load`` gives back the ``SweepResult`` that the launch returned.
"""

from __future__ import annotations

from tunelab.tracking.connection import STORE_ERRORS, in_brief, is_refused
from tunelab.tracking.models.winners import WinnerModels
from tunelab.tracking.run_groups import Groups
from tunelab.tracking.trial_runs import TrialRuns

__all__ = ["STORE_ERRORS", "Store", "in_brief", "is_refused"]


class Store(WinnerModels, TrialRuns, Groups):
    """An MLflow store with all that tunelab keeps in it."""
