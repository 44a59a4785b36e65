"""Hyperparameter search people can trust: Ray Tune, Optuna and MLflow in one platform.

    from tunelab import SweepSpec, run_sweep

    if __name__ == "__main__":
        result = run_sweep(SweepSpec(task="wine", trials=32))
        print(result.best.val_loss, result.best.config)

Every public name loads on first use, so that ``import tunelab`` needs neither torch nor Ray nor MLflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_spaces import SearchSpace, UserError
    from trainables import TabularTask, Task, TaskFacts
    from tunelab.interactive.call import run_sweep
    from tunelab.interactive.load import load_result
    from tunelab.launch.kept_ray import shutdown
    from tunelab.records.result import SweepResult
    from tunelab.records.spec import SweepSpec
    from tunelab.search.sampling.optuna_trials import study_of

__all__ = [
    "SearchSpace",
    "SweepResult",
    "SweepSpec",
    "TabularTask",
    "Task",
    "TaskFacts",
    "UserError",
    "load_result",
    "run_sweep",
    "shutdown",
    "study_of",
]

_HOMES = {
    "SearchSpace": "search_spaces",
    "SweepResult": "tunelab.records.result",
    "SweepSpec": "tunelab.records.spec",
    "TabularTask": "trainables",
    "Task": "trainables",
    "TaskFacts": "trainables",
    "UserError": "search_spaces",
    "load_result": "tunelab.interactive.load",
    "run_sweep": "tunelab.interactive.call",
    "shutdown": "tunelab.launch.kept_ray",
    "study_of": "tunelab.search.sampling.optuna_trials",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name == "__version__":
        return import_module("tunelab.system.environment").versions()["tunelab"]
    if name not in _HOMES:
        from search_spaces.errors import did_you_mean

        raise AttributeError(f"module 'tunelab' has no attribute '{name}'.{did_you_mean(name, __all__)}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names alone."""
    return sorted(__all__)
