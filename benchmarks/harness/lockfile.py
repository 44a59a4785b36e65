"""``benchmark.lock.json``: everything that fixed a benchmark's numbers, and the way back to running it again.

Shared by all benchmarks. A lock has ``kind`` (which benchmark), ``schema``, ``status`` (``"running"`` until the numbers
are complete), ``resolved`` (what was asked, in full), ``provenance`` (machine, versions, commit, command) and
``results`` (sha256 of the files that a repetition must reproduce).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError, unknown
from tunelab.system.environment import Machine, command, git_commit, versions

NAME = "benchmark.lock.json"
SCHEMA = 1
FURTHER_PACKAGES = ("tokenizers", "scipy", "plotly")  # beside those that every result names

# Who repeats a benchmark of each kind: ``module:function`` of ``(folder, lock) -> list of differences``.
VERIFIERS: dict[str, str] = {
    "generation": "benchmarks.generation.verify:verify",
    "search": "benchmarks.search.verify:verify",
    "arena": "benchmarks.search.arena.verify:verify",
    "confirmation": "benchmarks.confirmation.verify:verify",
}

Lock = Mapping[str, Any]


def provenance() -> dict[str, Any]:
    """The command, commit, versions and machine of this process, JSON values."""
    return {
        "command": command(),
        "commit": git_commit() or None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {**versions(), **{name: version(name) for name in FURTHER_PACKAGES}},
        "machine": described_machine(),
    }


def described_machine() -> dict[str, Any]:
    """Processor, cores and how many this process may use, memory in GiB, system; threads and GPU where torch is loaded.

    The machine's name is left out: a lock travels with a report.
    """
    torch = sys.modules.get("torch")
    return {
        **{name: value for name, value in asdict(Machine.here()).items() if name != "host"},
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "threads": torch.get_num_threads() if torch else None,
        "gpu": torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None,
    }


def provenance_facts(found: Mapping[str, Any]) -> dict[str, str]:
    """What ``provenance`` gives, as lines of a report."""
    machine = found["machine"]
    threads = machine["threads"] and f"{machine['threads']} torch threads"
    parts = [
        machine["processor"],
        f"{machine['usable_cores']} cores",
        f"{machine['memory_gib']} GiB",
        machine["system"],
    ]
    return {
        "command": found["command"],
        "commit": found["commit"] or "not run from a checkout",
        "started": found["started"],
        "versions": ", ".join(f"{name} {number}" for name, number in found["versions"].items()),
        "machine": ", ".join(filter(None, [*parts, threads, f"GPU: {machine['gpu'] or 'none'}"])),
    }


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_lock(folder: Path, lock: Lock) -> None:
    """Writes the lock in one step, so that a crash leaves the old one or the new one."""
    temporary = folder / f".{NAME}.tmp"
    temporary.write_text(json.dumps(lock, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / NAME)


def read_lock(folder: Path) -> dict[str, Any]:
    """The lock of a benchmark's folder; raises ``UserError`` when there is none or it is damaged."""
    path = folder / NAME
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"'{folder}' is no benchmark's folder: it has no {NAME}.") from None
    except ValueError as error:
        raise UserError(f"'{path}' is damaged: {error}.") from None
    if not isinstance(lock, dict) or lock.get("schema") != SCHEMA or "kind" not in lock:
        raise UserError(f"'{path}' is no lock that this version reads: it needs 'kind' and 'schema': {SCHEMA}.")
    return lock


def open_benchmark(folder: Path, kind: str, resolved: Mapping[str, Any]) -> dict[str, Any]:
    """The lock of a benchmark's folder, which is made for a new one.

    Args:
        folder: empty, missing, or of the very same benchmark.
        kind: which benchmark.
        resolved: what was asked, in full.

    Raises:
        UserError: the folder holds something else, or cannot be created.
    """
    if (folder / NAME).exists():
        lock = read_lock(folder)
        if lock["kind"] != kind or lock["resolved"] != resolved:
            raise UserError(f"'{folder}' holds another benchmark. Give a new folder with --output.")
        return lock
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output '{folder}' cannot be created: {error.strerror}.") from error
    if any(folder.iterdir()):
        raise UserError(f"--output '{folder}' is not empty and holds no benchmark. Give a new folder.")
    lock = {
        **{"kind": kind, "schema": SCHEMA, "status": "running", "resolved": resolved},
        **{"provenance": provenance(), "results": {}},
    }
    write_lock(folder, lock)
    return lock


def complete(folder: Path, lock: Lock, results: str) -> dict[str, Any]:
    """Notes that the numbers are complete, with the digest of the file ``results``; returns the lock."""
    done = {**lock, "status": "complete", "results": {results: sha256_file(folder / results)}}
    write_lock(folder, done)
    return done


def verify(folder: Path) -> list[str]:
    """Runs a benchmark again from its lock; returns what differs, nothing when identical."""
    lock = read_lock(folder)
    if lock["kind"] not in VERIFIERS:
        raise unknown("kind of benchmark", str(lock["kind"]), VERIFIERS)
    if lock.get("status") != "complete":
        raise UserError(
            f"The benchmark in '{folder}' is not complete. Run its command again first: {lock_command(lock)}"
        )
    module, _, function = VERIFIERS[lock["kind"]].partition(":")
    verifier: Callable[[Path, Lock], list[str]] = getattr(importlib.import_module(module), function)
    return [*damaged_files(folder, lock), *verifier(folder, lock)]


def damaged_files(folder: Path, lock: Lock) -> list[str]:
    """Result files that are no longer the ones the lock was written for."""
    found = []
    for name, digest in lock.get("results", {}).items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif sha256_file(path) != digest:
            found.append(f"{name} was changed after the run: its sha256 is not the lock's")
    return found


def lock_command(lock: Lock) -> str:
    return str(lock.get("provenance", {}).get("command", "unknown command"))
