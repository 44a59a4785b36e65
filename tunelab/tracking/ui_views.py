"""Saved views of the MLflow UI that an experiment brings along, and links into it.

A saved view is an experiment tag that MLflow's menu "Views" lists: the state of the runs page as JSON (read off the
page of MLflow 3.17). Older UIs do not know the tag and show their own default.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any
from urllib.parse import quote

from search_spaces.values import label_of
from tunelab.records.result import SweepResult
from tunelab.tracking.descriptions import note_text
from tunelab.tracking.metrics import rival_metrics
from tunelab.tracking.names import stored_names

VIEW_TAG = "mlflow.sharedViewState."
SWEEPS_VIEW, TRIALS_VIEW, COMPARE_VIEW = "tunelab-sweeps", "tunelab-trials", "tunelab-compare"
CHART_VIEWS = (TRIALS_VIEW, COMPARE_VIEW)
COMPARED = ["trials", "max_epochs", "sampler", "scheduler", "seed"]  # settings of a sweep beside its scores
VERDICT = "tags.`tunelab.verdict`"
VERDICT_WIDTH = 260  # pixels
MAX_AXES = 12  # of the parallel coordinates
MAX_AXES_LENGTH = 500  # characters of their names together: the tag holds 5,000, and each name is in it four times
MODELS_SIDE = "workflowType=machine_learning"  # the UI's side for models, not for prompts
DEFAULT_UI = "http://127.0.0.1:5000"


def compare_link(base: str, runs: Sequence[tuple[str, str]]) -> str:
    """Return the address of MLflow's compare page with exactly these runs.

    Args:
        base: of the UI, e.g. ``http://127.0.0.1:5000``.
        runs: (experiment id, run id).
    """
    run_ids = _json([run for _, run in runs])
    experiments = _json(list(dict.fromkeys(experiment for experiment, _ in runs)))
    return f"{base.rstrip('/')}/#/compare-runs?runs={quote(run_ids)}&experiments={quote(experiments)}"


def run_link(base: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page in MLflow's UI."""
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}?{MODELS_SIDE}"


def view_link(base: str, experiment_id: str, view: str) -> str:
    """Return the address of an experiment's runs page in one of the saved views."""
    mode = "CHART" if view in CHART_VIEWS else "TABLE"
    query = f"compareRunsMode={mode}&{MODELS_SIDE}"
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs?viewStateShareKey={view}&{query}"


def experiment_tags(result: SweepResult) -> dict[str, str]:
    """Return what a task's experiment says of itself: a description, and views of its sweeps and of their trials."""
    facts, measure = result.facts, result.measure
    aim = "maximise" if measure.is_maximised else "minimise"
    score = f"{facts.score} ({'higher' if facts.score_direction == 'maximize' else 'lower'} is better)"
    note = (
        f"{note_text(facts.title)} ({note_text(facts.kind)}). {note_text(f'Data: {facts.source} ({facts.licence}).')} "
        f"Trials {aim} `{note_text(measure.name)}`; the headline score is {note_text(f'{score}. {facts.note}')}\n\n"
        "Each sweep is a run, its trials are nested under it. "
        "The menu *Views* holds *Sweeps*, *Sweeps compared* and *Trials*."
    )
    return {
        "mlflow.note.content": note,
        VIEW_TAG + SWEEPS_VIEW: _view("Sweeps", result.started, _sweeps_state(result)),
        VIEW_TAG + COMPARE_VIEW: _view("Sweeps compared", result.started, _compare_state(result)),
        VIEW_TAG + TRIALS_VIEW: _view("Trials", result.started, _trials_state(result)),
    }


def _sweeps_state(result: SweepResult) -> dict[str, Any]:
    """Return a table of sweeps: what was searched for, the test score, what it is compared with, then settings."""
    scores = _columns("metrics", [result.measure.best_name, f"test_{result.facts.score}", *rival_metrics(result)])
    return _table([*scores, VERDICT, "tags.`tunelab.stopped`", *_columns("params", COMPARED)])


def _table(columns: Sequence[str]) -> dict[str, Any]:
    """Return a state whose columns are wide enough for their names, in this order: MLflow's own is by name."""
    widths = {c: VERDICT_WIDTH if c == VERDICT else 32 + 7 * len(c.split("`")[1]) for c in columns}
    return {**_state(columns), "columnOrder": list(columns), "columnWidths": widths}


