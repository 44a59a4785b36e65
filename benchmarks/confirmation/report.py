"""The report of a benchmark of confirmation: how often a winner is called better, by what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.confirmation.run import ConfirmationResults
from benchmarks.confirmation.simulate import Simulated, wilson
from benchmarks.confirmation.spec import CASES, NOISE, PLANTED
from benchmarks.harness.provenance import provenance_facts
from tunelab.documents.blocks import Cell, Code, Document, Section, Table, Text
from tunelab.report.figures import interval_figure

ALLOWED = 0.05  # of sweeps on noise may call their winner better


def make_confirmation_document(results: ConfirmationResults) -> Document:
    """Return the report; the same sweeps always give the same report."""
    spec, provenance = results.spec, results.lock["provenance"]
    cases = [case for case in CASES if spec.count(case)]
    sections = [
        Section("Verdict", [Text(verdict(results.sweeps))]),
        *(_case_section(case, [s for s in results.sweeps if s.case == case]) for case in cases),
        Section("How it was measured", [Text(_how(results))]),
        Section(
            "Repeat it",
            [Code(provenance["command"]), Text("To see that it gives the same: tunelab bench verify FOLDER")],
        ),
    ]
    facts: dict[str, Cell] = {
        **provenance_facts(provenance),
        **{f"data digest of {task}": digest for task, digest in results.lock["resolved"]["data"].items()},
    }
    subtitle = f"{len(results.sweeps)} simulated sweeps on {', '.join(spec.tasks)}."
    return Document("What a confirmation is worth", subtitle, sections, facts)


def verdict(sweeps: Sequence[Simulated]) -> str:
    """Return the outcome in a sentence or two."""
    noise = [s for s in sweeps if s.case == NOISE]
    wrong = sum(s.better for s in noise)
    low, high = wilson(wrong, len(noise))
    by_task = [[s.better for s in noise if s.task == task] for task in dict.fromkeys(s.task for s in noise)]
    holds = "at most" if all(np.mean(some) <= ALLOWED for some in by_task) else "MORE THAN"
    text = (
        f"Where labels are noise, {wrong} of {len(noise)} sweeps called their winner better ({_percent(wrong, noise)}, "
        f"95 % interval {100 * low:.1f} to {100 * high:.1f} %): {holds} {100 * ALLOWED:.0f} % on every task."
    )
    found = [(case, [s for s in sweeps if s.case == case]) for case in PLANTED]
    powers = [f"{_percent(sum(s.better for s in some), some)} with a {case}" for case, some in found if some]
    return (
        f"{text} Where better ones were planted, the winner was called better in {', '.join(powers)}."
        if powers
        else text
    )


def _percent(count: int, of: Sequence[Simulated]) -> str:
    return f"{100 * count / len(of):.1f} %"


def _case_section(case: str, sweeps: Sequence[Simulated]) -> Section:
    columns = [
        *("task", "sweeps", "the search met a lower loss, %", "better over seeds, %", "over seeds and rows, %"),
        *("called better, %", "95 % interval from", "to", "reference, mean val_loss", "winner", "a constant"),
    ]
    rows: list[list[Cell]] = []
    intervals = []
    for task in dict.fromkeys(s.task for s in sweeps):
        some = [s for s in sweeps if s.task == task]
        better = sum(s.better for s in some)
        low, high = (100 * share for share in wilson(better, len(some)))
        stages = ([s.searched_better for s in some], [s.seeds_better for s in some], [s.rows_better for s in some])
        losses = ([s.reference for s in some], [s.winner for s in some], [s.constant for s in some])
        shares = [100 * float(np.mean(stage)) for stage in stages]
        rows.append(
            [task, len(some), *shares, 100 * better / len(some), low, high, *(float(np.nanmean(v)) for v in losses)]
        )
        intervals.append((task, 100 * better / len(some), low, high))
    texts = {
        NOISE: "Labels are shuffled: nothing can be learned, and every winner called better is a false positive.",
        **{
            case: f"The reference is made worse ({_changes(case)}), so that better ones are easy to find."
            for case in PLANTED
        },
    }
    figure = interval_figure(intervals, "winners called better, %", "Share of sweeps, with its 95 % interval (Wilson).")
    return Section(case[0].upper() + case[1:], [Text(texts[case]), figure, Table(columns, rows)])


def _changes(case: str) -> str:
    return ", ".join(f"{name}={value}" for name, value in PLANTED[case].items())


def _how(results: ConfirmationResults) -> str:
    spec = results.spec
    return (
        f"Each sweep runs without Ray: {spec.trials} trials of at most {spec.max_epochs} epochs, the reference "
        "first, proposed by TPE, stopped by the platform's own rungs from the first epoch on, trained by the task's "
        f"own fit in one process, one after another. The {spec.top} best and the reference are then trained on "
        f"{spec.seeds} fresh seeds, and judged by the code that judges a user's sweep. On noise, the targets of "
        "training and validation rows are shuffled again for each sweep."
    )
