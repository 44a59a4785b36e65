"""The digest of a user's task file, by which a sweep recognises it."""

from __future__ import annotations

from pathlib import Path

from trainables.base.contract.digests import file_digest


def task_file_digest(task: str) -> str:
    """Return the sha256 of a task's file; empty for a task by name."""
    return file_digest(Path(task)) if task.endswith(".py") else ""
