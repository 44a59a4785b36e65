"""Names of things in Python files, as users write them: ``train.py`` or ``train.py:train``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PATTERN = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^\W\d]\w*))?")


@dataclass(frozen=True)
class PythonFile:
    """A Python file, and the name of something in it.

    Attributes:
        path: of the file, as written.
        name: of a function or object in it; empty for the file as a whole.
    """

    path: Path
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> PythonFile | None:
        """Read ``path.py`` or ``path.py:name``; return None for anything else, such as the name of a task."""
        match = PATTERN.fullmatch(text)
        return None if match is None else cls(Path(match["path"]), match["name"] or "")
