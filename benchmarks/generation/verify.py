"""Runs a benchmark's samples and scores again from its lock and lists what differs. Speed is not repeated."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.generation.display import Quiet
from benchmarks.generation.goal import Goal
from benchmarks.generation.optimize import Tuning, confirmation_plan, search
from benchmarks.generation.run import RESULTS, SAMPLES, TUNING, Results, evaluate, make_samples, resolved
from benchmarks.generation.samples import Sample, read_samples, slots
from benchmarks.generation.scorer import load_scorer
from benchmarks.generation.spec import parse_spec, resolve
from benchmarks.generation.writer import check_plan, load_writer

TOLERANCE = 1e-6  # relative, of figures: sums in another order on another processor
MOST_SHOWN = 10


def verify(folder: Path, lock: Mapping[str, Any]) -> list[str]:
    """Differences between the folder's samples and figures and those made now; empty when identical."""
    plan = resolve(parse_spec(lock["resolved"]["spec"], "lock"))
    check_plan(plan)
    torch.set_num_threads(lock["resolved"]["threads"])
    writer, scorer = load_writer(plan), load_scorer(plan.spec.scorer)
    goal = Goal(**lock["resolved"]["goal"]) if lock["resolved"]["goal"] else None
    inputs = _differing_inputs(lock["resolved"], resolved(plan, writer, scorer, goal))
    if goal:
        tuning = search(plan, writer, scorer, goal, lambda done: None)
        inputs += _differing_trials(Tuning.of_json(json.loads((folder / TUNING).read_text("utf-8"))), tuning)
        plan = confirmation_plan(plan, tuning)
    places = slots(plan)
    chunk = lock["resolved"]["chunk"]
    made = [
        sample
        for begin in range(0, len(places), chunk)
        for sample in make_samples(plan, writer, places[begin : begin + chunk], Quiet())
    ]
    results = evaluate(plan, writer, scorer, made, lock)
    return [*inputs, *_differing_samples(read_samples(folder / SAMPLES), made), *_figures(folder / RESULTS, results)]


def _differing_inputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [f"{key}: {_brief(old.get(key))} then, {_brief(new[key])} now" for key in new if old.get(key) != new[key]]


def _differing_trials(old: Tuning, new: Tuning) -> list[str]:
    unequal = [
        f"trial {a.number}: {a.decoding.name} with {a.value:g} then, {b.decoding.name} with {b.value:g} now"
        for a, b in zip(old.trials, new.trials, strict=False)
        if a.decoding != b.decoding or not math.isclose(a.value, b.value, rel_tol=TOLERANCE)
    ]
    return unequal[:1]  # later trials follow from it


def _differing_samples(old: Sequence[Sample], new: Sequence[Sample]) -> list[str]:
    if len(old) != len(new):
        return [f"{SAMPLES} has {len(old)} samples, {len(new)} were made now"]
    unequal = [(a, b) for a, b in zip(old, new, strict=True) if (a.token_ids, a.text) != (b.token_ids, b.text)]
    found = [f"{a.setting}, prompt {a.prompt}, repeat {a.repeat}: '{a.text}' then, '{b.text}' now" for a, b in unequal]
    rest = len(found) - MOST_SHOWN
    return found[:MOST_SHOWN] + ([f"{rest} more of {len(old)} samples differ"] if rest > 0 else [])


def _figures(path: Path, results: Results) -> list[str]:
    """Figures of ``results.csv`` that the samples made now do not give."""
    if not path.is_file():
        return []  # already named as missing
    with path.open(encoding="utf-8", newline="") as file:
        lines = {line["setting"]: line for line in csv.DictReader(file)}
    found = []
    for setting in results.plan.settings:
        kept = lines.get(setting.name, {})
        for name, value in results.figures(setting.name).items():
            old = float(kept.get(name) or "nan")
            same = (math.isnan(old) and math.isnan(value)) or math.isclose(old, value, rel_tol=TOLERANCE, abs_tol=1e-9)
            if not same:
                found.append(f"{setting.name}, {name}: {old:g} then, {value:g} now")
    return found


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
