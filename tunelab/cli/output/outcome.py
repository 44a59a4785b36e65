"""The outcome of a sweep on the terminal: tables first, then the verdict and what to do with the winner."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from tunelab.analysis.advice import advice
from tunelab.analysis.caveats import caveats, test_openings
from tunelab.analysis.front import mark
from tunelab.analysis.members import MEMBER_COLUMNS, member_rows
from tunelab.analysis.outcome import count_text
from tunelab.analysis.parameter_importance import parameter_importance
from tunelab.analysis.published import place_sentence, published_place
from tunelab.analysis.standing import (
    headline,
    set_options,
    set_python,
    set_yaml,
    verdict_lines,
    winner_name,
    winner_params,
)
from tunelab.cli.output.tables import UNLIMITED, cell, print_table
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord

if TYPE_CHECKING:
    from tunelab.tracking.store import Store

TOP = 10
MAX_CLASSES = 20
WINNER = "★"


def with_trials(result: SweepResult) -> dict[str, Any]:
    """Return the JSON of a sweep with all its trials."""
    return {**result.summary(), "records": [trial.to_json() for trial in result.trials]}


def print_result(result: SweepResult, store: Store | None = None) -> None:
    """Print the outcome for people.

    Args:
        result: Of the sweep.
        store: Where it is kept, for the paths and links; None when it is not tracked.
    """
    _print_lines([result.facts.title, *([result.facts.note] if result.facts.note else [])])
    _print_trials(result)
    _print_front(result)
    _print_scores(result)
    print_evaluation(result)
    errors = [trial for trial in result.trials if trial.error]
    lines = [
        f"{count_text(result)}; {result.epochs:,} epochs, "
        f"{cell(result.train_seconds)} s of training in {cell(result.wall_seconds)} s."
    ]
    if errors:
        lines.append(f"{len(errors)} trials failed, the first with: {errors[0].error.partition(chr(10))[0]}")
    lines += [f"Left out: {note}." for note in result.evaluation.notes]
    if result.ended_as_asked and result.stopped:
        lines.append(f"The time budget ended the search. `tunelab resume {result.name}` continues it.")
    elif result.stopped:
        lines.append(f"The search ended early: {result.stopped}. `tunelab resume {result.name}` continues it.")
    _print_lines(lines)
    _print_verdict(result, store)


def print_evaluation(result: SweepResult) -> None:
    """Print the winner's feature importance, its scores by class and its confusion matrix, as far as measured."""
    importance, tables = result.evaluation.importance, result.evaluation.classification
    if importance is not None:
        print_table(
            ["column", f"increase of {importance.loss}", "±"],
            [[c.name, c.mean, c.std] for c in importance.columns[:TOP]],
            title=f"Feature importance: each column shuffled {importance.repeats} times, "
            f"{importance.rows:,} test rows; ± is the standard deviation",
        )
    if tables is not None:
        classes = tables.classes
        shown = classes if len(classes) <= MAX_CLASSES else sorted(classes, key=lambda c: c.f1)[:MAX_CLASSES]
        rest = "" if len(shown) == len(classes) else f", the {len(shown)} worst of {len(classes)}"
        print_table(
            ["class", "precision", "recall", "F1", "test rows"],
            [[c.name, c.precision, c.recall, c.f1, c.rows] for c in shown],
            title=f"By class{rest}; expected calibration error {tables.calibration_error:.3f}",
        )
    if tables is not None and tables.confusion and len(tables.classes) <= MAX_CLASSES:
        names = [c.name for c in tables.classes]
        print_table(
            ["true", *names],
            [[name, *counts] for name, counts in zip(names, tables.confusion, strict=True)],
            title="Confusion matrix: test rows by true class (rows) and predicted class (columns)",
        )


def _print_trials(result: SweepResult) -> None:
    """Print the best trials: the score, the loss, and the parameters that distinguish them."""
    shown = result.ranked()[:TOP]
    if not shown:
        _print_lines([f"{result.name}: none of {len(result.trials)} trials has a result"])
        return
    winners = () if result.best is None else result.best.members or (result.best.trial,)
    score = f"val_{result.facts.score}"
    scored = any(_metric(trial, score) is not None for trial in shown)
    names = [
        name
        for name in dict.fromkeys(name for trial in shown for name in trial.params)
        if len(shown) == 1 or len({trial.params.get(name) for trial in shown}) > 1
    ]
    print_table(
        ["trial", *([score] if scored else []), result.measure.name, "status", "epochs", *names, "run id"],
        [
            [f"{trial.number} {WINNER if trial.number in winners else ''}".strip()]
            + ([_metric(trial, score)] if scored else [])
            + [result.measure.value(trial.val_loss), trial.status.label, len(trial.epochs)]
            + [trial.params.get(name) for name in names]
            + [trial.run_id[:8]]
            for trial in shown
        ],
        title=f"{result.name}: the best of {len(result.trials)} trials, {WINNER} the winner\n"
        f"{result.measure.description}",
        drop_first=["run id", *reversed(names), "epochs"],
        marked=next((i for i, trial in enumerate(shown) if trial.number in winners), None),
    )


