"""A finished benchmark in the tracking store: one parent run, one child a setting, for the UI's compare view."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.generation.measure.results import Results
from benchmarks.generation.report.report import model_note
from tunelab.tracking.store import Store

EXPERIMENT = "benchmark generation"


def log_benchmark(store: Store, folder: Path, results: Results, notify: Callable[[str], None]) -> str:
    """Log a benchmark once and return the parent's run id, the earlier one when it was logged before."""
    lock = results.lock
    key = hashlib.sha256(json.dumps([lock["resolved"], lock["results"]], sort_keys=True).encode()).hexdigest()
    spec = results.plan.spec
    params = {
        "model": results.model.name,
        "scorer": results.scorer.name,
        "prompts": len(results.plan.prompts),
        "repeats": spec.repeats,
        "seed": spec.seed,
        "baseline": results.plan.baseline,
        "max_new_tokens": spec.max_new_tokens,
    }
    tags = {
        "tunelab.kind": "benchmark",
        "tunelab.licence": results.model.licence,
        "tunelab.command": lock["provenance"]["command"],
        "mlflow.note.content": model_note(results),
    }
    name = f"{spec.name}, {results.model.name}"
    children = _children(results)
    return store.log_group(EXPERIMENT, name, key, children, params=params, tags=tags, folder=folder, notify=notify)


def _children(results: Results) -> Iterator[tuple[str, dict[str, Any], dict[str, float]]]:
    speeds = {s.setting: asdict(s) for s in results.speeds}
    for setting in results.plan.settings:
        speed = {name: value for name, value in speeds.get(setting.name, {}).items() if name != "setting"}
        yield setting.name, setting.decoding.as_dict(), results.figures(setting.name) | speed
