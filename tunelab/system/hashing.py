"""The digest of a user's task file, by which a sweep recognises it."""

from __future__ import annotations

from search_spaces import PythonFile
from trainables.base.contract.digests import file_digest


def task_file_digest(task: str) -> str:
    """Return the sha256 of the file of a task (``my_task.py`` or ``train.py:train``); empty for a task by name."""
    file = PythonFile.parse(task)
    return "" if file is None else file_digest(file.path)