def _print_front(result: SweepResult) -> None:
    """Print the points of the Pareto front: their values in the search, and what fresh seeds say of them."""
    front = result.front
    if front is None:
        return
    names = [objective.metric for objective in front.objectives]
    rows: list[list[object]] = [
        [p.trial, *p.values, *(p.means or [None] * len(names)), mark(p), p.beaten_by] for p in front.points
    ]
    columns = ["trial", *names, *(f"{name}, fresh seeds" for name in names), "outcome", "beaten by"]
    print_table(columns, rows, title="The Pareto front, the best first metric first")


def _print_scores(result: SweepResult) -> None:
    """Print the winner's scores beside those of the reference and the baselines, the headline score first."""
    best = result.best
    if best is None or not best.test:
        return
    main = result.facts.score
    others = [name for name in best.test if name != main]
    arrow = headline(result).rpartition(" ")[2]
    models = [(f"{WINNER} {winner_name(result)}", best.validation, best.test)]
    models += [(model.name, model.validation, model.test) for model in result.baselines]
    rows: list[list[object]] = []
    for name, validation, test in models:
        rest = [*(test.get(other) for other in others), *(validation.get(other) for other in others)]
        rows.append([name, test.get(main), validation.get(main), *rest])
    unit = f" ({result.facts.unit})" if result.facts.unit else ""
    print_table(
        ["model", f"test {main} {arrow}", f"val {main} {arrow}"]
        + [f"test {name}" for name in others]
        + [f"val {name}" for name in others],
        rows,
        title=f"Winner, reference and baselines{unit}; {test_openings(result)}",
        marked=0,
    )
    members: list[list[object]] = [list(row) for row in member_rows(result)]
    if members:
        print_table(list(MEMBER_COLUMNS), members, title="What the winner averages, and what it costs")
    placed = published_place(result)
    if placed:
        places: list[list[object]] = [[row.model, row.test_rmse, row.source] for row in placed]
        print_table(["model", f"test rmse{unit}", "source"], places, title=place_sentence(placed))


def _print_verdict(result: SweepResult, store: Store | None) -> None:
    best = result.best
    _print_lines(["", "Verdict", *(f"  {line}" for line in verdict_lines(result))])
    _print_lines([f"  {line}" for line in caveats(result)])
    if best is None:
        return
    told = advice(result, parameter_importance(result))
    if told:
        _print_lines(["", "Advice"])
        _print_whole([f"  {line}" for line in told])  # they hold commands
    if winner_params(result):
        which = f" of trial {best.trial}, the heaviest member" if best.members else ""
        _print_lines(["", f"Configuration{which}, to copy"])
        _print_whole(["  " + set_options(result), "  " + set_yaml(result), "  " + set_python(result)])
    if store is not None:
        _print_lines(["", "Use it"])
        _print_whole([f"  {line}" for line in usage_lines(result, store)])


def usage_lines(result: SweepResult, store: Store) -> Iterator[str]:
    """Yield how to use the winner: commands, Python, the report and a link into MLflow."""
    from tunelab.tracking.ui_views import DEFAULT_UI, run_link

    best = result.best
    if best is not None and best.model_uri:
        uri = f"models:/tunelab-{result.task}/{best.version}" if best.version else best.model_uri
        yield f"tunelab predict {result.name} INPUT --output predictions.csv"
        yield f'mlflow.pyfunc.load_model("{uri}")  # MLFLOW_TRACKING_URI={store.shown_uri}'
        if best.version:
            yield f"{uri} {'is the champion' if best.champion else 'is registered'}. {best.not_champion}".rstrip()
        yield f"tunelab results {result.name} --figures FOLDER"
    run = store.run(result.parent_run_id)
    yield f"Report: {_report_path(run.info.artifact_uri) or f'tunelab report {result.name}'}"
    served = store.uri.startswith("http")
    link = run_link(store.shown_uri if served else DEFAULT_UI, run.info.experiment_id, result.parent_run_id)
    yield f"MLflow: {link}{'' if served else '  (with `tunelab ui` running)'}"


def _report_path(artifact_uri: str) -> str:
    """Return the path of the report among a run's artifacts; empty when it does not lie on this machine."""
    place = urlparse(artifact_uri)
    path = Path(unquote(place.path)) / "report" / "report.html"
    return str(path) if place.scheme in ("", "file") and path.is_file() else ""


def _metric(trial: TrialRecord, name: str) -> float | None:
    return None if trial.best is None else trial.best.metrics.get(name)


def _print_lines(lines: list[str]) -> None:
    """Print sentences, broken between words on a terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        wrapped = textwrap.wrap(line, width, subsequent_indent=f"{indent}  ", break_long_words=False)
        sys.stdout.write("\n".join(wrapped or [""]) + "\n")


def _print_whole(lines: list[str]) -> None:
    """Print lines to copy, never broken by us."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
