"""The report of the speed benchmark."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from benchmarks.harness.provenance import provenance_facts
from benchmarks.speed.contest import OURS, Ranking, Run, rank_competitors
from benchmarks.speed.control import WINDOW, Control
from benchmarks.speed.proposing import Proposing
from benchmarks.speed.run import Results
from tunelab.documents.blocks import Block, Cell, Document, Figure, Items, Section, Table, Text
from tunelab.records.text import format_number
from tunelab.system.language import tr, tr_plural

NAME_LETTERS = 24  # of a line of a competitor's name beside its points: a phone has room for both


def make_speed_document(results: Results) -> Document:
    """Return the whole report."""
    request = results.request
    sections = [Section(tr("Findings"), [Items(findings(results))])]
    for (task, trials), runs in results.runs.items():
        sections.append(_contest_section(task, trials, runs, request.max_epochs, request.concurrency))
    if results.controls:
        sections.append(_control_section(results.controls, results.proposing))
    if results.loops:
        sections.append(_loops_section(results))
    subtitle = tr(
        "{tasks}; rounds: {rounds}, trials at once: {concurrency}, {device}",
        tasks=", ".join(request.tasks),
        rounds=request.rounds,
        concurrency=request.concurrency,
        device=request.device,
    )
    return Document(tr("Speed of sweeps"), subtitle, sections, provenance_facts(results.lock["provenance"]))


def findings(results: Results) -> list[str]:
    """State how much longer than ours each competitor took, and what was left out."""
    texts = []
    for (task, trials), runs in results.runs.items():
        table = {s.competitor.key: s for s in rank_competitors(runs, results.request.concurrency)}
        ours = table.get(OURS.key)
        if ours is None:
            continue
        texts += [_against_ours(task, trials, s) for s in table.values() if s is not ours]
        text = tr(
            "{contest}: tunelab's first epoch is over after {seconds} s, and its workers train {share} % of the "
            "search's time.",
            contest=_contest_name(task, trials),
            seconds=_three(ours.start_seconds),
            share=_three(100 * ours.efficiency),
        )
        texts.append(text)
    return [*texts, *results.left_out]


def _against_ours(task: str, trials: int, other: Ranking) -> str:
    low, high = map(_three, other.spread)
    return tr(
        "{contest}: {ratio} times the wall time of tunelab ({low} to {high} over the rounds; {epoch} times per epoch) "
        "for {competitor}.",
        contest=_contest_name(task, trials),
        competitor=other.competitor.title,
        ratio=_three(other.ratio),
        low=low,
        high=high,
        epoch=_three(other.epoch_ratio),
    )


def _contest_name(task: str, trials: int) -> str:
    return tr_plural("{task}, {trials} trial", "{task}, {trials} trials", trials, task=task, trials=trials)


def _three(value: float) -> str:
    return format_number(value, 3)


def _contest_section(task: str, trials: int, runs: list[Run], max_epochs: int, concurrency: int) -> Section:
    table = rank_competitors(runs, concurrency)
    intro = tr(
        "The same {trials} random configurations for all, at most {epochs} epochs each, stopped early by each "
        "competitor's own successive halving. tunelab's time includes what the others leave out: baselines, the test "
        "split, figures and the model in the registry.",
        trials=trials,
        epochs=max_epochs,
    )
    marked = tuple(i for i, s in enumerate(table) if s.competitor == OURS)
    rows = [_row(s) for s in table]
    by_competitor = [(s.competitor, s.competitor.title) for s in reversed(table)]
    walls = [(name, [r.cost.wall_seconds for r in runs if r.competitor == who]) for who, name in by_competitor]
    meanings = _column_meanings()
    contest = Table((tr("competitor"), *meanings), rows, marked=marked, digits=3, helps=meanings)
    title = _contest_name(task, trials)
    return Section(title, [Text(intro), contest, _walls_figure(walls)])


def _column_meanings() -> dict[str, str]:
    """Return what the columns of a contest mean, in the order of ``_row``, without the competitor's name."""
    return {
        tr("wall s"): tr("whole command, start to exit; median of the rounds"),
        tr("ratio"): tr("wall time over ours of the same round; median. Above 1 is slower than ours"),
        tr("lowest ratio"): tr("lowest of the rounds' ratios"),
        tr("highest ratio"): tr("highest of the rounds' ratios"),
        tr("epochs"): tr(
            "trained by all trials; early stopping decides in the order in which results come, so they differ"
        ),
        tr("ms/epoch"): tr("wall time over epochs"),
        tr("ratio/epoch"): tr("ratio of wall time per epoch to ours: for work that came out unequal"),
        tr("CPU s"): tr("user and system, of all processes that the command started"),
        tr("processes"): tr("that the command started"),
        tr("first epoch s"): tr("command to the end of the first epoch"),
        tr("efficiency"): tr("training seconds over search seconds x workers"),
    }


