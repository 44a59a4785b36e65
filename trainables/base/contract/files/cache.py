"""The folder of what can be made again: fetched data sets, unpacked models."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's cache folder of tunelab, which may not exist yet.

    Raises:
        RuntimeError: The user's home folder is not known.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tunelab"
