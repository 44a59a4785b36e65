"""One run of the benchmark: samples in chunks that survive an interruption, then scores, statistics, speed, report."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch

from benchmarks.generation.goal import Goal, check_goal
from benchmarks.generation.optimize import Tuning, confirmation_plan, search
from benchmarks.generation.quality import HUMAN, QualityTable, Scored, measure
from benchmarks.generation.samples import Sample, Slot, append_samples, read_samples, slots
from benchmarks.generation.scorer import Scorer, ScorerFacts, load_scorer
from benchmarks.generation.spec import Plan
from benchmarks.generation.speed import SideBySide, Speed, compare_with_loop, measure_speed
from benchmarks.generation.statistics import Comparison, compare
from benchmarks.generation.writer import Writer, check_plan, load_writer, score
from benchmarks.lockfile import NAME, SCHEMA, provenance, read_lock, sha256_file, write_lock
from search_spaces.errors import UserError
from trainables.base.language_model import ModelFacts

SAMPLES, RESULTS, SPEED, TUNING = "samples.jsonl", "results.csv", "speed.json", "tuning.json"
REPORT_HTML, REPORT_MD = "report.html", "report.md"
LARGEST_CHUNK = 512  # samples made between two writes
DECIDING = ("torch", "transformers", "tokenizers", "numpy")  # versions under which a run may go on


class Display(Protocol):
    """What a run tells while it goes."""

    def start(self, total: int, done: int) -> None: ...
    def step(self, tokens: int, finished: int) -> None: ...
    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Results:
    """All that a report shows.

    Attributes:
        plan: what was asked.
        lock: what fixed it, see ``benchmarks.lockfile``.
        model, scorer: facts.
        scored: samples in plan order, the human texts last.
        table: all prompts.
        human_table: the prompts with a human continuation, human row included; None without such prompts.
        comparisons: against the baseline, on all prompts.
        speeds, side_by_side: empty and None when speed is left out.
        tuning: the search that the winner comes from; None without one.
    """

    plan: Plan
    lock: Mapping[str, Any]
    model: ModelFacts
    scorer: ScorerFacts
    scored: tuple[Scored, ...]
    table: QualityTable
    human_table: QualityTable | None
    comparisons: tuple[Comparison, ...]
    speeds: tuple[Speed, ...]
    side_by_side: SideBySide | None
    tuning: Tuning | None = None

    def figures(self, setting: str) -> dict[str, float]:
        """A setting's metrics over all prompts, with its distances to human text on the prompts that have one."""
        figures = dict(self.table.row(setting).figures)
        if self.human_table:
            own = self.human_table.row(setting).figures
            figures |= {name: own[name] for name in ("human_distance", "scorer_distance")}
        return figures


def run(plan: Plan, folder: Path, display: Display, goal: Goal | None = None) -> Results:
    """Runs what is not yet done in ``folder`` and writes results, lock and report.

    With a ``goal``, settings are first searched on half of the prompts; the winner and the plan's settings are then
    compared on the other half.

    Raises:
        UserError: the plan does not fit the model, or the folder holds another benchmark.
        KeyboardInterrupt: samples made so far are kept; the same call goes on from them.
    """
    if goal:
        check_goal(goal, plan)
    check_plan(plan)
    writer, scorer = load_writer(plan), load_scorer(plan.spec.scorer)
    lock = _open(folder, resolved(plan, writer, scorer, goal))
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
    facts = {k: v for k, v in asdict(writer.facts).items() if k != "folder"}
    content = {
        "spec": plan.spec.model_dump(),
        "prompts": [{**asdict(p), "sha256": p.sha256} for p in plan.prompts],
        "settings": [{"name": s.name, **s.decoding.as_dict()} for s in plan.settings],
        "baseline": plan.baseline,
        "goal": asdict(goal) if goal else None,
        "model": facts,
        "scorer": asdict(scorer.facts),
        "seed": plan.spec.seed,
        "rows": rows,
        "chunk": min(4 * rows, LARGEST_CHUNK),
        "threads": torch.get_num_threads(),
        "device": writer.model.device.type,
    }
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def make_samples(plan: Plan, writer: Writer, places: Sequence[Slot], display: Display) -> list[Sample]:
    """One chunk of samples."""
    return writer.write(plan, places, display.step)


