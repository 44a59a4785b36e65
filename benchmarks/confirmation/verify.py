"""Runs a benchmark of confirmation again from its lock and lists what differs. Seconds are not compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.confirmation.run import RESULTS, digests, places, repeatable, simulate_all
from benchmarks.confirmation.spec import ConfirmationSpec, check

MAX_SHOWN = 10


def verify(folder: Path, lock: Mapping[str, Any]) -> list[str]:
    """Differences between the folder's sweeps and those simulated now; empty when identical."""
    spec = ConfirmationSpec.from_json(lock["resolved"]["spec"])
    check(spec)
    data = digests(spec)
    differences = [
        f"the data of {task} is another: digest {lock['resolved']['data'][task][:12]} then, {data[task][:12]} now"
        for task in spec.tasks
        if data[task] != lock["resolved"]["data"][task]
    ]
    then = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    now = repeatable(list(simulate_all(spec, list(places(spec)))))
    unequal = [_difference(a, b) for a, b in zip(then, now, strict=True) if a != b]
    if len(unequal) > MAX_SHOWN:
        unequal = [*unequal[:MAX_SHOWN], f"and {len(unequal) - MAX_SHOWN} sweeps more"]
    return differences + unequal


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    name = next(key for key in then if then[key] != now[key])
    where = f"{then['task']}, {then['case']}, sweep {then['number']}"
    return f"{where}: {name} was {then[name]!r}, is {now[name]!r}"
