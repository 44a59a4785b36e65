"""Names as MLflow takes them: parameters of a user's space may be called anything."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

REFUSED_SIGNS = re.compile(r"[^/\w.\- :]")
NAME_LIMIT = 240  # characters, of 250 that MLflow takes


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
