"""What a sweep asks of its task: that it keeps to what a task is, and can do what the options want of it."""

from __future__ import annotations

from search_spaces import UserError
from trainables import Task, is_shipped, shipped_tasks
from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.registry import kind_of
from tunelab.records.spec import SweepSpec


def check_task(spec: SweepSpec, task: Task) -> None:
    """Check the task of a sweep, as far as it shows without its data.

    Args:
        spec: What the user asked for.
        task: Looked up by the spec's name, or given as an object.

    Raises:
        UserError: The user's own task breaks what a task is, or this task cannot have one of the options.
    """
    _check_own_task(spec.task, task)
    _check_fits_task(spec, task)


def _check_own_task(name: str, task: Task) -> None:
    """Raise ``UserError`` where the task of a user breaks what a task is, as far as it shows without its data."""
    if not is_shipped(task) and kind_of(task.facts.kind).has_data:
        from trainables.base.contract.conformance import plain_fault

        fault = plain_fault(task, shipped_tasks())
        if fault is not None:
            raise UserError(f"Task '{name}': {fault} `tunelab check-task` tells all that it gets wrong.")


def _check_fits_task(spec: SweepSpec, task: Task) -> None:
    """Raise ``UserError`` for options that this task cannot have."""
    if spec.ensemble and "ensemble" in spec.model_fields_set and not can_average(task):
        raise UserError(f"--ensemble {spec.ensemble}: language models cannot be averaged; leave it out.")
    max_epochs = spec.max_epochs or task.facts.max_epochs
    if spec.scheduler == "asha" and (spec.grace_period or 1) > max_epochs:
        raise UserError(f"--grace-period {spec.grace_period} is above --max-epochs {max_epochs}, the task's default.")


def can_average(task: Task) -> bool:
    """Return whether the outputs of several models of a task can be averaged: not those of language models."""
    return isinstance(kind_of(task.facts.kind), RowKind)
