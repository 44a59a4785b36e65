"""``tunelab resume``: continue a sweep that was interrupted, killed, or is to become larger."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.cli.arguments.options import argument, option, parse_assignment, spec_parameters
from tunelab.cli.arguments.signature import with_parameters
from tunelab.records.panels import SEARCH, STORE

if TYPE_CHECKING:
    from tunelab.search.events import Started

HELP = {
    "trials": "Number of trials in all; extends a finished sweep.",
    "time_budget": "End the search after this time, e.g. 10m, counted from now.",
    "storage": "Where weights and checkpoints lie, when its URI has a password.",
    "tracking_uri": "Store of the sweep.",
}
CHANGEABLE = ("trials", "time_budget", "stop", "concurrency", "address", "storage", "tracking_uri")
WIDEN = "Draw further trials from a wider range; repeatable. All trials are kept."
DROP = "Draw further trials without a choice; repeatable. All trials are kept."
TRUST = "A file, folder or address that the sweep's journal names and you vouch for; repeatable."
NEW_SPACE = "Search space or data changed: start a new sweep that learns from this one."


def make_command(arguments: Sequence[str]) -> Callable[..., None]:
    """Make the command."""
    parameters = [
        argument("sweep", "Name of the sweep, or its beginning; @latest.", metavar="SWEEP", complete=complete_sweep),
        *spec_parameters(CHANGEABLE, HELP, as_before=True),
        option("widen", WIDEN, kind=list[str], panel=SEARCH, metavar="NAME=LOW:HIGH"),
        option("drop", DROP, kind=list[str], panel=SEARCH, metavar="NAME=VALUE"),
        option("new_space", NEW_SPACE, kind=bool, panel=SEARCH),
        option("trust", TRUST, kind=list[str], panel=STORE, metavar="FILE"),
        option("as_json", "Print one JSON object to stdout.", kind=bool, panel=STORE),
    ]
    return with_parameters(run_command, parameters)


def run_command(
    sweep: str | None,
    *,
    widen: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    new_space: bool | None = None,
    trust: Sequence[str] | None = None,
    as_json: bool | None = None,
    **given: Any,
) -> None:
    """Continue an interrupted sweep: finished trials are kept, the others continue under their numbers and runs."""
    if sweep is None:
        raise UserError("Which sweep? Give its name or its beginning, or @latest; `tunelab results` lists them.")
    from tunelab.cli.sweep import run_and_show
    from tunelab.setup.resume import check_named, find_name, is_finished, last_session, next_name, resumed_spec
    from tunelab.tracking.uri import absolute_uri, default_tracking_uri, environment_uri, store_home

    given_uri = given.get("tracking_uri") or environment_uri()
    home = store_home(given_uri)
    name = find_name(home, sweep)
    session = last_session(home, name)
    vouched = [*(trust or []), *filter(None, (given.get("address"), given.get("storage"), given_uri))]
    check_named(session, name, [*vouched, default_tracking_uri()])
    storage = given.get("storage")
    given["storage"] = os.path.abspath(storage) if storage and "://" not in storage else storage
    given["tracking_uri"] = absolute_uri(given_uri) if given_uri else None  # the working directory changes below
    if new_space:
        given |= {"name": next_name(home, name), "warm_start": name}
    given |= {"widen": _ranges(widen or []), "drop": _choices(drop or [], session)}
    spec = resumed_spec(session, given)
    if (widen or drop) and spec.trials == session.spec["trials"] and is_finished(home, name):
        raise UserError(
            f"--widen and --drop change the trials to come, and '{name}' has ended: give more with --trials, e.g. "
            f"--trials {2 * (spec.trials or 1)}."
        )
    try:
        os.chdir(session.folder)  # task files and data were named from there
    except OSError as error:
        raise UserError(
            f"Sweep '{name}' was started in '{session.folder}', where its task file and data were named from "
            f"({error.strerror}). Bring that folder back; an empty one will do when the sweep names no files."
        ) from error
    run_and_show(spec, as_json=bool(as_json))


def _ranges(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the ranges of ``lr=1e-6:0.1`` by name."""
    found = {}
    for text in texts:
        name, bounds = parse_assignment(text, "--widen", "lr=1e-6:0.1")
        low, _, high = bounds.partition(":")
        try:
            found[name] = (float(low), float(high))
        except ValueError:
            raise UserError(f"--widen '{text}' must be NAME=LOW:HIGH, e.g. --widen lr=1e-6:0.1.") from None
    return found


def _choices(texts: Sequence[str], session: Started) -> dict[str, list[Any]]:
    """Return the choices of ``batch_size=512`` by name, as values of the sweep's search space."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, value = parse_assignment(text, "--drop", "batch_size=512")
        choices = session.space.get(name, {}).get("attributes", {}).get("choices", [])
        found.setdefault(name, []).append(next((c for c in choices if str(c) == value), value))
    return found
