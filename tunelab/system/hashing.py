"""The digest of a Python file that a user names, by which a sweep recognises it."""

from __future__ import annotations

from search_spaces import PythonFile
from trainables.base.contract.files.digests import file_digest


def python_file_digest(name: str) -> str:
    """Return the sha256 of the file of a name such as ``my_task.py`` or ``train.py:train``; empty for other names."""
    file = PythonFile.parse(name)
    return "" if file is None else file_digest(file.path)
