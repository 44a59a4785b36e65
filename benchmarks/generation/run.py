"""One run of the benchmark: samples in chunks that survive an interruption, then scores, statistics, speed, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from benchmarks.generation.decoding.samples import Sample, Slot, append_samples, read_samples, slots
from benchmarks.generation.measure.optimize import Trial, Tuning, confirmation_plan, search
from benchmarks.generation.measure.results import Results, evaluate, write_results
from benchmarks.generation.measure.speed import SideBySide, Speed, compare_with_loop, setting_speed
from benchmarks.generation.measure.writer import Writer, check_plan, load_writer
from benchmarks.generation.plan.goal import Goal, check_goal
from benchmarks.generation.plan.spec import Plan
from benchmarks.generation.plan.storage import (
    RESULTS,
    SAMPLES,
    SPEED,
    TUNING,
    asked,
    check_folder,
    open_folder,
    write_json,
)
from benchmarks.generation.scoring.scorer import Scorer, load_scorer
from benchmarks.harness.lockfile import sha256_file, write_lock

LARGEST_CHUNK = 512  # samples made between two writes


class Display(Protocol):
    """What a run tells while it goes."""

    def start(self, what: str, total: int, done: int) -> None: ...
    def step(self, tokens: int, finished: int) -> None: ...
    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...


def run(plan: Plan, folder: Path, display: Display, goal: Goal | None = None) -> Results:
    """Runs what is not yet done in ``folder`` and writes results, lock and report.

    With a ``goal``, settings are first searched on half of the prompts; the winner and the plan's settings are then
    compared on the other half.

    Raises:
        UserError: the plan does not fit the model, or the folder holds another benchmark.
        KeyboardInterrupt: samples, trials and speeds made so far are kept; the same call goes on from them.
    """
    if goal:
        check_goal(goal, plan)
    check_folder(folder, asked(plan, goal))
    check_plan(plan)
    writer, scorer = load_writer(plan), load_scorer(plan)
    lock = open_folder(folder, resolved(plan, writer, scorer, goal))
    tuning = _complete_tuning(plan, writer, scorer, goal, folder / TUNING, display) if goal else None
    plan = confirmation_plan(plan, tuning) if tuning else plan
    samples = _complete_samples(plan, writer, folder / SAMPLES, lock["resolved"]["chunk"], display)
    display.say("Scoring texts")
    results = evaluate(plan, writer, scorer, samples, lock)
    speeds, side_by_side = _complete_speed(plan, writer, folder / SPEED, display)
    display.say("Writing the report")
    return _finish(folder, replace(results, speeds=speeds, side_by_side=side_by_side, tuning=tuning))


def resolved(plan: Plan, writer: Writer, scorer: Scorer, goal: Goal | None) -> dict[str, Any]:
    """Everything that fixes samples and scores, JSON values: where it is equal, a run may go on from kept samples."""
    rows = writer.engine.rows_for(
        max(len(writer.prompt_ids(p.text)) for p in plan.prompts)
        + max(s.decoding.max_new_tokens for s in plan.settings)
    )
    content = {
        "model": {k: v for k, v in asdict(writer.facts).items() if k != "folder"},
        "scorer": asdict(scorer.facts),
        "seed": plan.spec.seed,
        "rows": rows,
        "chunk": min(4 * rows, LARGEST_CHUNK),
        "threads": torch.get_num_threads(),
        "device": writer.model.device.type,
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return {**asked(plan, goal), **plain}


def make_samples(plan: Plan, writer: Writer, places: Sequence[Slot], display: Display) -> list[Sample]:
    """One chunk of samples."""
    return writer.write(plan, places, display.step)


def _complete_samples(plan: Plan, writer: Writer, path: Path, chunk: int, display: Display) -> list[Sample]:
    """Makes the samples that are missing. Chunks are fixed, so that a run in two goes gives the bytes of one in one."""
    places = slots(plan)
    kept = read_samples(path)
    whole = len(kept) if len(kept) == len(places) else len(kept) // chunk * chunk
    kept = kept[:whole]
    if path.is_file():  # without what an interruption left behind
        temporary = path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        append_samples(temporary, kept)
        temporary.replace(path)
    display.start("samples", len(places), whole)
    try:
        for begin in range(whole, len(places), chunk):
            made = make_samples(plan, writer, places[begin : begin + chunk], display)
            append_samples(path, made)
            kept += made
    finally:
        display.stop()
    return kept


def _complete_tuning(plan: Plan, writer: Writer, scorer: Scorer, goal: Goal, path: Path, display: Display) -> Tuning:
    """The search, going on from the trials that an earlier call kept."""
    kept = Tuning.from_json(json.loads(path.read_text(encoding="utf-8"))).trials if path.is_file() else ()
    display.start("trials", goal.trials, len(kept))

    def keep(tuning: Tuning, new: Sequence[Trial]) -> None:
        write_json(path, asdict(tuning))
        display.step(0, len(new))

    try:
        return search(plan, writer, scorer, goal, kept, keep)
    finally:
        display.stop()


def _complete_speed(
    plan: Plan, writer: Writer, path: Path, display: Display
) -> tuple[tuple[Speed, ...], SideBySide | None]:
    """The speeds that are missing, beside those that an earlier call kept."""
    if plan.spec.speed.repeats == 0:
        return (), None
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"settings": [], "side_by_side": None}
    display.start("speeds", len(plan.settings) + 1, len(kept["settings"]) + (kept["side_by_side"] is not None))
    try:
        for setting in plan.settings[len(kept["settings"]) :]:
            kept["settings"].append(asdict(setting_speed(writer, plan, setting)))
            write_json(path, kept)
            display.step(0, 1)
        if kept["side_by_side"] is None:
            kept["side_by_side"] = asdict(compare_with_loop(writer, plan))
            write_json(path, kept)
            display.step(0, 1)
    finally:
        display.stop()
    return tuple(Speed(**s) for s in kept["settings"]), SideBySide(**kept["side_by_side"])


def _finish(folder: Path, results: Results) -> Results:
    from benchmarks.generation.report.report import write_reports

    write_results(folder / RESULTS, results)
    names = [n for n in (SAMPLES, RESULTS, SPEED, TUNING) if (folder / n).is_file()]
    lock = {**results.lock, "status": "complete", "results": {name: sha256_file(folder / name) for name in names}}
    if results.tuning:
        lock["winner"] = asdict(results.tuning.best.decoding)
    final = replace(results, lock=lock)
    write_reports(folder, final)
    write_lock(folder, lock)
    return final
