"""The report of the speed benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.harness.provenance import provenance_facts
from benchmarks.speed.contest import OURS, Ranking, Run, rank_competitors
from benchmarks.speed.control import WINDOW, Control
from benchmarks.speed.proposing import Proposing
from benchmarks.speed.run import Results
from tunelab.documents.blocks import Block, Cell, Document, Figure, Items, Section, Table, Text
from tunelab.records.text import format_number

COLUMNS = (
    *("competitor", "wall s", "ratio", "lowest", "highest", "epochs", "ms/epoch", "ratio/epoch", "CPU s"),
    *("processes", "first epoch s", "efficiency"),
)
HELPS = {
    "wall s": "whole command, start to exit; median of the rounds",
    "ratio": "wall time over ours of the same round; median. Above 1 is slower than ours",
    "lowest": "lowest of the rounds' ratios",
    "highest": "highest of the rounds' ratios",
    "epochs": "trained by all trials; early stopping decides in the order in which results come, so they differ",
    "ms/epoch": "wall time over epochs",
    "ratio/epoch": "ratio of wall time per epoch to ours: for work that came out unequal",
    "CPU s": "user and system, of all processes that the command started",
    "processes": "that the command started",
    "first epoch s": "command to the end of the first epoch",
    "efficiency": "training seconds over search seconds x workers",
}


def make_speed_document(results: Results) -> Document:
    """Return the whole report."""
    request = results.request
    sections = [Section("Findings", [Items(findings(results))])]
    for (task, trials), runs in results.runs.items():
        sections.append(_contest_section(task, trials, runs, request.max_epochs, request.concurrency))
    if results.controls:
        sections.append(_control_section(results.controls, results.proposing))
    if results.loops:
        sections.append(_loops_section(results))
    rounds = f"{request.rounds} {'round' if request.rounds == 1 else 'rounds'}"
    subtitle = f"{', '.join(request.tasks)}; {rounds}, {request.concurrency} trials at once, {request.device}"
    return Document("Speed of sweeps", subtitle, sections, provenance_facts(results.lock["provenance"]))


def findings(results: Results) -> list[str]:
    """State how much longer than ours each competitor took, and what was left out."""
    texts = []
    for (task, trials), runs in results.runs.items():
        table = {s.competitor.key: s for s in rank_competitors(runs, results.request.concurrency)}
        ours = table.get(OURS.key)
        if ours is None:
            continue
        texts += [_against_ours(task, trials, s) for s in table.values() if s is not ours]
        texts.append(
            f"{task}, {trials} trials: tunelab's first epoch is over after {_three(ours.start_seconds)} s, and its "
            f"workers train {_three(100 * ours.efficiency)} % of the search's time."
        )
    return [*texts, *results.left_out]


def _against_ours(task: str, trials: int, other: Ranking) -> str:
    low, high = map(_three, other.spread)
    return (
        f"{task}, {trials} trials: {other.competitor.title} takes {_three(other.ratio)} times as long as tunelab with "
        f"everything on ({low} to {high}), {_three(other.epoch_ratio)} times per epoch."
    )


def _three(value: float) -> str:
    return format_number(value, 3)


def _contest_section(task: str, trials: int, runs: list[Run], max_epochs: int, concurrency: int) -> Section:
    table = rank_competitors(runs, concurrency)
    intro = (
        f"The same {trials} random configurations for all, at most {max_epochs} epochs each, stopped early by each "
        "competitor's own successive halving. tunelab's time includes what the others leave out: baselines, the test "
        "split, figures and the model in the registry."
    )
    marked = tuple(i for i, s in enumerate(table) if s.competitor == OURS)
    rows = [_row(s) for s in table]
    by_competitor = [(s.competitor, s.competitor.title) for s in reversed(table)]
    walls = [(name, [r.cost.wall_seconds for r in runs if r.competitor == who]) for who, name in by_competitor]
    contest = Table(COLUMNS, rows, marked=marked, digits=3, helps=HELPS)
    return Section(f"{task}, {trials} trials", [Text(intro), contest, _walls_figure(walls)])


def _walls_figure(walls: Sequence[tuple[str, Sequence[float]]]) -> Figure:
    """Wall seconds of each round, a line of points for each competitor; the last is on top."""
    traces = [
        {
            **{"type": "scatter", "mode": "markers", "showlegend": False, "marker": {"size": 10}},
            **{"x": list(seconds), "y": [name] * len(seconds)},
        }
        for name, seconds in walls
    ]
    layout = {
        "xaxis": {"title": {"text": "wall seconds, each round"}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "categoryorder": "array", "categoryarray": [name for name, _ in walls]},
    }
    return Figure(traces, layout, "Wall time of each round.", height=80 + 45 * len(walls))


def _row(s: Ranking) -> list[Cell]:
    return [
        *(s.competitor.title, s.wall_seconds, s.ratio, *s.spread, round(s.epochs), s.ms_per_epoch, s.epoch_ratio),
        *(s.cpu_seconds, round(s.processes), _known(s.start_seconds), _known(s.efficiency)),
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _control_section(controls: Sequence[Control], proposing: Sequence[Proposing]) -> Section:
    intro = (
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
        *("tracking", "trials", "ms/trial", "first", "last", "driver CPU ms/trial", "memory kB/trial"),
        "disk kB/trial",
    )
    helps = {"first": f"driver CPU, trials {WINDOW} to {2 * WINDOW}", "last": f"driver CPU, the last {WINDOW} trials"}
    blocks: list[Block] = [Text(intro), Table(columns, rows, digits=3, helps=helps), _control_figure(controls)]
    if proposing:
        caption = "One proposal of TPE, asked and told: CPU time by trials known"
        blocks.append(Table(("trials", "ms/trial"), [[p.trials, p.ms] for p in proposing], caption, digits=3))
    return Section("Control", blocks)


def _tracking(control: Control) -> str:
    return "MLflow on" if control.tracked else "MLflow off"


def _control_figure(controls: Sequence[Control]) -> Figure:
    traces: list[dict[str, Any]] = []
    for c in controls:
        at = [WINDOW * (i + 2) for i in range(len(c.ms_by_window))]
        line = {"type": "scatter", "x": at}
        traces.append({**line, "y": list(c.ms_by_window), "mode": "lines+markers", "name": f"{_tracking(c)}, wall"})
        cpu = {"mode": "lines", "line": {"dash": "dot"}, "name": f"{_tracking(c)}, driver CPU"}
        traces.append({**line, "y": list(c.cpu_ms_by_window), **cpu})
    layout = {
        "xaxis": {"title": {"text": "trials done"}},
        "yaxis": {"title": {"text": "ms per trial"}, "rangemode": "tozero"},
    }
    return Figure(traces, layout, f"Control per trial, mean of {WINDOW} trials: wall time, and CPU time of the driver.")


def _loops_section(results: Results) -> Section:
    intro = "One epoch on one thread; ratios are to the DataLoader loop, with their quartiles."
    rows: list[list[Cell]] = [
        [workload, t.way, t.median_ms, t.ratio, *t.quartiles]
        for workload, timings in results.loops.items()
        for t in timings
    ]
    table = Table(("workload", "loop", "ms", "ratio", "lower", "upper"), rows, digits=3)
    return Section("The training loop alone", [Text(intro), table])
