"""Sweeps as YAML files: the long options of ``tunelab sweep`` as keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from search_spaces import UserError
from trainables import shipped_tasks, task_class
from tunelab.records.spec import SweepSpec, public_spec, spec_keys, unknown_key
from tunelab.records.yaml_file import read_yaml


def read_spec_file(path: Path, task: str | None = None) -> dict[str, Any]:
    """Read a ``sweep.yaml``: the long options as keys, ``-`` or ``_`` alike.

    Args:
        path: The file.
        task: The task when the file names none; its options may be keys, too.

    Returns:
        Values for ``make_spec``; those of the task's own options under ``task_options``.

    Raises:
        UserError: The file cannot be read, is not a YAML mapping, or has an unknown key.
    """
    values = {str(key).replace("-", "_"): value for key, value in _read_mapping(path).items()}
    for key in ("set", "task_options"):
        if not isinstance(values.get(key) or {}, dict):
            raise UserError(f"--config '{path}': '{key}' must hold names and values, got {values[key]!r}.")
    others = [key for key in values if key not in spec_keys()]
    if others:
        own = _option_names(values.get("task", task))
        for key in others:
            if key not in own:
                raise UserError(f"--config '{path}': {unknown_key(key, [*spec_keys(), *own])}")
        given = {key: values.pop(key) for key in others}
        values["task_options"] = {**(values.get("task_options") or {}), **given}
    if values.get("tracking_uri") is False:  # how YAML reads off
        values["tracking_uri"] = "off"
    return values


def spec_yaml(spec: SweepSpec) -> str:
    """Return a ``sweep.yaml`` that asks for the same sweep again, under a name of its own: what is not the default.

    Options of the task are keys like the others. Passwords in URIs are left out.
    """
    values = public_spec(spec).to_json() | {"name": None}
    options = values.pop("task_options")
    defaults = SweepSpec(task=spec.task).to_json()
    changed = {key: value for key, value in values.items() if key == "task" or value != defaults[key]}
    return str(yaml.safe_dump({**changed, **options}, allow_unicode=True, sort_keys=False))


def _read_mapping(path: Path) -> dict[Any, Any]:
    content = read_yaml(path, "--config")
    if not isinstance(content, dict):
        raise UserError(
            f"--config '{path}' must hold keys and values such as 'trials: 32', not {type(content).__name__}."
        )
    return content


def _option_names(task: object) -> list[str]:
    """Return the options of a task; those of all shipped tasks when it is not known yet."""
    classes = [task_class(task)] if isinstance(task, str) else shipped_tasks().values()
    return list(dict.fromkeys(option.name for cls in classes for option in cls.options))
