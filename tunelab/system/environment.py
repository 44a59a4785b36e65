"""What a result was made with: versions, commit, machine, command."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "tunelab",
    "torch",
    "torchvision",
    "numpy",
    "scikit-learn",
    "pandas",
    "ray",
    "optuna",
    "mlflow",
    "transformers",
)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def git_commit() -> str:
    """Commit of the checkout this code runs from, with ``+changes`` when it is not clean; empty outside one.

    Installed into an environment that lies in another project's checkout, it is not tracked there: no commit.
    """
    path = Path(__file__)
    try:
        _git(path.parent, "ls-files", "--error-unmatch", path.name)
        commit = _git(path.parent, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(path.parent, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):  # no git, no checkout, or a git that does not answer
        return ""


def machine() -> dict[str, Any]:
    """The processor, cores, system and GPUs."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "host": platform.node(),
    }


def environment() -> dict[str, Any]:
    """Everything about where and with what a sweep ran, JSON values."""
    return {"versions": versions(), "commit": git_commit(), "machine": machine(), "command": command()}


def command() -> str:
    """The command that started this process, secrets removed."""
    from shlex import join

    from tunelab.system.redaction import without_secrets

    name = Path(sys.argv[0]).name
    return join([name, *(without_secrets(argument) for argument in sys.argv[1:])])


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor()
    return platform.processor()
