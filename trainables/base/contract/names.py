"""Names of tasks that read a file of the user's: each file and target has an experiment and a champion of its own."""

from __future__ import annotations

import re
from pathlib import Path

MAX_LETTERS = 26  # of each part of the name of a task: with a time, a sweep's name has at most 80


def task_name(task: str, path: Path, *columns: str) -> str:
    """Return a name such as ``table-houses-price``.

    Args:
        task: Name of the task without a file.
        path: Of the file, or of the folder, whose name without endings is a part.
        columns: Further parts.
    """
    return "-".join(filter(None, [task, *map(_part, (path.name.partition(".")[0], *columns))]))


def _part(text: str) -> str:
    """Return text as a part of a name, for file names and model URIs: letters, digits and dashes."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")[:MAX_LETTERS]