def _compare_state(result: SweepResult) -> dict[str, Any]:
    """Return the state of a page that compares sweeps: settings coloured by the test score, and the scores as bars."""
    score = f"test_{result.facts.score}"
    best = result.measure.best_name
    axes = {"selectedParams": COMPARED, "selectedMetrics": [best, score], "showAllRuns": True}
    bars = [score, *rival_metrics(result)]
    charts: list[dict[str, Any]] = [
        {"type": "PARALLEL", "metricSectionId": _AXES, **axes},
        *({"type": "BAR", "metricSectionId": _LOSSES, "metricKey": name} for name in [best, *bars]),
    ]
    return {
        **_table([*_columns("metrics", [best, *bars]), *_columns("params", COMPARED)]),
        "searchFilter": "tags.`tunelab.kind` = 'sweep'",
        **_charts(charts, "All settings, coloured by the test score", "Scores"),
    }


def _charts(charts: Sequence[Mapping[str, Any]], above: str, below: str) -> dict[str, Any]:
    """Return two sections of charts; MLflow orders sections by their names."""
    return {
        "compareRunCharts": [{**_CHART, "uuid": f"tunelab-{i}", **chart} for i, chart in enumerate(charts)],
        "compareRunSections": [  # axes need the page's whole width, else their labels lie on one another
            {"uuid": _AXES, "name": above, "columns": 1, **_SECTION},
            {"uuid": _LOSSES, "name": below, "columns": 2, **_SECTION},
        ],
    }


def _trials_state(result: SweepResult) -> dict[str, Any]:
    """Return trials of all sweeps of the experiment, best first: parallel coordinates, losses and curves."""
    params, measure = _first_that_fit(unconditional(result)), result.measure
    metrics = [measure.best_name, f"val_{result.facts.score}", "best_epoch", "epochs"]
    columns = [*_columns("metrics", metrics), *_columns("params", params)]
    axes = {"selectedParams": params, "selectedMetrics": [measure.best_name], "showAllRuns": True}
    charts = [
        {"type": "PARALLEL", "metricSectionId": _AXES, **axes},
        {
            "type": "LINE",
            "metricSectionId": _LOSSES,
            "metricKey": measure.name,
            "selectedMetricKeys": [measure.name],
            **_LINE,
        },
        {"type": "BAR", "metricSectionId": _LOSSES, "metricKey": measure.best_name},
    ]
    return {
        **_table([*columns, *_columns("tags", ["tunelab.status", "tunelab.winner"])]),
        "searchFilter": "tags.`tunelab.kind` = 'trial'",
        "orderByKey": f"metrics.`{measure.best_name}`",
        "orderByAsc": not measure.is_maximised,
        "runsHiddenMode": "FIRST_20_RUNS",
        **_charts(charts, "Hyperparameters", "Losses"),
    }


def unconditional(result: SweepResult) -> list[str]:
    """Return varying parameters that every trial draws: MLflow's figure drops runs without one of them."""
    names = [name for name in result.space if all(name in t.params for t in result.trials)]
    stored = stored_names(result.space)
    return [stored[name] for name in names if len({label_of(t.params[name]) for t in result.trials}) > 1]


def _first_that_fit(names: Sequence[str]) -> list[str]:
    lengths = accumulate(map(len, names[:MAX_AXES]))
    return [name for name, length in zip(names, lengths, strict=False) if length <= MAX_AXES_LENGTH]


_AXES, _LOSSES = "tunelab-axes", "tunelab-losses"
_SECTION: Mapping[str, Any] = {"display": True, "isReordered": False, "deleted": False}
_CHART: Mapping[str, Any] = {
    "deleted": False,
    "isGenerated": False,
    "runsCountToCompare": 20,
}
_LINE: Mapping[str, Any] = {
    "xAxisKey": "step",
    "scaleType": "linear",
    "lineSmoothness": 0,
    "useGlobalXaxisKey": True,
    "useGlobalLineSmoothing": True,
}


def _columns(kind: str, names: Sequence[str]) -> list[str]:
    return [f"{kind}.`{name}`" for name in names]


def _state(columns: Sequence[str]) -> dict[str, Any]:
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
        "runsHiddenMode": "FIRST_10_RUNS",
    }


def _view(name: str, moment: float, state: Mapping[str, Any]) -> str:
    made = round(moment * 1000)
    return _json({"name": name, "createdAt": made, "updatedAt": made, "state": _json(state)})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
