"""The conformance suite: what a task must do so that a sweep can rely on it, one named check each.

``check_task`` runs every check on a task, shipped or the user's own. A check passes or says in one sentence what
the task gets wrong. Checks train a few epochs on the smallest values of the space (and its largest batch).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from search_spaces import UserError
from search_spaces.errors import describe_error
from trainables.base.contract.conformance.checks import (
    CHECKS,
    Fault,
    NotThere,
    check_bare_tuner,
    check_facts,
    check_reference,
)
from trainables.base.contract.conformance.data import frozen_randomness
from trainables.base.contract.conformance.subject import Subject
from trainables.base.contract.own_code import line_of_error
from trainables.base.contract.task import Task


@dataclass(frozen=True)
class CheckResult:
    """How one check ended.

    Attributes:
        name: of the check.
        fault: one sentence on what the task gets wrong; None when it passed.
        seconds: how long the check took.
        not_checked: why there was nothing to check, one sentence; None when there was.
    """

    name: str
    fault: str | None
    seconds: float
    not_checked: str | None = None

    @property
    def passed(self) -> bool:
        return self.fault is None and self.not_checked is None


def check_task(
    task: Task, shipped: Mapping[str, type[Task]], *, space: str | None = None, ray: bool = False
) -> Iterator[CheckResult]:
    """Run the suite on a task.

    Args:
        task: from ``trainables.get_task``.
        shipped: the tasks that come with tunelab, by name: ``trainables.shipped_tasks()``. No other may use a name.
        space: search space by name or Python file instead of the task's own; the reference stays in the task's own.
        ray: also train in a bare ``ray.tune.Tuner``; Ray is started when it does not run.

    Yields:
        The result of each check as it ends.
    """
    subject = Subject(task, shipped, space)
    broken = ""
    for name, check, needed in [*CHECKS, *([("bare tuner", check_bare_tuner, False)] if ray else [])]:
        began = time.perf_counter()
        if broken:
            yield CheckResult(name, None, 0.0, f"It needs '{broken}', which failed.")
            continue
        try:
            fault, missing = _run(check, subject), None
        except NotThere as reason:
            fault, missing = None, str(reason)
        broken = name if needed and fault is not None else ""
        yield CheckResult(name, fault, time.perf_counter() - began, missing)


def plain_fault(task: Task, shipped: Mapping[str, type[Task]]) -> str | None:
    """Return what a task gets wrong in its facts and its reference configuration, which is seen without its data."""
    subject = Subject(task, shipped)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, of values outside the space: the sentence says it
        return _run(check_facts, subject) or (_run(check_reference, subject) if task.reference else None)


def _run(check: Callable[[Subject], None], subject: Subject) -> str | None:
    try:
        with frozen_randomness():
            check(subject)
    except (Fault, UserError) as fault:
        return str(fault)
    except NotThere:
        raise
    except Exception as error:  # noqa: BLE001 whatever a task raises is what the suite reports
        return f"Raised {describe_error(error)} ({line_of_error(error, subject.task)})."
    return None
