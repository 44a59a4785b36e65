"""The conformance suite on one family of a task whose space draws several."""

from __future__ import annotations

from typing import Any

from search_spaces import SearchSpace
from trainables import Task
from trainables.base.contract.conformance import check_task


class Only:
    """A trial that has drawn its family."""

    def __init__(self, trial: Any, family: str) -> None:
        self._trial, self._family = trial, family

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._family if name == "family" else self._trial.suggest_categorical(name, choices)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)


def faults_of_family(task: Task, family: str) -> dict[str, str]:
    """What the suite finds wrong with a task whose space has one family alone; changes the task."""
    whole = task.space()

    def suggest(trial: Any) -> dict[str, Any]:
        return whole.suggest(Only(trial, family))  # type: ignore[arg-type]

    space = SearchSpace("one family", suggest)
    task.space = lambda name=None: space  # type: ignore[method-assign]
    task.reference = {name: value for name, value in task.reference.items() if name in space.distributions()}
    return {check.name: check.fault for check in check_task(task, {}, ray=False) if check.fault is not None}
