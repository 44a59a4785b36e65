"""JSON on stdout, for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Prints one JSON value and a line end to stdout. JSON has no NaN and no infinity: they become null."""
    sys.stdout.write(json.dumps(finite(value), ensure_ascii=False, allow_nan=False, indent=indent) + "\n")


def finite(value: Any) -> Any:
    """The value with None in place of each float that is not finite."""
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