def evaluate(plan: Plan, writer: Writer, scorer: Scorer, samples: Sequence[Sample], lock: Mapping[str, Any]) -> Results:
    """Scores, tables and statistics of complete samples; no speed."""
    scored = score(writer, scorer, plan, [*samples, *writer.human_samples(plan)])
    known = [i for i, prompt in enumerate(plan.prompts) if prompt.reference]
    table = measure([s for s in scored if s.sample.setting != HUMAN], range(len(plan.prompts)))
    return Results(
        plan=plan,
        lock=lock,
        model=writer.facts,
        scorer=scorer.facts,
        scored=tuple(scored),
        table=table,
        human_table=measure(scored, known) if known else None,
        comparisons=tuple(compare(table, plan.baseline, plan.spec.seed)),
        speeds=(),
        side_by_side=None,
    )


def _open(folder: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """The folder's lock: a new one, or the one that a run was interrupted under."""
    if (folder / NAME).is_file():
        lock = read_lock(folder)
        if lock["kind"] != "generation" or lock["resolved"] != wanted:
            raise UserError(
                f"The folder '{folder}' holds another benchmark ({_first_difference(lock['resolved'], wanted)}). "
                f"Choose another folder with --output."
            )
        now = provenance()["versions"]
        changed = [p for p in DECIDING if now.get(p) != lock["provenance"]["versions"].get(p)]
        if changed:
            raise UserError(
                f"The run in '{folder}' was begun with other versions of {', '.join(changed)}. "
                f"Go on with those, or choose another folder with --output."
            )
        return lock
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"The folder '{folder}' is not empty and holds no benchmark. Choose another with --output.")
    folder.mkdir(parents=True, exist_ok=True)
    lock = {
        "kind": "generation",
        "schema": SCHEMA,
        "status": "running",
        "provenance": provenance(),
        "resolved": wanted,
        "results": {},
    }
    write_lock(folder, lock)
    return lock


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
    display.start(len(places), whole)
    try:
        for begin in range(whole, len(places), chunk):
            made = make_samples(plan, writer, places[begin : begin + chunk], display)
            append_samples(path, made)
            kept += made
    finally:
        display.stop()
    return kept


def _complete_tuning(plan: Plan, writer: Writer, scorer: Scorer, goal: Goal, path: Path, display: Display) -> Tuning:
    """The search, or what an earlier call kept of it."""
    if path.is_file():
        return Tuning.of_json(json.loads(path.read_text(encoding="utf-8")))

    def say(done: int) -> None:
        display.say(f"Searching for a small {goal.objective}: {done} of {goal.trials} trials")

    tuning = search(plan, writer, scorer, goal, say)
    path.write_text(json.dumps(asdict(tuning), indent=1) + "\n", encoding="utf-8")
    return tuning


def _complete_speed(
    plan: Plan, writer: Writer, path: Path, display: Display
) -> tuple[tuple[Speed, ...], SideBySide | None]:
    if plan.spec.speed.repeats == 0:
        return (), None
    if not path.is_file():
        speeds = measure_speed(writer, plan, lambda name: display.say(f"Measuring speed: {name}"))
        display.say("Measuring speed: against the loop of generate")
        content = {"settings": [asdict(s) for s in speeds], "side_by_side": asdict(compare_with_loop(writer, plan))}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    kept = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Speed(**s) for s in kept["settings"]), SideBySide(**kept["side_by_side"])


def _finish(folder: Path, results: Results) -> Results:
    from benchmarks.generation.report import write_reports

    write_results(folder / RESULTS, results)
    names = [n for n in (SAMPLES, RESULTS, SPEED, TUNING) if (folder / n).is_file()]
    digests = {name: sha256_file(folder / name) for name in names}
    lock = {**results.lock, "status": "complete", "results": digests}
    final = replace(results, lock=lock)
    write_reports(folder, final)
    write_lock(folder, lock)
    return final


def write_results(path: Path, results: Results) -> None:
    """One line a setting: parameters, metrics over all prompts, distances to human text, speed."""
    speeds = {s.setting: asdict(s) for s in results.speeds}
    lines: list[dict[str, Any]] = []
    for setting in results.plan.settings:
        speed = {k: v for k, v in speeds.get(setting.name, {}).items() if k != "setting"}
        texts = results.table.row(setting.name).texts
        line = {"setting": setting.name, **setting.decoding.as_dict(), "texts": texts}
        lines.append(line | results.figures(setting.name) | speed)
    if results.human_table and results.human_table.human:
        human = results.human_table.human
        lines.append({"setting": HUMAN, "texts": human.texts, **human.figures})
    columns = list(dict.fromkeys(key for line in lines for key in line))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows({k: "" if v != v else v for k, v in line.items()} for line in lines)


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Names the first entry that differs, for people."""
    for key in new:
        if old.get(key) != new[key]:
            if isinstance(new[key], dict) and isinstance(old.get(key), dict):
                return f"{key}: {_first_difference(old[key], new[key])}"
            return f"'{key}' differs"
    return "the file is of another version"
