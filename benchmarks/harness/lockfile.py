"""``benchmark.lock.json``: everything that fixed a benchmark's numbers, and the folder that it lies in.

A lock has ``kind`` (which benchmark), ``schema``, ``status`` (``"running"`` until the numbers are complete),
``resolved`` (what was asked, in full), ``provenance`` (machine, versions, commit, command) and ``results`` (sha256 of
the files that a repetition must reproduce).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.provenance import provenance
from search_spaces.errors import UserError
from trainables.base.contract.files.digests import file_digest

NAME = "benchmark.lock.json"
SCHEMA = 1

Lock = Mapping[str, Any]


def write_lock(folder: Path, lock: Lock) -> None:
    """Write the lock in one step, so that a crash leaves the old one or the new one."""
    temporary = folder / f".{NAME}.tmp"
    temporary.write_text(json.dumps(lock, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / NAME)


def read_lock(folder: Path) -> dict[str, Any]:
    """Return the lock of a benchmark's folder.

    Raises:
        UserError: it is missing, damaged, or of another version.
    """
    path = folder / NAME
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"'{folder}' is not a benchmark's folder: it has no {NAME}.") from None
    except ValueError as error:
        raise UserError(f"'{path}' is damaged: {error}.") from None
    if not isinstance(lock, dict) or lock.get("schema") != SCHEMA or "kind" not in lock:
        raise UserError(f"'{path}' is not a lock that this version reads: it needs 'kind' and 'schema': {SCHEMA}.")
    return lock


def check_folder(folder: Path, kind: str, wanted: Mapping[str, Any], packages: Sequence[str] = ()) -> None:
    """Check that a benchmark may begin or continue in a folder; write nothing.

    Args:
        folder: need not exist.
        kind: which benchmark.
        wanted: what a lock that is there must say under ``resolved``, or a part of that.
        packages: whose versions, and with them this program's commit, must be those of the lock.

    Raises:
        UserError: the folder cannot be written, or holds something else.
    """
    try:
        place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        if not place.is_dir():
            raise UserError(f"'{place}' is a file. Choose a folder with --output.")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UserError(f"Nothing can be written in '{place}'. Choose another folder with --output.")
        if (folder / NAME).is_file():
            _check_lock(folder, kind, wanted, packages)
        elif folder.exists() and any(folder.iterdir()):
            raise UserError(f"The folder '{folder}' is not empty and holds no benchmark. Choose another with --output.")
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be used ({error.strerror}). Choose another with --output."
        ) from None


def open_folder(
    folder: Path, kind: str, resolved: Mapping[str, Any], packages: Sequence[str] = (), *, afresh: bool = False
) -> dict[str, Any]:
    """Return the lock of a benchmark's folder, which is created for a new one.

    Args:
        folder: missing, empty, or of the very same benchmark.
        kind: which benchmark.
        resolved: what was asked, in full.
        packages: as for ``check_folder``.
        afresh: whether a benchmark that is there begins again, with the provenance of now.

    Raises:
        UserError: as ``check_folder``.
    """
    check_folder(folder, kind, resolved, packages)
    if (folder / NAME).is_file() and not afresh:
        return read_lock(folder)
    lock = {
        **{"kind": kind, "schema": SCHEMA, "status": "running", "resolved": resolved},
        **{"provenance": provenance(), "results": {}},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_lock(folder, lock)
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be written ({error.strerror}). Choose another with --output."
        ) from None
    return lock


def complete(folder: Path, lock: Lock, results: Iterable[str], notes: Mapping[str, Any]) -> dict[str, Any]:
    """Note that the numbers are complete, with the digests of the files ``results``; return the lock."""
    digests = {name: file_digest(folder / name) for name in results}
    done = {**lock, "status": "complete", "results": digests, **notes}
    write_lock(folder, done)
    return done


def damaged_files(folder: Path, lock: Lock) -> list[str]:
    """Name the result files that are not the ones the lock was written for."""
    found = []
    for name, digest in lock.get("results", {}).items():
        path = folder / Path(name).name  # a lock names files of its own folder alone
        if not path.is_file():
            found.append(f"{name} is missing")
        elif file_digest(path) != digest:
            found.append(f"{name} was changed after the run: its sha256 is not the lock's")
    return found


def lock_command(lock: Lock) -> str:
    """Return the command that began the benchmark."""
    return str(lock.get("provenance", {}).get("command", "unknown command"))


def _check_lock(folder: Path, kind: str, wanted: Mapping[str, Any], packages: Sequence[str]) -> None:
    lock = read_lock(folder)
    kept = lock.get("resolved", {})
    if lock["kind"] != kind or {key: kept.get(key) for key in wanted} != wanted:
        raise UserError(
            f"The folder '{folder}' holds another benchmark ({_first_difference(kept, wanted)}). "
            f"Choose another folder with --output."
        )
    if not packages:
        return
    then, now = lock["provenance"], provenance()
    changed = [name for name in packages if now["versions"].get(name) != then["versions"].get(name)]
    if now["commit"] != then["commit"]:
        changed.append("this program's code")
    if changed:
        raise UserError(
            f"The run in '{folder}' was begun with other versions of {', '.join(changed)}. "
            f"Continue with those, or choose another folder with --output."
        )


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Name the first entry that differs, for people."""
    for key in new:
        if old.get(key) != new[key]:
            if isinstance(new[key], dict) and isinstance(old.get(key), dict):
                return f"{key}: {_first_difference(old[key], new[key])}"
            return f"'{key}' differs"
    return "it is of another kind"
