"""Resuming a sweep: its spec comes from its own journal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces import UserError
from search_spaces.errors import did_you_mean
from tunelab.records.lookup import Named, find_named
from tunelab.records.spec import SweepSpec, make_spec
from tunelab.search.events import Started, SweepIdentity
from tunelab.search.journal import FILE, read_events
from tunelab.search.replay import replay
from tunelab.setup.folders import SWEEPS, sweep_folder
from tunelab.setup.named_files import named_files, named_places
from tunelab.system.redaction import HIDDEN, without_secrets
from tunelab.system.trust import check_trusted

SHOWN_NAMES = 10  # of sweeps in an error
FOLLOWER = re.compile(r"(.+)-([2-9]|[1-9]\d{1,2})")  # no more digits: the names that sweeps are given end in four


def sweep_names(home: Path) -> list[str]:
    """Return the names of the sweeps that have a journal in a store's folder, sorted."""
    return sorted(path.parent.name for path in (home / SWEEPS).glob(f"*/{FILE}"))


def newest_sweeps(home: Path) -> list[str]:
    """Return the names of the sweeps that have a journal, the one that was written last first."""
    return sorted(sweep_names(home), key=lambda name: (sweep_folder(home, name) / FILE).stat().st_mtime, reverse=True)


def find_name(home: Path, wanted: str) -> str:
    """Find a sweep that has a journal, by its name, the beginning of it, or ``@latest``.

    Raises:
        UserError: None or several fit.
    """
    names = sweep_names(home)
    if not names:
        raise UserError(f"No sweep '{wanted}': there is none in '{home / 'sweeps'}'. Give the --tracking-uri it has.")
    found = find_named(wanted, [Named(name, (name,), name) for name in newest_sweeps(home)], "sweeps")
    if found is None:
        newest = ", ".join(newest_sweeps(home)[:SHOWN_NAMES])
        raise UserError(
            f"Unknown sweep '{wanted}'.{did_you_mean(wanted, names)} The newest: {newest}. `tunelab results` lists all."
        )
    return found


def last_session(home: Path, name: str) -> Started:
    """Return what a sweep noted when it last started.

    Raises:
        UserError: It was killed before it had begun.
    """
    sessions = [event for event in read_events(sweep_folder(home, name)) if isinstance(event, Started)]
    if not sessions:
        raise UserError(f"Sweep '{name}' was stopped before it began. Start it again with `tunelab sweep`.")
    session = sessions[-1]
    if not (isinstance(session.spec, dict) and isinstance(session.folder, str) and session.folder):
        raise UserError(f"The journal of sweep '{name}' is damaged: its start lacks a spec or a folder.")
    return session


def is_finished(home: Path, name: str) -> bool:
    """Return whether a sweep has reached its end, so that it can only be extended."""
    return replay(read_events(sweep_folder(home, name))).is_finished


def check_named(session: Started, name: str, trusted: Sequence[str]) -> None:
    """Check that this user has named the files and places that a sweep's journal names.

    Args:
        session: What the sweep noted when it last started.
        name: Of the sweep.
        trusted: What was given on the command line.

    Raises:
        UserError: The journal names others.
    """
    shown = [without_secrets(text) for text in trusted]
    named = [*named_files(session.spec, Path(session.folder)), *named_places(session.spec)]
    check_trusted(named, [*trusted, *shown], f"Sweep '{name}'")


def resumed_spec(session: SweepIdentity, changes: Mapping[str, Any]) -> SweepSpec:
    """Return the spec of a sweep to continue.

    Args:
        session: What it noted when it last started.
        changes: New values, e.g. of ``trials``; those that are None stay as they were.

    Raises:
        UserError: fewer trials than before, or a URI with a password, which is kept nowhere and must be given again.
    """
    values = {**session.spec, **{key: value for key, value in changes.items() if value is not None}}
    for key in ("widen", "drop"):  # what earlier sessions changed stays
        values[key] = {**(session.spec.get(key) or {}), **(changes.get(key) or {})}
    for name, dropped in (session.spec.get("drop") or {}).items():
        values["drop"][name] = list(dict.fromkeys([*dropped, *values["drop"][name]]))
    for key in ("tracking_uri", "storage"):
        if HIDDEN in str(values.get(key)):
            option = "--" + key.replace("_", "-")
            raise UserError(
                f"{option} {values[key]} holds a password, which is kept nowhere. Give {option} again"
                f"{', or set MLFLOW_TRACKING_URI' if key == 'tracking_uri' else ''}."
            )
    hidden = [key for key, value in dict(values.get("task_options") or {}).items() if HIDDEN in str(value)]
    if hidden:
        raise UserError(
            f"The option {hidden[0]} of the task holds a password, which is kept nowhere. Start the sweep again by "
            "`tunelab sweep` with the same --name and all of its options."
        )
    spec, before = make_spec(values), make_spec(session.spec)
    should_continue = spec.name == before.name  # with --new-space another study begins
    if should_continue and (spec.trials or 0) < (before.trials or 0):
        raise UserError(f"--trials {spec.trials}: the sweep has {before.trials} already; give more.")
    return spec


def next_name(home: Path, name: str) -> str:
    """Return a name for a sweep that follows another: ``a-2`` after ``a``, ``a-3`` after that or when that exists."""
    follower = FOLLOWER.fullmatch(name)
    stem, number = (follower[1], int(follower[2])) if follower else (name, 1)
    taken = set(sweep_names(home))
    return next(f"{stem}-{i}" for i in range(number + 1, number + len(taken) + 2) if f"{stem}-{i}" not in taken)
