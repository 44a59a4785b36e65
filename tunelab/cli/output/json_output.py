"""JSON on stdout, for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from tunelab.system.terminal import json_printable


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Print one JSON value and a line end to stdout.

    JSON has no NaN and no infinity: they become null. What the terminal's encoding lacks, or would be steered by,
    becomes JSON's own escape.
    """
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(finite(value), ensure_ascii=ascii_only, allow_nan=False, indent=indent)
    sys.stdout.write(json_printable(text) + "\n")


def finite(value: Any) -> Any:
    """Return the value with None in place of each float that is not finite."""
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
