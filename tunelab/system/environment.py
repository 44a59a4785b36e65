"""What a result was made with: versions, commit, machine, command."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tunelab.system.machine import processor

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
    """Return versions of Python and of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def git_commit() -> str:
    """Return the commit of the checkout this code runs from, with ``+changes`` when it is not clean; empty outside one.

    Installed into an environment that lies in another project's checkout, it is not tracked there: no commit.
    """
    path = Path(__file__)
    try:
        _git(path.parent, "ls-files", "--error-unmatch", path.name)
        commit = _git(path.parent, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(path.parent, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):  # no git, no checkout, or a git that does not answer
        return ""


@dataclass(frozen=True)
class Machine:
    """A machine: its processor's model, number of cores, operating system and host name."""

    processor: str
    cores: int
    system: str
    host: str

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine."""
        system = f"{platform.system()} {platform.machine()}"
        return cls(processor(), os.cpu_count() or 1, system, platform.node())


@dataclass(frozen=True)
class Environment:
    """Where and with what a sweep ran.

    Attributes:
        versions: Versions of Python and of packages, by name.
        commit: Git commit of this code, see ``git_commit``; empty outside a checkout.
        machine: The machine that started the sweep.
        command: The command line, without secrets.
    """

    versions: Mapping[str, str]
    commit: str
    machine: Machine
    command: str

    @classmethod
    def here(cls) -> Environment:
        """Describe this process."""
        return cls(versions(), git_commit(), Machine.here(), command())


def command() -> str:
    """Return the command that started this process, secrets removed."""
    from shlex import join

    from tunelab.system.redaction import without_secrets

    name = Path(sys.argv[0]).name
    return join([name, *(without_secrets(argument) for argument in sys.argv[1:])])


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
