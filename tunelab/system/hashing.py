"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits; the file is never in memory as a whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(task: str) -> str:
    """Return the sha256 of a task's file; empty for a task by name."""
    return sha256_file(Path(task)) if task.endswith(".py") else ""
