"""``tunelab resume``: goes on with a sweep that was interrupted, killed, or is to become larger."""

from __future__ import annotations

from typing import Annotated

import typer

from search_spaces.errors import UserError


def command(
    sweep: Annotated[str, typer.Argument(help="The sweep's name, or its beginning.")],
    trials: Annotated[int | None, typer.Option(help="How many trials it has in all; extends a finished sweep.")] = None,
    new_space: Annotated[
        bool, typer.Option("--new-space", help="Search space or data changed: a new sweep that learns from this one.")
    ] = False,
    time_budget: Annotated[str | None, typer.Option(help="Ends the search after e.g. 10m, counted from now.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Trials at once.")] = None,
    address: Annotated[str | None, typer.Option(help="An existing Ray cluster.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="Where weights and checkpoints lie, when it has a password.")
    ] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="The store of the sweep.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    """Go on with a sweep: finished trials are kept, the others go on under their numbers and runs."""
    import os

    from tunelab.cli.sweep import run_and_show
    from tunelab.setup.resume import find_name, next_name, resumed_spec, started_note
    from tunelab.tracking.uri import absolute_uri, check_uri, default_tracking_uri, home_of

    given_uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    home = home_of(check_uri(given_uri or default_tracking_uri()))
    name = find_name(home, sweep)
    note = started_note(home, name)
    given = {
        "trials": trials,
        "time_budget": time_budget,
        "concurrency": concurrency,
        "address": address,
        "storage": os.path.abspath(storage) if storage and "://" not in storage else storage,
        "tracking_uri": absolute_uri(given_uri) if given_uri else None,  # the working directory changes below
    }
    if new_space:
        given |= {"name": next_name(home, name), "warm_start": name}
    spec = resumed_spec(note, given)
    try:
        os.chdir(note["folder"])  # task files and data were named from there
    except OSError as error:
        raise UserError(
            f"Sweep '{name}' was started in '{note['folder']}', where its task file and data were named from "
            f"({error.strerror}). Bring that folder back; an empty one will do when the sweep names no files."
        ) from error
    run_and_show(spec, as_json=as_json)
