"""All rows one after another, each in a process that is killed when its time is up."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.gpu_check.child import read_result, write_request
from benchmarks.gpu_check.row import Row, RowResult, Setting, Status

TOTAL_SECONDS = 345.0  # of all rows: with the start of this process and a late kill, six minutes
SHORTEST = 5.0  # seconds below which no row is begun: torch alone takes that long to load
LOG_CHARACTERS = 4_000
ROOT = Path(__file__).resolve().parents[2]


def run_rows(
    rows: Sequence[Row], setting: Setting, notify: Callable[[str], None], total: float = TOTAL_SECONDS
) -> list[RowResult]:
    """Measure every row; one that fails, crashes or hangs does not end the others.

    Args:
        rows: In the order of the table.
        setting: Where and how much is measured.
        notify: Told of each row when it ends, one line.
        total: Seconds of all rows together; a row with no time left is skipped.
    """
    end = time.monotonic() + total
    results = []
    for row in rows:
        left = end - time.monotonic()
        if left < SHORTEST:
            result = RowResult(row.what, Status.SKIPPED, reason=f"the {total:g} s of all rows were used up")
        else:
            result = _run_row(row, setting, min(row.budget, left))
        results.append(result)
        notify(f"{result.what}: {result.status}: {result.figure or result.reason} ({result.seconds:.0f} s)")
    return results


def _run_row(row: Row, setting: Setting, budget: float) -> RowResult:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tl-gpu-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        request, out, log = folder / "request.json", folder / "outcome.json", folder / "log.txt"
        write_request(request, row, setting)
        problem = _run_process([str(request), str(out)], folder, log, budget)
        result = RowResult(row.what, Status.FAILED, reason=problem)
        if not problem and out.exists():
            result = read_result(out)
        result = replace(result, seconds=time.monotonic() - began)
        if result.status is Status.FAILED:
            written = log.read_text(encoding="utf-8", errors="replace")
            return replace(result, log=written[-LOG_CHARACTERS:])
        return result


def _run_process(arguments: Sequence[str], folder: Path, log: Path, budget: float) -> str:
    """Run the process of a row; return what went wrong with it, nothing when it ended in order."""
    command = [sys.executable, "-m", "benchmarks.gpu_check.child", *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            status = process.wait(budget)
        except subprocess.TimeoutExpired:
            return f"not done after {budget:.0f} s"
        finally:
            _kill_group(process)
    return f"its process ended with status {status}" if status else ""


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a row: its process on a timeout, and processes that it started."""
    with contextlib.suppress(ProcessLookupError):  # nothing is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment() -> dict[str, str]:
    """Return the environment of a row: one card, and this code importable from any folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    first_card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": first_card}
