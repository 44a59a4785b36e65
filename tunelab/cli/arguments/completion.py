"""What a shell completes: names of tasks and of sweeps. Whatever goes wrong completes nothing."""

from __future__ import annotations

from contextlib import suppress

from search_spaces.errors import UserError


def complete_task(incomplete: str) -> list[str]:
    """Return the tasks whose names begin so; nothing for the path of a file, which the shell completes."""
    from trainables import task_names

    return sorted(name for name in task_names() if name.startswith(incomplete))


def complete_sweep(incomplete: str) -> list[str]:
    """Return the sweeps whose journals lie beside the default store and whose names begin so, newest first."""
    from tunelab.records.lookup import LATEST
    from tunelab.setup.resume import newest_sweeps
    from tunelab.tracking.uri import default_tracking_uri, home_of

    with suppress(UserError, OSError):
        names = [LATEST, *newest_sweeps(home_of(default_tracking_uri()))]
        return [name for name in names if name.startswith(incomplete)]
    return []
