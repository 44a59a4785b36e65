"""The folder of a sweep: where it lies, and what is in it beside the journal."""

from __future__ import annotations

import os
from pathlib import Path

from search_spaces import UserError

SWEEPS = "sweeps"  # in the folder of the tracking store
CONFIRMATION = "confirm"  # where weights of a confirmation lie, in the storage of a sweep
PRINTED = "printed"  # in a sweep's folder: a file for each trial that prints
ERROR_FILE = "error.txt"  # in a sweep's folder: the traceback of an unexpected error


def sweep_folder(home: Path, name: str) -> Path:
    """Return the folder of a sweep: its journal, and where ``--storage`` names no other place its weights.

    Args:
        home: Folder of the tracking store, see ``tunelab.tracking.uri.home_of``.
        name: Of the sweep.
    """
    return home / SWEEPS / name


def make_folder(folder: Path) -> None:
    """Create a folder; raise ``UserError`` when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder '{folder}' cannot be created: {error.strerror}.") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"The folder '{folder}' cannot be written. Choose another with --tracking-uri.")
