"""What a benchmark's numbers were made with: command, commit, versions, machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from tunelab.documents.blocks import Cell, Code, Section, Text
from tunelab.records.text import format_utc
from tunelab.system.environment import Machine, command, git_commit, versions
from tunelab.system.language import tr
from tunelab.system.machine import usable_cpus

FURTHER_PACKAGES = ("tokenizers", "scipy", "plotly")  # beside those that every result names


def provenance() -> dict[str, Any]:
    """Return the command, commit, versions and machine of this process, JSON values."""
    return {
        "command": command(),
        "commit": git_commit() or None,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {**versions(), **{name: version(name) for name in FURTHER_PACKAGES}},
        "machine": described_machine(),
    }


def described_machine() -> dict[str, Any]:
    """Return processor, cores and how many this process may use, memory in GiB, system; threads and GPU of torch.

    The machine's name is left out: a lock travels with a report. Threads and GPU are None where torch is not loaded.
    """
    torch = sys.modules.get("torch")
    return {
        **{name: value for name, value in asdict(Machine.here()).items() if name != "host"},
        "usable_cores": usable_cpus(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "threads": torch.get_num_threads() if torch else None,
        "gpu": torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None,
    }


def provenance_facts(found: Mapping[str, Any]) -> dict[str, Cell]:
    """Return what ``provenance`` gave as lines of a report."""
    machine = found["machine"]
    parts = [
        machine["processor"],
        tr("{count} cores", count=machine["usable_cores"]),
        f"{machine['memory_gib']} GiB",
        machine["system"],
        machine["threads"] and tr("{count} torch threads", count=machine["threads"]),
        f"GPU: {machine['gpu'] or tr('none')}",
    ]
    return {
        tr("command"): found["command"],
        tr("commit"): found["commit"] or tr("not run from a checkout"),
        tr("started"): format_utc(datetime.fromisoformat(found["started"]).timestamp()),
        tr("versions"): ", ".join(f"{name} {number}" for name, number in found["versions"].items()),
        tr("machine"): ", ".join(filter(None, parts)),
    }


def digest_facts(digests: Mapping[str, str]) -> dict[str, Cell]:
    """Return the digests of data, by name, as lines of a report."""
    return {tr("data digest of {name}", name=name): digest for name, digest in digests.items()}


def repeat_section(command: str, limit: str = "") -> Section:
    """Return the part of a report that says how to make it again.

    Args:
        command: That made it.
        limit: Why another run gives other numbers; empty where ``tunelab bench verify`` compares them.
    """
    check = tr("To check that it gives the same: {command}", command="tunelab bench verify FOLDER")
    return Section(tr("Repeat it"), [Code(command), Text(limit or check)])


def changed_origin(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what differs between two values of ``provenance``: commit, versions, machine."""
    pairs = {
        "commit": (then["commit"], now["commit"]),
        **{f"version of {name}": (then["versions"].get(name), value) for name, value in now["versions"].items()},
        **{f"machine's {name}": (then["machine"].get(name), value) for name, value in now["machine"].items()},
    }
    return [then_and_now(name, *values) for name, values in pairs.items() if values[0] != values[1]]


def then_and_now(what: str, then: object, now: object) -> str:
    """Say that something differs: ``commit: 1a2b then, 3c4d now``."""
    return f"{what}: {_brief(then)} then, {_brief(now)} now"


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
