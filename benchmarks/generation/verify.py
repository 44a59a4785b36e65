"""Runs a benchmark's samples and scores again from its lock and lists what differs. Speed is not repeated."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.generation.decoding.samples import Sample, read_samples, slots
from benchmarks.generation.display import Quiet
from benchmarks.generation.measure.optimize import Tuning, confirmation_plan, search
from benchmarks.generation.measure.results import Results, evaluate
from benchmarks.generation.measure.writer import check_plan, load_writer
from benchmarks.generation.plan.goal import Goal
from benchmarks.generation.plan.spec import HUMAN, parse_spec, resolve
from benchmarks.generation.plan.storage import RESULTS, SAMPLES, TUNING
from benchmarks.generation.run import make_samples, resolved
from benchmarks.generation.scoring.scorer import load_scorer
from benchmarks.harness.lockfile import provenance

TOLERANCE = 1e-6  # relative, of figures: sums in another order on another processor
ABSOLUTE = 1e-4  # nats of one text: its tokens' rounding adds up
MAX_SHOWN = 10


def verify(folder: Path, lock: Mapping[str, Any]) -> list[str]:
    """Differences between the folder's samples and figures and those made now; empty when identical.

    Where there are any, what else is different now follows: versions, commit, machine.
    """
    plan = resolve(parse_spec(lock["resolved"]["spec"], "lock"))
    check_plan(plan)
    torch.set_num_threads(lock["resolved"]["threads"])
    writer, scorer = load_writer(plan), load_scorer(plan)
    goal = Goal(**lock["resolved"]["goal"]) if lock["resolved"]["goal"] else None
    inputs = _differing_inputs(lock["resolved"], resolved(plan, writer, scorer, goal))
    if goal:
        tuning = search(plan, writer, scorer, goal)
        inputs += _differing_trials(Tuning.from_json(json.loads((folder / TUNING).read_text("utf-8"))), tuning)
        plan = confirmation_plan(plan, tuning)
    places = slots(plan)
    chunk = lock["resolved"]["chunk"]
    made = [
        sample
        for begin in range(0, len(places), chunk)
        for sample in make_samples(plan, writer, places[begin : begin + chunk], Quiet())
    ]
    results = evaluate(plan, writer, scorer, made, lock)
    found = [*inputs, *_differing_samples(read_samples(folder / SAMPLES), made), *_figures(folder / RESULTS, results)]
    return [*found, *_differing_origin(lock["provenance"], provenance())] if found else []


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
    found = []
    for a, b in zip(old, new, strict=True):
        place = f"{a.setting}, prompt {a.prompt}, repeat {a.repeat}"
        if (a.token_ids, a.text) != (b.token_ids, b.text):
            found.append(f"{place}: '{a.text}' then, '{b.text}' now")
        elif not math.isclose(a.log_probability, b.log_probability, rel_tol=TOLERANCE, abs_tol=ABSOLUTE):
            found.append(f"{place}: log-probability {a.log_probability:.8g} then, {b.log_probability:.8g} now")
    rest = len(found) - MAX_SHOWN
    return found[:MAX_SHOWN] + ([f"{rest} more of {len(old)} samples differ"] if rest > 0 else [])


def _figures(path: Path, results: Results) -> list[str]:
    """Figures of ``results.csv`` that the samples made now do not give."""
    if not path.is_file():
        return []  # already named as missing
    with path.open(encoding="utf-8", newline="") as file:
        lines = {line["setting"]: line for line in csv.DictReader(file)}
    rows = {setting.name: results.figures(setting.name) for setting in results.plan.settings}
    if results.human_table and results.human_table.human:
        rows[HUMAN] = dict(results.human_table.human.figures)
    found = []
    for row, figures in rows.items():
        kept = lines.get(row, {})
        for name, value in figures.items():
            old = float(kept.get(name) or "nan")
            same = (math.isnan(old) and math.isnan(value)) or math.isclose(old, value, rel_tol=TOLERANCE, abs_tol=1e-9)
            if not same:
                found.append(f"{row}, {name}: {old:g} then, {value:g} now")
    return found


def _differing_origin(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    pairs = {
        "commit": (old["commit"], new["commit"]),
        **{f"version of {k}": (old["versions"].get(k), v) for k, v in new["versions"].items()},
        **{f"machine's {k}": (old["machine"].get(k), v) for k, v in new["machine"].items()},
    }
    return [f"{name}: {_brief(then)} then, {_brief(now)} now" for name, (then, now) in pairs.items() if then != now]


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
