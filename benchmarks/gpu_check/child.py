"""One row in a process of its own: ``python -m benchmarks.gpu_check.child REQUEST OUT``, both JSON files."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.row import Measured, Row, RowResult, Setting, Skipped, Status
from search_spaces.errors import describe_error


def write_request(path: Path, row: Row, setting: Setting) -> None:
    """Write what ``main`` needs to measure a row."""
    function = row.measure
    request = {"what": row.what, "function": [function.__module__, function.__name__], "arguments": row.arguments}
    path.write_text(json.dumps({**request, "setting": asdict(setting)}), encoding="utf-8")


def read_result(path: Path) -> RowResult:
    """Read the result that ``main`` wrote."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return RowResult(**{**stored, "status": Status(stored["status"])})


def main() -> None:
    """Measure the requested row and write what came of it."""
    request: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    result = _measure(request["what"], request["function"], Setting(**request["setting"]), request["arguments"])
    Path(sys.argv[2]).write_text(json.dumps(asdict(result)), encoding="utf-8")


def _measure(what: str, function: Sequence[str], setting: Setting, arguments: Sequence[int | str]) -> RowResult:
    module, name = function
    try:
        measured: Measured = getattr(import_module(module), name)(setting, *arguments)
    except Skipped as reason:
        return RowResult(what, Status.SKIPPED, reason=str(reason))
    except Exception as problem:  # noqa: BLE001 whatever a row raises is its result, and the other rows are measured
        traceback.print_exc()
        return RowResult(what, Status.FAILED, reason=describe_error(problem))
    return RowResult(what, Status.OK, measured.figure, values=measured.values)


if __name__ == "__main__":
    main()
