"""This machine and its processes: processor, CPUs, memory.

psutil reads them where it can; the rest comes from Linux's ``/proc`` and ``/sys``, which nothing else here reads.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

RESET_PEAK = "5"  # written to clear_refs: the high-water mark of resident memory starts again


def processor() -> str:
    """Return the model of this machine's processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def usable_cpus() -> int:
    """Return the number of CPUs that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> float | None:
    """Return the number of CPUs that the control group allows; None for no limit."""
    try:
        quota, period = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def process_tree(root: int) -> dict[int, int]:
    """Return the memory of a process and of all its descendants.

    Args:
        root: A process id.

    Returns:
        Bytes by process id; on Linux shared pages count once (PSS). Without processes that have ended.
    """
    found: dict[int, int] = {}
    with suppress(psutil.Error):
        process = psutil.Process(root)
        for member in (process, *process.children(recursive=True)):
            found[member.pid] = _own_memory(member)
    return found


def command_lines() -> Iterator[list[str]]:
    """Yield the command line of each process that this one may see."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended in this moment, or is another user's
            yield process.cmdline()


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def has_loaded(library: str) -> bool:
    """Return whether this process has loaded a shared library.

    Args:
        library: The beginning of its file's name.
    """
    return any(Path(part.path).name.startswith(library) for part in psutil.Process().memory_maps())


def reset_peak_memory() -> None:
    """Let ``peak_memory`` count from now on; do nothing where the system cannot."""
    refs = Path("/proc/self/clear_refs")
    if refs.exists():
        refs.write_text(RESET_PEAK)


def peak_memory() -> int:
    """Return the most bytes that were resident since ``reset_peak_memory``, elsewhere than on Linux since the start."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _own_memory(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:  # it ended in this moment, or is another user's
        return 0
    return int(getattr(memory, "pss", memory.rss))
