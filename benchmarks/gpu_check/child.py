"""One row in a process of its own: ``python -m benchmarks.gpu_check.child REQUEST OUT``, both JSON files."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.row import Measured, Row, Setting, Skipped, Status
from search_spaces.errors import describe_error


def write_request(path: Path, row: Row, setting: Setting) -> None:
    """Write what ``main`` needs to measure a row."""
    function = row.measure
    request = {"function": [function.__module__, function.__name__], "arguments": row.arguments}
    path.write_text(json.dumps({**request, "setting": asdict(setting)}), encoding="utf-8")


def main() -> None:
    """Measure the requested row and write its status with figure and values, or with a reason."""
    request: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(_outcome(request)), encoding="utf-8")


def _outcome(request: dict[str, Any]) -> dict[str, Any]:
    module, name = request["function"]
    try:
        measured: Measured = getattr(import_module(module), name)(Setting(**request["setting"]), *request["arguments"])
    except Skipped as reason:
        return {"status": Status.SKIPPED, "reason": str(reason)}
    except Exception as problem:  # noqa: BLE001 whatever a row raises is its result, and the other rows are measured
        traceback.print_exc()
        return {"status": Status.FAILED, "reason": describe_error(problem)}
    return {"status": Status.OK, **asdict(measured)}


if __name__ == "__main__":
    main()
