"""The files and places that a sweep's spec names outside its store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from search_spaces import PythonFile
from tunelab.records.spec import OFF
from tunelab.system.redaction import without_secrets
from tunelab.system.trust import Named

BY_NAME = ("model",)  # options of tasks whose value may be a name that is fetched, not only a path


def named_files(spec: Mapping[str, Any], folder: Path) -> list[Named]:
    """Return what a spec has a sweep run or read: task, space and sampler files, data, models.

    Args:
        spec: as a journal or a store holds it.
        folder: what relative paths are relative to.
    """
    found = []
    for key, what in (("task", "task file"), ("space", "space file"), ("sampler", "sampler file")):
        value = spec.get(key)
        file = PythonFile.parse(value) if isinstance(value, str) else None
        if file is not None:
            found.append(Named(what, _absolute(str(file.path), folder)))
        elif key == "sampler" and isinstance(value, str) and ":" in value:  # a module that would be imported
            found.append(Named("sampler", value, is_place=True))
    options = spec.get("task_options")
    for key, value in _texts(options if isinstance(options, Mapping) else {}):
        path = _absolute(value, folder)
        if os.path.lexists(path):
            found.append(Named(key.replace("_", " "), path))
        elif key in BY_NAME:
            found.append(Named(key, value, is_place=True))
    return list(dict.fromkeys(found))


def named_places(spec: Mapping[str, Any]) -> list[Named]:
    """Return where a spec has a sweep connect or write: Ray cluster, storage, tracking store."""
    names = {"address": "Ray cluster", "storage": "storage", "tracking_uri": "tracking store"}
    found = [(what, spec.get(key)) for key, what in names.items()]
    return [
        Named(what, without_secrets(value).rstrip("/"), is_place=True)
        for what, value in found
        if isinstance(value, str) and value not in ("", OFF)
    ]


def _texts(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        parts = value if isinstance(value, list | tuple) else [value]
        yield from ((str(key), part) for part in parts if isinstance(part, str) and part and "\0" not in part)


def _absolute(path: str, folder: Path) -> str:
    return os.path.abspath(folder / os.path.expanduser(path))
