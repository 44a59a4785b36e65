"""What is known of a task before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainables.base.contract.objective import Objective
from trainables.base.kinds.kind import Kind  # at run time too: a stored result's facts are checked against it


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task before anything runs.

    Attributes:
        name: As typed on the command line: lower-case letters, digits, ``_`` and ``-``.
        title: One line for people, shown at the start of a sweep and in reports.
        kind: What the target is: ``"regression"``, ``"binary"``, ``"multiclass"``, ``"images"``, ``"generator"`` or
            ``"language_model"`` (see ``trainables.base.kinds``).
        source: Where the data comes from.
        licence: The data's licence.
        score: The headline metric on the test split, without prefix, e.g. ``"rmse"`` or ``"accuracy"``; one of the
            names that ``Task.scores`` returns.
        score_direction: ``"minimize"`` if a lower score is better, ``"maximize"`` if a higher one is.
        unit: The target's unit, e.g. ``"100,000 $"``; empty for classes.
        trials: Default number of trials of a sweep (``--trials``).
        max_epochs: Default number of epochs of a trial (``--max-epochs``).
        grace_period: Default number of epochs before the scheduler can stop a trial (``--grace-period``); more where
            an epoch is only a few optimizer steps.
        note: What a user must know before believing a result; shown with every result.
        objectives: What a search with several objectives optimises, the first of which ``val_loss`` is; empty for one.
        early_stopping: What ends a trial, or lowers its learning rate, whatever the scheduler does; shown in reports.
    """

    name: str
    title: str
    kind: Kind
    source: str
    licence: str
    score: str
    score_direction: Literal["minimize", "maximize"]
    unit: str = ""
    trials: int = 32
    max_epochs: int = 27
    grace_period: int = 1
    note: str = ""
    objectives: tuple[Objective, ...] = ()
    early_stopping: str = ""
