"""The memory of this machine."""

from __future__ import annotations

from pathlib import Path

import psutil


def available_memory() -> int:
    """Return the bytes that can still be used: what the system has left, or its control group when that is less."""
    left = int(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="utf-8"))
    except OSError:
        return left
    return left if limit == "max" else min(left, int(limit) - used)
