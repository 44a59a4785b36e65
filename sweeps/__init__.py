"""How it is searched: launching, tracking, results, reports, the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweeps.proposals import study_of
    from sweeps.run import run_sweep
    from sweeps.spec import SweepSpec

__all__ = ["SweepSpec", "run_sweep", "study_of"]

_HOMES = {"SweepSpec": "sweeps.spec", "run_sweep": "sweeps.run", "study_of": "sweeps.proposals"}


def __getattr__(name: str) -> Any:
    """Loads the launcher when it is asked for, so that ``tunelab --help`` does not pay for it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sweeps' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
