"""``tunelab sweep``: the main job."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.errors import UserError
from tunelab.cli.json_output import print_json
from tunelab.system.signals import EXIT_CODE

if TYPE_CHECKING:
    from tunelab.records.spec import SweepSpec


def command(
    task: Annotated[str | None, typer.Argument(help="A task's name (`tunelab tasks`) or a Python file.")] = None,
    trials: Annotated[int | None, typer.Option(help="How many configurations are tried.")] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Budget of one trial, epochs.")] = None,
    grace_period: Annotated[int | None, typer.Option(help="Epochs before a trial can be stopped.")] = None,
    reduction_factor: Annotated[int | None, typer.Option(help="One in this many goes on at a rung.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="asha | none")] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe | random")] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes proposals and every trial's seed.")] = None,
    split_seed: Annotated[int | None, typer.Option(help="Fixes the data split.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Trials at once; as many as fit when not given.")] = None,
    cpus_per_trial: Annotated[float | None, typer.Option(help="CPUs of one trial.")] = None,
    gpus_per_trial: Annotated[float | None, typer.Option(help="GPUs of one trial; 0.25 packs four on one.")] = None,
    bf16: Annotated[bool | None, typer.Option("--bf16", help="Matrix products in bfloat16, for GPUs.")] = None,
    compile: Annotated[bool | None, typer.Option("--compile", help="Networks go through torch.compile.")] = None,
    time_budget: Annotated[str | None, typer.Option(help="Ends the search after e.g. 10m; it can be resumed.")] = None,
    name: Annotated[str | None, typer.Option(help="The sweep's name; the same name again resumes it.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store; 'off' for none.")] = None,
    space: Annotated[str | None, typer.Option(help="A search space by name or Python file.")] = None,
    fixed: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fixes a hyperparameter; repeatable.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with these options as keys.")] = None,
    deterministic: Annotated[bool | None, typer.Option(help="Same proposals and stops whatever ends first.")] = None,
    confirm_top: Annotated[int | None, typer.Option(help="Retrain so many of the best on fresh seeds.")] = None,
    confirm_seeds: Annotated[int | None, typer.Option(help="On how many seeds.")] = None,
    audit: Annotated[int | None, typer.Option(help="Finish so many stopped trials to see what stopping cost.")] = None,
    ensemble: Annotated[int | None, typer.Option(help="Average so many of the best trials as the winner.")] = None,
    retries: Annotated[int | None, typer.Option(help="Tries again after a worker died.")] = None,
    hang_timeout: Annotated[str | None, typer.Option(help="A trial silent for so long (6h) is killed.")] = None,
    address: Annotated[str | None, typer.Option(help="An existing Ray cluster.")] = None,
    storage: Annotated[str | None, typer.Option(help="Shared folder or URI for weights and checkpoints.")] = None,
    warm_start: Annotated[str | None, typer.Option(help="An earlier sweep the sampler learns from.")] = None,
    data: Annotated[str | None, typer.Option(help="table, mnist, kogpt2: the user's data.")] = None,
    target: Annotated[str | None, typer.Option(help="table: the column to predict.")] = None,
    kind: Annotated[str | None, typer.Option(help="table: regression | binary | multiclass.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="table: a column to leave out; repeatable.")] = None,
    split_column: Annotated[str | None, typer.Option(help="table: column with train, validation, test.")] = None,
    group_column: Annotated[str | None, typer.Option(help="table: no group stands in two splits.")] = None,
    time_column: Annotated[str | None, typer.Option(help="table: split by time.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="mnist: folder with IDX files.")] = None,
    model: Annotated[str | None, typer.Option(help="kogpt2: a model's folder or hub name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    """Search hyperparameters: trials in parallel, early stopping, the best model in MLflow."""
    run_and_show(spec_of(dict(locals())), as_json=as_json)


def spec_of(given: Mapping[str, Any]) -> SweepSpec:
    """The spec that a command line means, by parameter name; the file of ``--config`` fills in what is not given."""
    from tunelab.records.spec import TASK_OPTIONS, make_spec, read_spec_file, spec_keys

    config = given["config"]
    values: dict[str, Any] = {} if config is None else read_spec_file(config)
    values |= {key: given[key] for key in spec_keys() if given.get(key) is not None}
    options = {key: given[key] for key in TASK_OPTIONS if given[key]}
    values["task_options"] = {**(values.get("task_options") or {}), **options}
    values["set"] = {**(values.get("set") or {}), **dict(parse_assignment(text) for text in given["fixed"] or [])}
    if "task" not in values:
        raise UserError("Which task? Give one, e.g. `tunelab sweep california_housing`; `tunelab tasks` lists them.")
    return make_spec(values)


def run_and_show(spec: SweepSpec, *, as_json: bool) -> None:
    """Runs a sweep, prints its result, and ends the process with its exit code."""
    from tunelab.launch.ray_internals.forks import fork_server

    with fork_server(spec.address):  # it loads beside the modules of this process, also before these check the rest
        from tunelab.display.display import make_display
        from tunelab.run import run_sweep

        with make_display() as display:
            result = run_sweep(spec, display)
    with terminal_may_be_closed():
        if as_json:
            print_json(result.summary())
        else:
            from tunelab.cli.results import print_result

            print_result(result)
    raise SystemExit(exit_code(result.stopped, bool(result.ranked())))


@contextmanager
def terminal_may_be_closed() -> Iterator[None]:
    """In this block printing goes nowhere once nobody reads it; the exit code stays the sweep's."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EIO, errno.EPIPE):
            raise
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 until the process ends


def parse_assignment(text: str) -> tuple[str, str]:
    """``lr=0.01`` to a name and a value; raises ``UserError`` for anything else."""
    name, sign, value = text.partition("=")
    if not (sign and name.strip() and value.strip()):
        raise UserError(f"--set '{text}' must be NAME=VALUE, e.g. --set lr=0.01.")
    return name.strip(), value.strip()


def exit_code(stopped: str, has_result: bool) -> int:
    """0 for a result, 130 after Ctrl-C, 1 when no trial has a result, or the disk or the store failed."""
    if stopped == "interrupted":
        return EXIT_CODE
    return 0 if has_result and stopped in ("", "time budget reached") else 1
