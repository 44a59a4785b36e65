"""``tunelab space``: what a task's search space varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_task
from tunelab.cli.arguments.options import (
    argument,
    given_options,
    named_task,
    option,
    options_of_tasks,
    spec_parameters,
    task_parameters,
)
from tunelab.cli.arguments.signature import with_parameters
from tunelab.cli.output.json_output import print_json
from tunelab.system.language import tr
from tunelab.system.texts import tr_text

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def make_command(arguments: Sequence[str]) -> Callable[..., None]:
    """Make the command with the options of tasks, on which a space may depend."""
    parameters = [
        argument("task", "Name of a task, or a Python file.", metavar="TASK", complete=complete_task),
        *spec_parameters(["space"]),
        *task_parameters(options_of_tasks(arguments), named_task(arguments)),
        option("as_json", "Print JSON.", kind=bool),
    ]
    return with_parameters(run_command, parameters)


def run_command(task: str | None, space: str | None, as_json: bool | None, **given: Any) -> None:
    """Show what a task's search space varies: ranges, choices, and the reference configuration."""
    if task is None:
        raise UserError("Which task? Give one, e.g. `tunelab space california_housing`; `tunelab tasks` lists them.")
    from trainables import get_task
    from tunelab.cli.output.tables import print_table

    subject = get_task(task, **given_options(task, given))
    found = subject.space(space)
    rows = [
        [name, values_of(distribution), _as_given(subject.reference.get(name))]
        for name, distribution in found.distributions().items()
    ]
    if as_json:
        print_json(
            {"space": found.name, "parameters": found.describe(), "reference": dict(subject.reference)}, indent=2
        )
        return
    print_table(
        [tr("hyperparameter"), tr("values"), tr("reference")],
        rows,
        title=tr_text(f"Search space {found.name} of {subject.facts.name}; --set NAME=VALUE fixes one of them"),
    )


def _as_given(value: Any) -> Any:
    """Return a value of a configuration as one writes it: 0.005 and not 0.005000."""
    return f"{value:g}" if isinstance(value, float) else value


def values_of(distribution: BaseDistribution) -> str:
    """Return what a hyperparameter may be: ``0.0001 to 0.1, log scale`` or ``16, 32 or 64``."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        texts = [str(choice) for choice in distribution.choices]
        return texts[0] if len(texts) == 1 else tr("{names} or {last}", names=", ".join(texts[:-1]), last=texts[-1])
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    span = tr("{low:g} to {high:g}", low=distribution.low, high=distribution.high)
    if distribution.step not in (None, 1):
        span += tr(", step {step:g}", step=distribution.step)
    if distribution.log:
        span += tr(", log scale")
    return tr("whole numbers {span}", span=span) if isinstance(distribution, IntDistribution) else span
