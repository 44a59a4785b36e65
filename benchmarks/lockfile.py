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
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from search_spaces.errors import UserError, unknown

NAME = "benchmark.lock.json"
SCHEMA = 1
PACKAGES = ("tunelab", "torch", "transformers", "tokenizers", "numpy", "scipy", "optuna", "ray", "mlflow", "plotly")

# Who repeats a benchmark of each kind: ``module:function`` of ``(folder, lock) -> list of differences``.
VERIFIERS: dict[str, str] = {"generation": "benchmarks.generation.verify:verify"}

Lock = Mapping[str, Any]


def provenance(argv: Sequence[str] | None = None) -> dict[str, Any]:
    """The command, commit, versions and machine of this process, JSON values."""
    return {
        "command": command_line(argv),
        "commit": commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "versions": versions(PACKAGES),
        "machine": machine(),
    }


def command_line(argv: Sequence[str] | None = None) -> str:
    """The command as a user types it."""
    arguments = list(sys.argv if argv is None else argv)
    head = Path(arguments[0]).name
    prefix = ["tunelab", "bench"] if head in ("cli.py", "__main__.py") else [head]
    return shlex.join([*prefix, *arguments[1:]])


def commit() -> str | None:
    """The commit of the program's own checkout, with ``+changes`` when files differ from it; None outside one."""
    root = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("rev-parse", "--show-toplevel") != str(root):
        return None
    head = git("rev-parse", "HEAD")
    return f"{head}+changes" if head and git("status", "--porcelain", "--untracked-files=no") else head


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions by package; packages that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, usable cores, memory in GiB, system, torch's threads and GPU where torch is loaded."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    torch = sys.modules.get("torch")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads() if torch else None,
        "gpu": torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None,
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


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
