"""``tunelab watch``: the live table of a sweep that runs in another terminal or on another machine's shared folder."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated

import typer

from search_spaces.errors import UserError
from tunelab.cli.arguments.completion import complete_sweep
from tunelab.system.language import tr_term

POLL_SECONDS = 0.25


def command(
    sweep: Annotated[
        str, typer.Argument(help="Name of a sweep, or its beginning; @latest.", autocompletion=complete_sweep)
    ],
    tracking_uri: Annotated[str | None, typer.Option(metavar="URI", help="Store of the sweep.")] = None,
) -> None:
    """Show running and best trials of a sweep until its search ends; Ctrl-C ends the view, not the sweep."""
    from tunelab.cli.steer import sentence
    from tunelab.display.display import make_display, plan_line
    from tunelab.records.spec import make_spec
    from tunelab.search.events import Started, Steered, TestOpened
    from tunelab.search.journal import JournalTail, is_running
    from tunelab.search.replay import ReplayState
    from tunelab.setup.folders import sweep_folder
    from tunelab.setup.resume import find_name, last_session
    from tunelab.tracking.uri import store_home

    home = store_home(tracking_uri)
    name = find_name(home, sweep)
    folder, session = sweep_folder(home, name), last_session(home, name)
    if not is_running(folder):
        raise UserError(f"Sweep '{name}' is not running. `tunelab results {name}` shows its outcome.")
    spec, state, tail = session.spec, ReplayState(), JournalTail(folder)
    with suppress(KeyboardInterrupt), make_display() as display:
        display.begin(
            [f"{name}: {plan_line(make_spec(spec), session.concurrency)}"],
            int(spec["trials"]),
            score=session.score,
            measure=session.measure,
        )
        judged, runs = False, True
        while runs and state.finished is None and not judged:
            runs = is_running(folder)  # before reading: what was written last is shown
            for event in tail.read():
                state.apply(event)
                if isinstance(event, Started | TestOpened):
                    judged = isinstance(event, TestOpened)
                if isinstance(event, Steered):
                    display.note(sentence(event))
            display.progress(state.trials)
            time.sleep(POLL_SECONDS)
        display.step(_ending(name, judged=judged, stopped=None if state.finished is None else state.finished.stopped))


def _ending(name: str, *, judged: bool, stopped: str | None) -> str:
    """Return how a sweep has ended: ``stopped`` says why before all its trials; None when it was killed."""
    if judged:
        return "The search has ended; the winner is being evaluated."
    if stopped is None:
        return f"It was cut short: tunelab resume {name}"
    if stopped:
        return f"The search ended early: {tr_term(stopped)}. `tunelab resume {name}` continues it."
    return f"The sweep has ended: tunelab results {name}"
