"""``python -m benchmarks.gpu_check``: check what works on this machine's GPU, and how fast.

Print one Markdown table and write JSON. Exit with 0 when no row failed, 1 when one did, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu_check.catalogue import ROWS
from benchmarks.gpu_check.report import to_json, to_table
from benchmarks.gpu_check.row import CUDA, SETTINGS, Row, Status
from benchmarks.gpu_check.run import run_rows
from search_spaces.errors import UserError

OUTPUT = Path("gpu-check.json")
FAILED, REFUSED = 1, 2  # exit codes


def main(arguments: Sequence[str] | None = None, rows: Sequence[Row] = ROWS) -> int:
    """Check and return the exit code.

    Args:
        arguments: Of the command line; those of this process when None.
        rows: What is measured.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_check", description="Check what works on this machine's GPU, and how fast."
    )
    parser.add_argument("--device", choices=list(SETTINGS), default=CUDA, help="default cuda; cpu: what runs on a CPU")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"JSON file to write, default {OUTPUT}")
    options = parser.parse_args(arguments)
    try:
        _check(options.device, options.output)
    except UserError as error:
        _notify(f"Error: {error}")
        return REFUSED
    setting = SETTINGS[options.device]
    results = run_rows(rows, setting, _notify)
    options.output.write_text(to_json(results, setting), encoding="utf-8")
    sys.stdout.write(to_table(results, setting))
    _notify(f"JSON: {options.output}")
    return FAILED if any(result.status is Status.FAILED for result in results) else 0


def _check(device: str, output: Path) -> None:
    """Raise ``UserError`` before anything starts: no GPU, or no folder to write to."""
    if not output.absolute().parent.is_dir() or output.is_dir():
        raise UserError(f"--output must be a file in a folder that exists, got '{output}'.")
    if device != CUDA:
        return
    import torch

    if not torch.cuda.is_available():
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise UserError(
            f"torch {torch.__version__} ({build}) sees no GPU. `tunelab doctor` says why; "
            "--device cpu checks what runs on a CPU."
        )


def _notify(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
