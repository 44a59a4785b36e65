"""What differs between the kept numbers of a run of text generation and those made now."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.generation.decoding.samples import Sample
from benchmarks.generation.measure.optimize import Tuning
from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.plan.storage import SAMPLES

TOLERANCE = 1e-6  # relative, of figures: sums in another order on another processor
ABSOLUTE = 1e-4  # nats of one text: its tokens' rounding adds up
MAX_SHOWN = 10


def differing_trials(old: Tuning, new: Tuning) -> list[str]:
    """Name the first trial that differs; later trials follow from it."""
    unequal = [
        f"trial {a.number}: {a.decoding.name} with {a.value:g} then, {b.decoding.name} with {b.value:g} now"
        for a, b in zip(old.trials, new.trials, strict=False)
        if a.decoding != b.decoding or not math.isclose(a.value, b.value, rel_tol=TOLERANCE)
    ]
    return unequal[:1]


def differing_samples(old: Sequence[Sample], new: Sequence[Sample]) -> list[str]:
    """Name samples whose text or log-probability differs."""
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


def differing_figures(path: Path, results: Results) -> list[str]:
    """Name the numbers of ``results.csv`` that the samples made now do not give."""
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
