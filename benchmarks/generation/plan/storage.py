"""The files of a run's folder, and what a lock says of a plan before a model is loaded."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.generation.plan.goal import Goal
from benchmarks.generation.plan.spec import Plan

KIND = "generation"  # in a lock
PACKAGES = ("tunelab", "torch", "transformers", "tokenizers", "numpy", "optuna")  # a run continues under the same
SAMPLES, RESULTS, SPEED, TUNING = "samples.jsonl", "results.csv", "speed.json", "tuning.json"


def asked(plan: Plan, goal: Goal | None) -> dict[str, Any]:
    """Return what was asked for in full, JSON values: the part of a lock that is known before a model loads."""
    content = {
        "spec": plan.spec.model_dump(),
        "prompts": [{**asdict(p), "sha256": p.sha256} for p in plan.prompts],
        "settings": [{"name": s.name, **s.decoding.as_dict()} for s in plan.settings],
        "baseline": plan.baseline,
        "goal": asdict(goal) if goal else None,
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def write_json(path: Path, content: object) -> None:
    """Write the file in one step, so that an interruption leaves the old one or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
