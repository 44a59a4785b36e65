"""Simulates a benchmark on recorded learning curves again from its lock and lists what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.search.arena.run import RESULTS, digests, packages, places, repeatable, simulate
from benchmarks.search.arena.spec import ArenaSpec, check_arena

MAX_SHOWN = 10


def verify(folder: Path, lock: Mapping[str, Any]) -> list[str]:
    """Return the differences between the folder's searches and those made now; empty when identical."""
    spec, then = ArenaSpec.from_json(lock["resolved"]["spec"]), lock["resolved"]
    tasks = check_arena(spec)
    differences = [
        *(_changed(f"curves of {name}", then["data"].get(name), digest) for name, digest in digests(tasks).items()),
        *(_changed(f"version of {name}", then["packages"].get(name), now) for name, now in packages().items()),
    ]
    now = repeatable([simulate(spec, *place) for place in places(spec, tasks)])
    before = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["searches"]
    unequal = [_difference(a, b) for a, b in zip(before, now, strict=True) if a != b]
    if len(unequal) > MAX_SHOWN:
        unequal = [*unequal[:MAX_SHOWN], f"and {len(unequal) - MAX_SHOWN} more searches"]
    return [difference for difference in differences if difference] + unequal


def _changed(what: str, then: str | None, now: str) -> str:
    return "" if then == now else f"{what}: {str(then)[:12]} then, {now[:12]} now"


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    where = f"{then['task']}, {then['method']}, {then['workers']} workers, repetition {then['repetition']}"
    for a, b in zip(then["steps"], now["steps"], strict=False):
        if a != b:
            return f"{where}: regret {a[2]!r} at epoch {a[0]} then, {b[2]!r} at epoch {b[0]} now"
    return (
        f"{where}: {then['trials']} trials, {len(then['steps'])} steps then, {now['trials']}, {len(now['steps'])} now"
    )
