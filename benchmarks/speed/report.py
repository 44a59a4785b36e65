"""The report of the speed benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from benchmarks.harness.lockfile import provenance_facts
from benchmarks.speed.contest import OURS, Ranking, Run, rank_competitors
from benchmarks.speed.control import WINDOW, Control
from benchmarks.speed.proposing import Proposing
from benchmarks.speed.run import Results
from tunelab.documents.page import Page, number

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


def page(results: Results, provenance: Mapping[str, Any]) -> Page:
    """The whole report."""
    request = results.request
    html = Page(
        "Speed of sweeps",
        subtitle=f"{', '.join(request.tasks)}; {request.rounds} {'round' if request.rounds == 1 else 'rounds'}, "
        f"{request.concurrency} trials at once, {request.device}",
        provenance=provenance_facts(provenance),
    )
    _findings(html, results)
    for (task, trials), runs in results.runs.items():
        _contest(html, task, trials, runs, request.max_epochs, request.concurrency)
    if results.controls:
        _control(html, results.controls, results.proposing)
    if results.loops:
        _loops(html, results)
    return html


def _findings(html: Page, results: Results) -> None:
    section = html.section("Findings")
    texts = []
    for (task, trials), runs in results.runs.items():
        table = {s.competitor.key: s for s in rank_competitors(runs, results.request.concurrency)}
        ours = table.get(OURS.key)
        if ours is None:
            continue
        texts += [
            f"{task}, {trials} trials: {s.competitor.title} takes {number(s.ratio, 3)} times as long as tunelab with "
            f"everything on ({number(s.spread[0], 3)} to {number(s.spread[1], 3)}), {number(s.epoch_ratio, 3)} times "
            "per epoch."
            for s in table.values()
            if s is not ours
        ]
        texts.append(
            f"{task}, {trials} trials: tunelab's first epoch is over after {number(ours.start_seconds, 3)} s, and its "
            f"workers train {number(100 * ours.efficiency, 3)} % of the search's time."
        )
    section.items(texts + results.left_out)


def _contest(html: Page, task: str, trials: int, runs: list[Run], max_epochs: int, concurrency: int) -> None:
    table = rank_competitors(runs, concurrency)
    section = html.section(
        f"{task}, {trials} trials",
        f"The same {trials} random configurations for all, at most {max_epochs} epochs each, stopped early by each "
        "competitor's own successive halving. tunelab's time includes what the others leave out: baselines, the test "
        "split, figures and the model in the registry.",
    )
    rows = [_row(s) for s in table]
    marked = [i for i, s in enumerate(table) if s.competitor == OURS]
    section.table(COLUMNS, rows, marked=marked, digits=3, helps=HELPS)
    names = [s.competitor.title for s in reversed(table)]
    figure = go.Figure()
    for s in reversed(table):
        walls = [r.cost.wall_seconds for r in runs if r.competitor == s.competitor]
        figure.add_scatter(
            x=walls, y=[s.competitor.title] * len(walls), mode="markers", marker={"size": 10}, showlegend=False
        )
    figure.update_xaxes(title="wall seconds, each round", rangemode="tozero")
    figure.update_yaxes(categoryorder="array", categoryarray=names)
    section.figure(figure, "Wall time of each round.", height=80 + 45 * len(names))


def _row(s: Ranking) -> list[Any]:
    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    return [
        *(s.competitor.title, s.wall_seconds, s.ratio, *s.spread, round(s.epochs), s.ms_per_epoch, s.epoch_ratio),
        *(s.cpu_seconds, round(s.processes), known(s.start_seconds), known(s.efficiency)),
    ]


def _control(html: Page, controls: list[Control], proposing: list[Proposing]) -> None:
    section = html.section(
        "Control",
        "Sweeps of a task that trains in no time: what is left is proposing, reporting, deciding, journal and "
        "tracking, all slots together.",
    )
    rows = [
        [
            "MLflow on" if c.tracked else "MLflow off",
            c.trials,
            sum(c.ms_by_window) / len(c.ms_by_window),
            c.cpu_ms_by_window[0],
            c.cpu_ms_by_window[-1],
            c.driver_cpu_ms,
            c.memory_kb,
            c.disk_kb,
        ]
        for c in controls
    ]
    heads = (
        "tracking",
        "trials",
        "ms/trial",
        "first",
        "last",
        "driver CPU ms/trial",
        "memory kB/trial",
        "disk kB/trial",
    )
    helps = {"first": f"driver CPU, trials {WINDOW} to {2 * WINDOW}", "last": f"driver CPU, the last {WINDOW} trials"}
    section.table(heads, rows, digits=3, helps=helps)
    figure = go.Figure()
    for c in controls:
        at = [WINDOW * (i + 2) for i in range(len(c.ms_by_window))]
        name = "MLflow on" if c.tracked else "MLflow off"
        figure.add_scatter(x=at, y=c.ms_by_window, mode="lines+markers", name=f"{name}, wall")
        figure.add_scatter(x=at, y=c.cpu_ms_by_window, mode="lines", line={"dash": "dot"}, name=f"{name}, driver CPU")
    figure.update_xaxes(title="trials done")
    figure.update_yaxes(title="ms per trial", rangemode="tozero")
    section.figure(figure, f"Control per trial, mean of {WINDOW} trials: wall time, and CPU time of the driver.")
    if proposing:
        section.table(
            ("trials", "ms/trial"),
            [[p.trials, p.ms] for p in proposing],
            "One proposal of TPE, asked and told: CPU time by trials known",
            digits=3,
        )


def _loops(html: Page, results: Results) -> None:
    section = html.section(
        "The training loop alone", "One epoch on one thread; ratios are to the DataLoader loop, with their quartiles."
    )
    rows: list[list[Any]] = [
        [workload, t.way, t.median_ms, t.ratio, *t.quartiles]
        for workload, timings in results.loops.items()
        for t in timings
    ]
    section.table(("workload", "loop", "ms", "ratio", "lower", "upper"), rows, digits=3)