def _walls_figure(walls: Sequence[tuple[str, Sequence[float]]]) -> Figure:
    """Wall seconds of each round, a line of points for each competitor; the last is on top."""
    lines = [(textwrap.fill(name, NAME_LETTERS), seconds) for name, seconds in walls]
    traces = [
        {
            **{"type": "scatter", "mode": "markers", "showlegend": False, "marker": {"size": 10}},
            **{"x": list(seconds), "y": [name] * len(seconds)},
        }
        for name, seconds in lines
    ]
    layout = {
        "xaxis": {"title": {"text": tr("wall seconds, each round")}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "categoryorder": "array", "categoryarray": [name for name, _ in lines]},
    }
    return Figure(traces, layout, tr("Wall time of each round."), height=110 + 50 * len(walls))


def _row(s: Ranking) -> list[Cell]:
    return [
        *(s.competitor.title, s.wall_seconds, s.ratio, *s.spread, round(s.epochs), s.ms_per_epoch, s.epoch_ratio),
        *(s.cpu_seconds, round(s.processes), _known(s.start_seconds), _known(s.efficiency)),
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _control_section(controls: Sequence[Control], proposing: Sequence[Proposing]) -> Section:
    intro = tr(
        "Sweeps of a task that trains in no time: what is left is proposing, reporting, deciding, journal and "
        "tracking, all slots together."
    )
    rows: list[list[Cell]] = [
        [
            *(_tracking(c), c.trials, sum(c.ms_by_window) / len(c.ms_by_window), c.cpu_ms_by_window[0]),
            *(c.cpu_ms_by_window[-1], c.driver_cpu_ms, c.memory_kb, c.disk_kb),
        ]
        for c in controls
    ]
    columns = (
        *(
            tr("tracking"),
            tr("trials"),
            tr("ms/trial"),
            tr("first trials"),
            tr("last trials"),
            tr("driver CPU ms/trial"),
        ),
        *(tr("memory kB/trial"), tr("disk kB/trial")),
    )
    helps = {
        tr("first trials"): tr("driver CPU, trials {low} to {high}", low=WINDOW, high=2 * WINDOW),
        tr("last trials"): tr("driver CPU, the last {count} trials", count=WINDOW),
    }
    blocks: list[Block] = [Text(intro), Table(columns, rows, digits=3, helps=helps), _control_figure(controls)]
    if proposing:
        caption = tr("One proposal of TPE, asked and told: CPU time by trials known")
        blocks.append(Table((tr("trials"), tr("ms/trial")), [[p.trials, p.ms] for p in proposing], caption, digits=3))
    return Section(tr("Control"), blocks)


def _tracking(control: Control) -> str:
    return tr("MLflow on") if control.tracked else tr("MLflow off")


def _control_figure(controls: Sequence[Control]) -> Figure:
    traces: list[dict[str, Any]] = []
    for c in controls:
        line = {"type": "scatter", "x": [WINDOW * (i + 2) for i in range(len(c.ms_by_window))]}
        wall, cpu = tr("{tracking}, wall", tracking=_tracking(c)), tr("{tracking}, driver CPU", tracking=_tracking(c))
        traces.append({**line, "y": list(c.ms_by_window), "mode": "lines+markers", "name": wall})
        dotted = {"mode": "lines", "line": {"dash": "dot"}, "name": cpu}
        traces.append({**line, "y": list(c.cpu_ms_by_window), **dotted})
    layout = {
        "xaxis": {"title": {"text": tr("trials done")}},
        "yaxis": {"title": {"text": tr("ms per trial")}, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    caption = tr("Control per trial, mean of {count} trials: wall time, and CPU time of the driver.", count=WINDOW)
    return Figure(traces, layout, caption)


def _loops_section(results: Results) -> Section:
    intro = tr("One epoch on one thread; ratios are to the DataLoader loop, with their quartiles.")
    rows: list[list[Cell]] = [
        [workload, t.way, t.median_ms, t.ratio, *t.quartiles]
        for workload, timings in results.loops.items()
        for t in timings
    ]
    columns = (tr("workload"), tr("loop"), "ms", tr("ratio"), tr("lower quartile"), tr("upper quartile"))
    return Section(tr("The training loop alone"), [Text(intro), Table(columns, rows, digits=3)])
