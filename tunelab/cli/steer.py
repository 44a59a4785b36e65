"""``tunelab steer``: commands to a sweep that runs in another terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search_spaces.errors import UserError, did_you_mean
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.arguments.options import parse_assignment
from tunelab.cli.output.say import say

if TYPE_CHECKING:
    from tunelab.search.events import Steered
    from tunelab.search.replay import Replay

COMMANDS = ("pause", "continue", "stop", "add", "concurrency", "until", "finish")
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
PATIENCE_SECONDS = 3.0  # until the sweep notes a command


def command(
    sweep: Annotated[
        str, typer.Argument(help="Name of a sweep, or its beginning; @latest.", autocompletion=complete_sweep)
    ],
    action: Annotated[str, typer.Argument(metavar="COMMAND", help=f"One of {', '.join(COMMANDS)}.")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="VALUE", help="A trial, NAME=VALUE ..., a number, or HH:MM.")
    ] = None,
    before_trial: Annotated[
        int | None, typer.Option(metavar="N", help="Take effect before trial N is drawn; the next one when not given.")
    ] = None,
    epoch: Annotated[
        int | None, typer.Option(metavar="N", help="For stop: end the trial after epoch N; at once when not given.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="Store of the sweep.")] = None,
) -> None:
    """Steer a sweep that runs; the journal notes each command, so that a resumed sweep is steered as it was.

    stop TRIAL; add lr=0.01 width=64 (the sampler draws the other hyperparameters); concurrency 2; until 18:00; pause
    starts no further trial until continue; finish lets running trials end and evaluates the winner.
    """
    from tunelab.search.inbox import Command, send
    from tunelab.search.journal import is_running, read_events
    from tunelab.search.replay import replay
    from tunelab.setup.folders import sweep_folder
    from tunelab.setup.resume import find_name, is_finished, last_session
    from tunelab.tracking.uri import store_home

    if action not in COMMANDS:
        hint = did_you_mean(action, COMMANDS)
        raise UserError(f"tunelab steer has no command '{action}'.{hint} There are {', '.join(COMMANDS)}.")
    home = store_home(tracking_uri)
    name = find_name(home, sweep)
    folder = sweep_folder(home, name)
    last_session(home, name)
    if not is_running(folder):
        if is_finished(home, name):
            raise UserError(f"Sweep '{name}' has ended. `tunelab resume {name} --trials N` gives it more trials.")
        raise UserError(f"Sweep '{name}' is not running. `tunelab resume {name}` continues it.")
    if before_trial is not None and before_trial < 0:
        raise UserError(f"--before-trial must be 0 or more, got {before_trial}.")
    if epoch is not None and (action != "stop" or epoch < 1):
        raise UserError(f"--epoch {epoch}: only stop takes an epoch, from 1 on.")
    earlier = replay(read_events(folder))
    _check_reached(name, earlier, action, before_trial)
    found = READ[action](list(values or []), earlier)
    if epoch is not None:
        found["epoch"] = epoch
    sent = Command(action, found, before_trial)
    send(folder, sent)
    noted = _noted(folder, sent.id)
    text = "sent; the sweep takes it with its next report" if noted is None else sentence(noted)
    say(f"{name}: {text}.")


def sentence(noted: Steered) -> str:
    """Return what a command does, as a clause."""
    values = noted.values
    before = f"trial {noted.before}"
    match noted.command:
        case "pause":
            return f"paused before {before}; running trials continue"
        case "continue":
            return f"continues with {before}"
        case "stop" if not values["epoch"]:
            return f"trial {values['trial']} had ended already"
        case "stop":
            return f"trial {values['trial']} ends after epoch {values['epoch']}"
        case "add":
            return f"{before} has " + " ".join(f"{key}={value}" for key, value in values["params"].items())
        case "concurrency":
            return f"concurrency {values['slots']} from {before} on"
        case "until":
            end = datetime.fromtimestamp(values["time"])
            return f"ends at {end:%H:%M}" + (" tomorrow" if end.date() > datetime.now().date() else "")
    return f"no trial after number {noted.before - 1} begins; the winner is evaluated when those that run have ended"


def _noted(folder: Path, id: str) -> Steered | None:
    """Wait a moment until the sweep's journal has a command."""
    from tunelab.search.events import Steered
    from tunelab.search.journal import JournalTail

    end = time.monotonic() + PATIENCE_SECONDS
    tail = JournalTail(folder)
    while time.monotonic() < end:
        for event in tail.read():
            if isinstance(event, Steered) and event.id == id:
                return event
        time.sleep(0.05)
    return None


