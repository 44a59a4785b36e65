"""The report of a benchmark of confirmation: how often a winner is called better, by what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.confirmation.run import ConfirmationResults
from benchmarks.confirmation.simulate import Simulated, wilson
from benchmarks.confirmation.spec import CASES, NOISE, PLANTED
from benchmarks.harness.provenance import digest_facts, provenance_facts, repeat_section
from tunelab.documents.blocks import Cell, Document, Section, Table, Text
from tunelab.report.figures import interval_figure
from tunelab.system.language import tr, tr_term

ALLOWED = 0.05  # of sweeps on noise may call their winner better


def make_confirmation_document(results: ConfirmationResults) -> Document:
    """Return the report; the same sweeps always give the same report."""
    spec, provenance = results.spec, results.lock["provenance"]
    cases = [case for case in CASES if spec.count(case)]
    sections = [
        Section(tr("Verdict"), [Text(verdict(results.sweeps))]),
        *(_case_section(case, [s for s in results.sweeps if s.case == case]) for case in cases),
        Section(tr("How it was measured"), [Text(_how(results))]),
        repeat_section(provenance["command"]),
    ]
    facts = {**provenance_facts(provenance), **digest_facts(results.lock["resolved"]["data"])}
    subtitle = tr("{count} simulated sweeps on {tasks}.", count=len(results.sweeps), tasks=", ".join(spec.tasks))
    return Document(tr("What a confirmation is worth"), subtitle, sections, facts)


def verdict(sweeps: Sequence[Simulated]) -> str:
    """Return the outcome in a sentence or two."""
    noise = [s for s in sweeps if s.case == NOISE]
    wrong = sum(s.better for s in noise)
    low, high = wilson(wrong, len(noise))
    by_task = [[s.better for s in noise if s.task == task] for task in dict.fromkeys(s.task for s in noise)]
    values = {
        **{"wrong": wrong, "count": len(noise), "percent": _percent(wrong, noise)},
        **{"low": 100 * low, "high": 100 * high, "allowed": 100 * ALLOWED},
    }
    if all(np.mean(some) <= ALLOWED for some in by_task):
        text = tr(
            "Where labels are noise, {wrong} of {count} sweeps called their winner better ({percent}, 95 % interval "
            "{low:.1f} to {high:.1f} %): at most {allowed:.0f} % on every task.",
            **values,
        )
    else:
        text = tr(
            "Where labels are noise, {wrong} of {count} sweeps called their winner better ({percent}, 95 % interval "
            "{low:.1f} to {high:.1f} %): MORE THAN {allowed:.0f} % on a task.",
            **values,
        )
    found = [(case, [s for s in sweeps if s.case == case]) for case in PLANTED]
    powers = [
        tr("{percent} with a {case}", percent=_percent(sum(s.better for s in some), some), case=tr_term(case))
        for case, some in found
        if some
    ]
    if not powers:
        return text
    more = tr("Where better ones were planted, the winner was called better in {shares}.", shares=", ".join(powers))
    return f"{text} {more}"


def _percent(count: int, of: Sequence[Simulated]) -> str:
    return f"{100 * count / len(of):.1f} %"


def _case_section(case: str, sweeps: Sequence[Simulated]) -> Section:
    columns = [
        *(tr("task"), tr("sweeps"), tr("the search met a lower loss, %"), tr("better over seeds, %")),
        *(tr("over seeds and rows, %"), tr("called better, %"), tr("95 % interval from"), tr("to")),
        *(tr("reference, mean val_loss"), tr("winner"), tr("a constant")),
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
    if case == NOISE:
        text = tr("Labels are shuffled: nothing can be learned, and every winner called better is a false positive.")
    else:
        text = tr(
            "The reference is made worse ({changes}), so that better ones are easy to find.", changes=_changes(case)
        )
    caption = tr("Share of sweeps, with its 95 % interval (Wilson).")
    figure = interval_figure(intervals, tr("winners called better, %"), caption)
    title = tr_term(case)
    return Section(title[0].upper() + title[1:], [Text(text), figure, Table(columns, rows)])


def _changes(case: str) -> str:
    return ", ".join(f"{name}={value}" for name, value in PLANTED[case].items())


def _how(results: ConfirmationResults) -> str:
    spec = results.spec
    return tr(
        "Each sweep runs without Ray: {trials} trials of at most {epochs} epochs, the reference first, proposed by "
        "TPE, stopped by the platform's own rungs from the first epoch on, trained by the task's own fit in one "
        "process, one after another. The {top} best and the reference are then trained on {seeds} fresh seeds, and "
        "judged by the code that judges a user's sweep. On noise, the targets of training and validation rows are "
        "shuffled again for each sweep.",
        trials=spec.trials,
        epochs=spec.max_epochs,
        top=spec.top,
        seeds=spec.seeds,
    )
