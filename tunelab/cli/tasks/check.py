"""``tunelab check-task``: what a task gets wrong, before a sweep relies on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

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
from tunelab.cli.output.say import say
from tunelab.system.language import tr_term
from tunelab.system.texts import tr_text

PASSED, FAULTY, NOT_CHECKED = "✓", "✗", "–"
BELOW = "\n    "  # before what a check found


def make_command(arguments: Sequence[str]) -> Callable[..., None]:
    """Make the command with the options of the task that it checks."""
    parameters = [
        argument("task", "Python file that defines a task, or a task's name.", metavar="TASK", complete=complete_task),
        *spec_parameters(["space"]),
        *task_parameters(options_of_tasks(arguments), named_task(arguments)),
        option("ray", "Also train in a bare ray.tune.Tuner.", kind=bool),
        option("as_json", "Print JSON.", kind=bool),
    ]
    return with_parameters(run_command, parameters)


def run_command(task: str | None, space: str | None, ray: bool | None, as_json: bool | None, **given: Any) -> None:
    """Run the conformance suite on a task; exit code 1 when it gets something wrong."""
    if task is None:
        raise UserError("Which task? Give a Python file that defines one, or a task's name.")
    from trainables import get_task, shipped_tasks

    subject = get_task(task, **given_options(task, given))
    from trainables.base.contract.conformance import check_task

    results = []
    for result in check_task(subject, shipped_tasks(), space=space, ray=bool(ray)):
        results.append(result)
        if not as_json:
            said = result.fault or result.not_checked
            mark = PASSED if result.passed else FAULTY if result.fault is not None else NOT_CHECKED
            below = "" if said is None else f"{BELOW}{tr_text(said)}"
            say(f"{mark} {tr_text(tr_term(result.name))}  ({result.seconds:.1f} s){below}")
    faults = sum(result.fault is not None for result in results)
    skipped = sum(result.not_checked is not None for result in results)
    if as_json:
        print_json([asdict(r) for r in results], indent=2)
    else:
        checked = len(results) - skipped
        verdict = f"{faults} of {checked} checks failed" if faults else f"all {checked} checks passed"
        say(f"{task}: {verdict}{f', {skipped} not checked' if skipped else ''}")
    raise SystemExit(1 if faults else 0)
