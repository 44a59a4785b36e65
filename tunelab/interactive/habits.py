"""What to write in Python in place of what other libraries take, and of what the command line calls it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from search_spaces.errors import UserError, did_you_mean

OTHER_NAMES = {  # of Optuna, Ray Tune, scikit-learn, Hyperopt and Keras, with the name here
    **dict.fromkeys(("n_trials", "num_samples", "n_iter", "max_evals", "max_trials"), "trials"),
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "max_t"), "max_epochs"),
    **dict.fromkeys(("timeout", "time_budget_s", "max_time", "time_limit"), "time_budget"),
    **dict.fromkeys(("mode", "directions"), "direction"),
    **dict.fromkeys(("objective", "scoring", "eval_metric"), "metric"),
    **dict.fromkeys(("param_space", "search_space", "param_distributions", "param_grid", "config"), "space"),
    **dict.fromkeys(("n_jobs", "max_concurrent_trials", "max_concurrent", "num_workers"), "concurrency"),
    **dict.fromkeys(("device", "gpus", "num_gpus", "resources_per_trial", "resources"), "gpus_per_trial"),
    **dict.fromkeys(("label", "target_column", "y"), "target"),
    **dict.fromkeys(("df", "train_data", "dataset"), "data"),
    **dict.fromkeys(("study_name", "experiment_name", "run_name"), "name"),
    "pruner": "scheduler",
    "random_state": "seed",
}
TABLES = (".csv", ".tsv", ".gz", ".parquet", ".pq", ".xlsx", ".json")
OPTION = re.compile(r"--([a-z][a-z-]*)(?: (?=[\d'\"]))?")
CODE = re.compile(r"(`[^`]*`)")


def unknown_setting(name: str, what: str, known: Collection[str]) -> UserError:
    """Return the error for an argument that a sweep does not take.

    Args:
        name: Of the argument.
        what: What is searched: ``"a training function"``.
        known: What such a sweep takes.
    """
    other = OTHER_NAMES.get(name)
    hint = f" Did you mean '{other}'?" if other in known else did_you_mean(name, known)
    hint = hint or f" It takes {', '.join(known)}."
    return UserError(f"run_sweep takes no '{name}' for {what}.{hint}")


def wrong_task(value: Any) -> UserError:
    """Return the error for something that is not a task: what to write for data, an estimator or a study."""
    kind = type(value).__name__
    if hasattr(value, "columns") or hasattr(value, "shape") or isinstance(value, tuple | list | dict):
        advice = "For data in memory write run_sweep('table', data=frame, target='COLUMN'), or data=(X, y)."
    elif hasattr(value, "fit") and hasattr(value, "get_params"):
        advice = (
            "For an estimator write a function that makes and fits it: def train(config, trial): "
            f"model = {kind}(**config).fit(X, y); trial.report(accuracy=model.score(X_val, y_val), model=model)."
        )
    elif hasattr(value, "optimize") and hasattr(value, "trials"):
        advice = "run_sweep makes a study of its own; result.study() returns it. Give the function that trains."
    else:
        advice = "`tunelab tasks` lists the names."
    return UserError(
        f"run_sweep takes a task's name, a Python file, a training function, or a Task; got {kind}. {advice}"
    )


def check_no_table(task: str) -> None:
    """Check that the name of a task is not that of a file with data.

    Raises:
        UserError: it is.
    """
    if task.endswith(TABLES):
        raise UserError(
            f"'{task}' is a file with data, not a task: run_sweep('table', data='{task}', target='COLUMN')."
        )


def in_python(text: str) -> str:
    """Return an error with options as Python has them: ``trials=`` for ``--trials``; commands stay as they are."""
    parts = CODE.split(text)
    return "".join(p if CODE.fullmatch(p) else OPTION.sub(lambda m: f"{m[1].replace('-', '_')}=", p) for p in parts)
