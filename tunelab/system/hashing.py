"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_digest(task: str) -> str:
    """sha256 of a task's file; empty for a task by name."""
    return hashlib.sha256(Path(task).read_bytes()).hexdigest() if task.endswith(".py") else ""
