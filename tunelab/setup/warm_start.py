"""What a sweep learns from an earlier one (``--warm-start``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from search_spaces import SearchSpace, UserError
from trainables.base.contract.objective import Objective
from tunelab.search.journal import read_events
from tunelab.search.replay import replay
from tunelab.search.sampling.optuna_trials import fitting_trials
from tunelab.setup.folders import sweep_folder


def earlier_trials(
    home: Path, name: str | None, space: SearchSpace, objectives: Sequence[Objective] = ()
) -> tuple[FrozenTrial, ...]:
    """Return the trials of a sweep by name that a study of ``space`` can learn from; ``UserError`` without any."""
    if name is None:
        return ()
    records = replay(read_events(sweep_folder(home, name))).trials
    trials = fitting_trials(records, space, objectives)
    if not trials:
        why = "there is no such sweep" if not records else "none of its trials has a result in this search space"
        raise UserError(f"--warm-start '{name}': {why} in '{home}'.")
    return tuple(trials)
