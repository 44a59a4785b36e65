"""The results of a run: samples scored, measured and compared; what reports show and ``results.csv`` holds."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.generation.decoding.samples import Sample
from benchmarks.generation.measure.optimize import Tuning
from benchmarks.generation.measure.speed import SideBySide, Speed
from benchmarks.generation.measure.writer import Writer, score
from benchmarks.generation.plan.spec import HUMAN, Plan
from benchmarks.generation.scoring.quality import HUMAN_PAIRED, QualityTable, Scored, measure
from benchmarks.generation.scoring.scorer import Scorer, ScorerFacts
from benchmarks.generation.scoring.statistics import Comparison, compare
from trainables.base.text.language_models.language_model import ModelFacts

NEAR_HUMAN = ("human_distance", "human_gap", "scorer_distance", "scorer_gap")


@dataclass(frozen=True)
class Results:
    """All that a report shows.

    Attributes:
        plan: what was asked.
        lock: what fixed it, see ``benchmarks.harness.lockfile``.
        model, scorer: facts.
        scored: samples in plan order, the human texts last.
        table: all prompts.
        human_table: the prompts with a human continuation, human row included; None without such prompts.
        comparisons: against the baseline, on all prompts; nearness to human text on those where it is known.
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
        """Return a setting's metrics over all prompts, with its nearness to human text on the prompts that have one."""
        figures = dict(self.table.row(setting).figures)
        if self.human_table:
            own = self.human_table.row(setting).figures
            figures |= {name: own[name] for name in NEAR_HUMAN}
        return figures


def evaluate(plan: Plan, writer: Writer, scorer: Scorer, samples: Sequence[Sample], lock: Mapping[str, Any]) -> Results:
    """Return scores, tables and statistics of complete samples; no speed."""
    scored = score(writer, scorer, plan, [*samples, *writer.human_samples(plan)])
    known = [i for i, prompt in enumerate(plan.prompts) if prompt.reference]
    table = measure([s for s in scored if s.sample.setting != HUMAN], range(len(plan.prompts)), plan.common_tokens)
    human_table = measure(scored, known, plan.common_tokens) if known else None
    comparisons = compare(table, plan.baseline, plan.spec.seed)
    if human_table:
        comparisons += compare(human_table, plan.baseline, plan.spec.seed, HUMAN_PAIRED)
    return Results(
        plan=plan,
        lock=lock,
        model=writer.facts,
        scorer=scorer.facts,
        scored=tuple(scored),
        table=table,
        human_table=human_table,
        comparisons=tuple(comparisons),
        speeds=(),
        side_by_side=None,
    )


def write_results(path: Path, results: Results) -> None:
    """One line a setting: parameters, metrics over all prompts, nearness to human text, speed; last the human text."""
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
