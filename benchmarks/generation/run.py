"""The benchmark of text generation: samples in chunks that survive an interruption, scores, statistics, speed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from benchmarks.generation.decoding.samples import Sample, Slot, append_samples, read_samples, slots
from benchmarks.generation.display import Quiet
from benchmarks.generation.measure.optimize import Trial, Tuning, confirmation_plan, search
from benchmarks.generation.measure.results import Results, evaluate, write_results
from benchmarks.generation.measure.speed import SideBySide, Speed, compare_with_loop, setting_speed
from benchmarks.generation.measure.writer import Writer, check_plan, load_writer
from benchmarks.generation.plan.goal import Goal, check_goal
from benchmarks.generation.plan.spec import Plan, named_models, parse_spec, resolve
from benchmarks.generation.plan.storage import KIND, PACKAGES, RESULTS, SAMPLES, SPEED, TUNING, asked, write_json
from benchmarks.generation.scoring.morphemes import require_kiwi
from benchmarks.generation.scoring.scorer import Scorer, load_scorer
from benchmarks.harness.lockfile import Lock
from benchmarks.harness.suite import Notify, Suite, run_suite
from trainables.base.training.compute import cpu_threads
from tunelab.documents.blocks import Document
from tunelab.system.language import tr
from tunelab.system.trust import Named

LARGEST_CHUNK = 512  # samples made between two writes


class Display(Protocol):
    """What a run tells while it goes."""

    def start(self, what: str, total: int, done: int) -> None: ...
    def step(self, tokens: int, finished: int) -> None: ...
    def notify(self, text: str) -> None: ...
    def stop(self) -> None: ...


class GenerationSuite(Suite[Results]):
    """The benchmark of settings of text generation.

    With a ``goal``, settings are first searched on half of the prompts; the winner and the plan's settings are then
    compared on the other half.

    Args:
        plan: what is compared.
        goal: what is searched for; None for no search.
        display: told of progress.
        threads: of torch; the plan's choice when None.

    Raises:
        UserError: the plan does not fit the model, or there is nothing to search for.
    """

    kind = KIND
    packages = PACKAGES

    def __init__(self, plan: Plan, goal: Goal | None, display: Display, threads: int | None = None) -> None:
        if goal:
            check_goal(goal, plan)
        check_plan(plan)
        self._plan, self._goal, self._display, self._threads = plan, goal, display, threads

    @classmethod
    def from_lock(cls, lock: Lock) -> GenerationSuite:
        asked = lock["resolved"]
        goal = Goal(**asked["goal"]) if asked["goal"] else None
        return cls(resolve(parse_spec(asked["spec"], "lock")), goal, Quiet(), asked["threads"])

    @cached_property
    def _writer(self) -> Writer:
        return load_writer(self._plan, self._threads)

    @cached_property
    def _scorer(self) -> Scorer:
        return load_scorer(self._plan)

    @staticmethod
    def named(resolved: Mapping[str, Any]) -> list[Named]:
        return named_models(resolved["spec"])

    def asked(self) -> dict[str, Any]:
        return asked(self._plan, self._goal)

    def resolved(self) -> dict[str, Any]:
        """Return everything that fixes samples and scores: where it is equal, kept samples are used again."""
        plan, engine = self._plan, self._writer.engine
        longest = max(len(self._writer.prompt_ids(p.text)) for p in plan.prompts)
        rows = engine.rows_for(longest + max(s.decoding.max_new_tokens for s in plan.settings))
        content = {
            "model": {k: v for k, v in asdict(self._writer.facts).items() if k != "folder"},
            "scorer": asdict(self._scorer.facts),
            "seed": plan.spec.seed,
            "rows": rows,
            "chunk": min(4 * rows, LARGEST_CHUNK),
            "threads": self._writer.threads,
            "device": self._writer.model.device.type,
            "slower": self._writer.slower,
            "kiwi": require_kiwi() if plan.spec.korean else None,
        }
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return {**self.asked(), **plain}

    def measure(self, folder: Path, lock: Lock, notify: Notify) -> Results:
        with cpu_threads(self._writer.threads):
            return self._measure(folder, lock, notify)

    def _measure(self, folder: Path, lock: Lock, notify: Notify) -> Results:
        plan, writer, scorer, display = self._plan, self._writer, self._scorer, self._display
        notify(writer.described())
        tuning = _complete_tuning(plan, writer, scorer, self._goal, folder / TUNING, display) if self._goal else None
        plan = confirmation_plan(plan, tuning) if tuning else plan
        samples = _complete_samples(plan, writer, folder / SAMPLES, lock["resolved"]["chunk"], display)
        notify(tr("Scoring texts"))
        results = evaluate(plan, writer, scorer, samples, lock)
        speeds, side_by_side = _complete_speed(plan, writer, folder / SPEED, display)
        notify(tr("Writing the report"))
        return replace(results, speeds=speeds, side_by_side=side_by_side, tuning=tuning)

    def write(self, folder: Path, results: Results) -> list[str]:
        write_results(folder / RESULTS, results)
        return [name for name in (SAMPLES, RESULTS, SPEED, TUNING) if (folder / name).is_file()]

    def notes(self, results: Results) -> dict[str, Any]:
        return {"winner": asdict(results.tuning.best.decoding)} if results.tuning else {}

    def document(self, results: Results) -> Document:
        from benchmarks.generation.report.report import make_generation_document

        return make_generation_document(results)

    def differences(self, folder: Path, lock: Lock) -> list[str]:
        """Make samples and scores again; speed is not repeated."""
        with cpu_threads(self._writer.threads):
            return self._differences(folder, lock)

    def _differences(self, folder: Path, lock: Lock) -> list[str]:
        from benchmarks.generation.differences import differing_figures, differing_samples, differing_trials

        plan, found = self._plan, []
        if self._goal:
            tuning = search(plan, self._writer, self._scorer, self._goal)
            kept = Tuning.from_json(json.loads((folder / TUNING).read_text(encoding="utf-8")))
            found += differing_trials(kept, tuning)
            plan = confirmation_plan(plan, tuning)
        places, chunk = slots(plan), lock["resolved"]["chunk"]
        made = [
            sample
            for begin in range(0, len(places), chunk)
            for sample in make_samples(plan, self._writer, places[begin : begin + chunk], self._display)
        ]
        results = evaluate(plan, self._writer, self._scorer, made, lock)
        kept_samples = read_samples(folder / SAMPLES)
        return [*found, *differing_samples(kept_samples, made), *differing_figures(folder / RESULTS, results)]


def run(plan: Plan, folder: Path, display: Display, goal: Goal | None = None) -> Results:
    """Run the benchmark in a folder, see ``run_suite``."""
    return run_suite(GenerationSuite(plan, goal, display), folder, display.notify)


def make_samples(plan: Plan, writer: Writer, places: Sequence[Slot], display: Display) -> list[Sample]:
    """Make one chunk of samples."""
    return writer.write(plan, places, display.step)


def _complete_samples(plan: Plan, writer: Writer, path: Path, chunk: int, display: Display) -> list[Sample]:
    """Make the missing samples, in fixed chunks, so that a run in two parts gives the same bytes as a run in one."""
    places = slots(plan)
    kept = read_samples(path)
    whole = len(kept) if len(kept) == len(places) else len(kept) // chunk * chunk
    kept = kept[:whole]
    if path.is_file():  # without what an interruption left behind
        temporary = path.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        append_samples(temporary, kept)
        temporary.replace(path)
    display.start(tr("Samples"), len(places), whole)
    try:
        for begin in range(whole, len(places), chunk):
            made = make_samples(plan, writer, places[begin : begin + chunk], display)
            append_samples(path, made)
            kept += made
    finally:
        display.stop()
    return kept


def _complete_tuning(plan: Plan, writer: Writer, scorer: Scorer, goal: Goal, path: Path, display: Display) -> Tuning:
    """Continue the search from the trials that an earlier call kept."""
    kept = Tuning.from_json(json.loads(path.read_text(encoding="utf-8"))).trials if path.is_file() else ()
    display.start(tr("Trials"), goal.trials, len(kept))

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
    """Measure the missing speeds and return them with those that an earlier call kept."""
    if plan.spec.speed.repeats == 0:
        return (), None
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"settings": [], "side_by_side": None}
    display.start(tr("Speeds"), len(plan.settings) + 1, len(kept["settings"]) + (kept["side_by_side"] is not None))
    try:
        for setting in plan.settings[len(kept["settings"]) :]:
            kept["settings"].append(asdict(setting_speed(writer, plan, setting)))
            write_json(path, kept)
            display.step(0, 1)
        if kept["side_by_side"] is None and writer.slower is None:
            kept["side_by_side"] = asdict(compare_with_loop(writer, plan))
            write_json(path, kept)
            display.step(0, 1)
    finally:
        display.stop()
    together = kept["side_by_side"]
    return tuple(Speed(**s) for s in kept["settings"]), None if together is None else SideBySide(**together)
