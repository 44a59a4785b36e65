"""The memory of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def available_memory() -> int:
    """Return the bytes that can still be used: what the system has left, or its control group when that is less.

    Linux alone says what is left; elsewhere it is all of the machine's memory.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fields = {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    left = fields["MemAvailable"]
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="utf-8"))
    except OSError:
        return left
    return left if limit == "max" else min(left, int(limit) - used)