def _check_reached(name: str, earlier: Replay, action: str, before_trial: int | None) -> None:
    """Raise ``UserError`` for a command that would never take effect."""
    total, begun = _total(earlier), len(earlier.trials)
    if begun >= total and all(trial.ended for trial in earlier.trials):
        raise UserError(f"The search of '{name}' has ended, its winner is being evaluated: nothing is left to steer.")
    if before_trial is not None and before_trial > total:
        raise UserError(f"--before-trial {before_trial}: the sweep has {total} trials, from 0 on.")
    if action == "add" and max(before_trial or 0, begun) >= (end := _total(earlier, more=1)):
        raise UserError(
            f"add: the sweep ends before trial {end}. `tunelab resume {name} --trials N` gives it more trials."
        )


def _total(earlier: Replay, more: int = 0) -> int:
    """Return the number of trials of a sweep, with ``more`` and those that commands added, or ended it before."""
    from tunelab.search.steering import Steering

    return Steering(earlier.steered).trials(int(earlier.sessions[-1].spec["trials"]) + more)


def _read_nothing(values: Sequence[str], earlier: Replay) -> dict[str, Any]:
    if values:
        raise UserError(f"'{' '.join(values)}': pause, continue and finish take no value.")
    return {}


def _read_trial(values: Sequence[str], earlier: Replay) -> dict[str, Any]:
    trial = _number(values, "stop takes the number of a trial, e.g. stop 7")
    known = {t.number: t for t in earlier.trials}
    if trial in known and known[trial].ended:
        raise UserError(f"stop {trial}: trial {trial} has ended ({known[trial].status.label}).")
    if trial >= (total := _total(earlier)):
        raise UserError(f"stop {trial}: the sweep has {total} trials, from 0 on.")
    return {"trial": trial}


def _read_params(values: Sequence[str], earlier: Replay) -> dict[str, Any]:
    import json

    from optuna.distributions import json_to_distribution

    from tunelab.search.sampling.fixed_parameters import check_values

    if not values:
        raise UserError("add takes hyperparameters, e.g. add lr=0.01 width=64; the sampler draws the others.")
    given = dict(parse_assignment(text, "add") for text in values)
    session = earlier.sessions[-1]
    fixed = sorted({*given} & {*(session.spec.get("set") or {})})
    if fixed:
        raise UserError(f"add {fixed[0]}={given[fixed[0]]}: the sweep holds {fixed[0]} at a value by --set.")
    domains = {name: json_to_distribution(json.dumps(d)) for name, d in session.space.items()}
    return {"params": check_values(domains, given, "add")}


def _read_slots(values: Sequence[str], earlier: Replay) -> dict[str, Any]:
    slots, most = _number(values, "concurrency takes a number, e.g. concurrency 2"), earlier.sessions[-1].concurrency
    if not 1 <= slots <= most:
        raise UserError(
            f"concurrency {slots}: must lie between 1 and {most}, the workers that the sweep started with. "
            "`tunelab resume` with --concurrency starts more."
        )
    return {"slots": slots}


def _read_clock(values: Sequence[str], earlier: Replay) -> dict[str, Any]:
    match = CLOCK.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise UserError("until takes a time of day, e.g. until 18:00.")
    now = datetime.now()
    moment = now.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
    return {"time": (moment if moment > now else moment + timedelta(days=1)).timestamp()}


def _number(values: Sequence[str], sentence: str) -> int:
    if len(values) != 1 or not values[0].isdecimal():
        raise UserError(f"{sentence}; got '{' '.join(values)}'.")
    return int(values[0])


READ: dict[str, Callable[[Sequence[str], Replay], dict[str, Any]]] = {
    "pause": _read_nothing,
    "continue": _read_nothing,
    "stop": _read_trial,
    "add": _read_params,
    "concurrency": _read_slots,
    "until": _read_clock,
    "finish": _read_nothing,
}
