"""Names in the store: of runs, and of parameters as MLflow takes them, which a user's space may call anything."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from tunelab.records.trial import TrialRecord, TrialStatus

REFUSED_SIGNS = re.compile(r"[^/\w.\- :]")
NAME_LIMIT = 240  # characters, of 250 that MLflow takes
WINNER = "★"
AT_THE_END = (TrialStatus.FINISHED, TrialStatus.RUNNING)  # whose names say nothing of how they ended


def trial_run_name(sweep: str, trial: TrialRecord, *, winner: bool = False) -> str:
    """Return the name of a trial's run: ``wine #003 (stopped early)``, ``wine #007 ★`` for the winner."""
    ended = "" if trial.status in AT_THE_END else f" ({trial.status.label})"
    return f"{sweep} #{trial.number:03d}{f' {WINNER}' if winner else ''}{ended}"


def stored_names(names: Iterable[str]) -> dict[str, str]:
    """Return what each name is in the store: signs that MLflow refuses become underscores.

    Args:
        names: of one trial's parameters; different ones stay different.
    """
    found: dict[str, str] = {}
    for name in names:
        clean = REFUSED_SIGNS.sub("_", name)[:NAME_LIMIT]
        if clean in ("", ".") or clean.startswith(("/", "..")) or posixpath.normpath(clean) != clean:
            clean = re.sub(r"[/.]", "_", clean) or "_"  # MLflow makes paths of names
        number, first = 2, clean
        while clean in found.values():
            clean, number = f"{first}_{number}", number + 1
        found[name] = clean
    return found
