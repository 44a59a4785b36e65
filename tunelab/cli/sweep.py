"""``tunelab sweep``: the main job."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_task
from tunelab.cli.arguments.data_hints import TABLE_SUFFIXES, table_hint
from tunelab.cli.arguments.options import (
    argument,
    given_options,
    named_task,
    option,
    options_of_tasks,
    parse_assignment,
    spec_parameters,
    task_parameters,
)
from tunelab.cli.arguments.signature import with_parameters
from tunelab.cli.output.json_output import print_json
from tunelab.records.lookup import LATEST
from tunelab.records.panels import STORE
from tunelab.records.result import TIME_BUDGET
from tunelab.records.spec import SweepSpec, make_spec
from tunelab.records.spec_file import read_spec_file, spec_yaml
from tunelab.system.signals import EXIT_CODE
from tunelab.tracking.uri import store_home

if TYPE_CHECKING:
    from tunelab.records.result import SweepResult
    from tunelab.tracking.store import Store


TASK_HELP = "Name of a task (`tunelab tasks`), or a Python file; with -h behind it, the help has its options alone."
OUTPUT_OPTIONS = ("config", "print_config", "as_json")  # which no spec holds


def make_command(arguments: Sequence[str]) -> Callable[..., None]:
    """Make the command with the options of the shipped tasks and of the task that the command line names."""
    return with_parameters(run_command, parameters(arguments))


def parameters(arguments: Sequence[str]) -> list[Parameter]:
    """Return the parameters of ``sweep``, which ``plan`` takes as well."""
    return [
        argument("task", TASK_HELP, metavar="TASK", complete=complete_task),
        *spec_parameters(),
        *task_parameters(options_of_tasks(arguments), named_task(arguments)),
        option("config", "YAML file with these options as keys.", metavar="FILE", panel=STORE),
        option("print_config", "Print the YAML file that repeats this sweep, and end.", kind=bool, panel=STORE),
        option("as_json", "Print one JSON object to stdout.", kind=bool, panel=STORE),
    ]


def run_command(**given: Any) -> None:
    """Search hyperparameters: trials in parallel, early stopping, the best model in MLflow."""
    spec = spec_of(given)
    if given["print_config"]:
        sys.stdout.write(config_of(spec))
        return
    run_and_show(spec, as_json=bool(given["as_json"]))


def config_of(spec: SweepSpec) -> str:
    """Return the YAML file that repeats a sweep, with the task's defaults filled in; see ``spec_yaml``."""
    from tunelab.setup.resolve import resolve_sweep

    filled = resolve_sweep(spec).spec
    return spec_yaml(filled.model_copy(update={"tracking_uri": spec.tracking_uri}))


def spec_of(given: Mapping[str, Any]) -> SweepSpec:
    """Make the spec that a command line asks for; the file of ``--config`` fills in what is not given.

    Args:
        given: Values by parameter name; None where an option was left out.
    """
    left = {name: value for name, value in given.items() if name not in OUTPUT_OPTIONS}
    if left["warm_start"] == LATEST:
        from tunelab.setup.resume import find_name  # loads Arrow

        left["warm_start"] = find_name(store_home(left["tracking_uri"]), LATEST)
    config, assignments = given["config"], left.pop("fixed") or []
    values = {} if config is None else read_spec_file(Path(config), left["task"])
    fields = {name: left.pop(name) for name in list(left) if name in SweepSpec.model_fields}
    values |= {name: value for name, value in fields.items() if value is not None}
    if "task" not in values:
        raise UserError("Which task? Give one, e.g. `tunelab sweep california_housing`; `tunelab tasks` lists them.")
    if str(values["task"]).endswith(TABLE_SUFFIXES):
        raise table_hint(str(values["task"]))
    values["task_options"] = {**(values.get("task_options") or {}), **given_options(values["task"], left)}
    values["set"] = {**(values.get("set") or {}), **dict(parse_assignment(text) for text in assignments)}
    return make_spec(values)


def run_and_show(spec: SweepSpec, *, as_json: bool) -> None:
    """Run a sweep, print its result, and end the process with its exit code."""
    from tunelab.launch.ray_internals.forks import fork_server

    with fork_server(spec.address):  # it loads beside the modules of this process, also before these check the rest
        from tunelab.display.display import make_display
        from tunelab.run import run_sweep

        with make_display() as display:
            result = run_sweep(spec, display)
    from tunelab.cli.output.outcome import print_result, with_trials

    with terminal_may_be_closed():
        if as_json:
            print_json(with_trials(result))
        else:
            on_screen = sys.stdout.isatty() and sys.stderr.isatty()  # where the sweep introduced itself
            print_result(result, _store_of(result, spec), introduced=on_screen)
    raise SystemExit(exit_code(result.stopped, bool(result.ranked())))


def _store_of(result: SweepResult, spec: SweepSpec) -> Store | None:
    """Return the store that holds a result; None when it is not tracked, or the store is away now."""
    if not result.parent_run_id:
        return None
    from tunelab.tracking.open import open_store

    try:
        return open_store(spec.tracking_uri)
    except UserError:  # the result was shown; what is missing is a link
        return None


@contextmanager
def terminal_may_be_closed() -> Iterator[None]:
    """Discard what is printed in this block once its reader is gone; the exit code stays the sweep's."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 until the process ends


def exit_code(stopped: str, has_result: bool) -> int:
    """Return 0 for a result, 130 after Ctrl-C, 1 when no trial has a result, or the disk or the store failed."""
    if stopped == "interrupted":
        return EXIT_CODE
    return 0 if has_result and stopped in ("", TIME_BUDGET) else 1
