"""Which hyperparameters a report shows where not all fit: a space of model families has dozens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from search_spaces.values import label_of
from tunelab.documents.blocks import Cell
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord

MAX_AXES = 10  # of the parallel coordinates; more cannot be read
MAX_SLICES = 12
MAX_BARS = 15  # of the importance
MAX_COLUMNS = 12  # hyperparameters with a column of their own in a table of trials


def varied_parameters(result: SweepResult, importance: Mapping[str, float]) -> list[str]:
    """Return the parameters that differ between trials with a result, those to look at first in front.

    Args:
        result: of the sweep.
        importance: by parameter; those of equal importance keep the order of the space, used by more trials first.
    """
    ranked = result.ranked()
    varied = [name for name in result.space if len({str(t.params.get(name)) for t in ranked}) > 1]
    used = {name: sum(name in t.params for t in ranked) for name in varied}
    return sorted(varied, key=lambda name: (used[name] < len(ranked), -importance.get(name, 0.0), -used[name]))


def parameter_cell(trial: TrialRecord, name: str) -> Cell:
    """Return a trial's value of a parameter as a table shows it; None, a dash, where the trial does not use it."""
    value = label_of(trial.params.get(name))
    return "None" if value is None and name in trial.params else value


def parameter_names(trials: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the parameters that trials have, in the order of their first use."""
    return list(dict.fromkeys(name for trial in trials for name in trial.params))
