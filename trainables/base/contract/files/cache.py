"""Where is kept what can be made again: fetched data sets, unpacked models."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the user's folder for it, which may not exist yet; raise ``RuntimeError`` where nobody's home is known."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tunelab"
