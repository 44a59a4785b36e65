"""Runs a benchmark of search methods again from its lock and lists what differs. Seconds are not compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.run import RESULTS, digests, places, repeatable, search_once
from benchmarks.search.spec import SearchSpec, check
from trainables.base.training.compute import cpu_threads

MAX_SHOWN = 10


def verify(folder: Path, lock: Mapping[str, Any]) -> list[str]:
    """Differences between the folder's searches and those made now; empty when identical."""
    spec = SearchSpec.from_json(lock["resolved"]["spec"])
    methods = check(spec)
    data = digests(spec)
    differences = [
        f"the data of {task} is another: digest {lock['resolved']['data'][task][:12]} then, {data[task][:12]} now"
        for task in spec.tasks
        if data[task] != lock["resolved"]["data"][task]
    ]
    with cpu_threads(1):
        now = repeatable([search_once(spec, *place) for place in places(spec, methods)])
    then = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["searches"]
    unequal = [_difference(a, b) for a, b in zip(then, now, strict=True) if a != b]
    if len(unequal) > MAX_SHOWN:
        unequal = [*unequal[:MAX_SHOWN], f"and {len(unequal) - MAX_SHOWN} searches more"]
    return differences + unequal


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    where = f"{then['task']}, {then['method']}, repetition {then['repetition']}"
    for a, b in zip(then["steps"], now["steps"], strict=False):
        if a != b:
            return f"{where}: loss {a[1]!r} at epoch {a[0]} then, {b[1]!r} at epoch {b[0]} now"
    return (
        f"{where}: {then['trials']} trials, {len(then['steps'])} steps then, {now['trials']}, {len(now['steps'])} now"
    )
