"""The folder of a run: what its files are called, and whether a run may begin or go on there. Loads nothing heavy."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.generation.plan.goal import Goal
from benchmarks.generation.plan.spec import Plan
from benchmarks.harness.lockfile import NAME, SCHEMA, provenance, read_lock, write_lock
from search_spaces.errors import UserError

SAMPLES, RESULTS, SPEED, TUNING = "samples.jsonl", "results.csv", "speed.json", "tuning.json"
REPORT_HTML = "report.html"
DECIDING = ("tunelab", "torch", "transformers", "tokenizers", "numpy", "optuna")  # versions under which a run may go on


def asked(plan: Plan, goal: Goal | None) -> dict[str, Any]:
    """What was asked for in full, JSON values: the part of a lock that is known before a model loads."""
    content = {
        "spec": plan.spec.model_dump(),
        "prompts": [{**asdict(p), "sha256": p.sha256} for p in plan.prompts],
        "settings": [{"name": s.name, **s.decoding.as_dict()} for s in plan.settings],
        "baseline": plan.baseline,
        "goal": asdict(goal) if goal else None,
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def check_folder(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Raises ``UserError`` unless a run may begin or go on in the folder; writes nothing.

    Args:
        folder: need not be there.
        wanted: what a lock that is there must say under ``resolved``, or a part of that.
    """
    try:
        place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        if not place.is_dir():
            raise UserError(f"'{place}' is a file. Choose a folder with --output.")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UserError(f"Nothing can be written in '{place}'. Choose another folder with --output.")
        if (folder / NAME).is_file():
            _check_lock(folder, wanted)
        elif folder.exists() and any(folder.iterdir()):
            raise UserError(f"The folder '{folder}' is not empty and holds no benchmark. Choose another with --output.")
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be used ({error.strerror}). Choose another with --output."
        ) from None


def open_folder(folder: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The folder's lock: a new one, or the one that a run was interrupted under; raises as ``check_folder``."""
    check_folder(folder, wanted)
    if (folder / NAME).is_file():
        return read_lock(folder)
    lock = {
        "kind": "generation",
        "schema": SCHEMA,
        "status": "running",
        "provenance": provenance(),
        "resolved": wanted,
        "results": {},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_lock(folder, lock)
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be written ({error.strerror}). Choose another with --output."
        ) from None
    return lock


def write_json(path: Path, content: object) -> None:
    """Writes the file in one step, so that an interruption leaves the old one or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def _check_lock(folder: Path, wanted: Mapping[str, Any]) -> None:
    lock = read_lock(folder)
    kept = lock.get("resolved", {})
    if lock["kind"] != "generation" or {key: kept.get(key) for key in wanted} != wanted:
        raise UserError(
            f"The folder '{folder}' holds another benchmark ({_first_difference(kept, wanted)}). "
            f"Choose another folder with --output."
        )
    then, now = lock["provenance"], provenance()
    changed = [name for name in DECIDING if now["versions"].get(name) != then["versions"].get(name)]
    if now["commit"] != then["commit"]:
        changed.append("this program's code")
    if changed:
        raise UserError(
            f"The run in '{folder}' was begun with other versions of {', '.join(changed)}. "
            f"Go on with those, or choose another folder with --output."
        )


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Names the first entry that differs, for people."""
    for key in new:
        if old.get(key) != new[key]:
            if isinstance(new[key], dict) and isinstance(old.get(key), dict):
                return f"{key}: {_first_difference(old[key], new[key])}"
            return f"'{key}' differs"
    return "the file is of another version"
