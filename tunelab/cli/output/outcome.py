"""The outcome of a sweep on the terminal: tables first, then the verdict and what to do with the winner."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from search_spaces.values import label_of
from tunelab.analysis.advice import advice
from tunelab.analysis.caveats import caveats, test_openings
from tunelab.analysis.front import mark
from tunelab.analysis.members import MEMBER_COLUMNS, member_rows
from tunelab.analysis.outcome import count_text
from tunelab.analysis.parameter_importance import parameter_importance
from tunelab.analysis.published import place_sentence, published_place
from tunelab.analysis.standing import arrow, verdict_lines, winner_name
from tunelab.analysis.use import (
    loaded_as,
    predict_command,
    registration,
    set_options,
    set_python,
    set_yaml,
    winner_params,
)
from tunelab.cli.output.say import write_lines
from tunelab.cli.output.tables import UNLIMITED, cell, print_heading, print_table
from tunelab.display.display import failed_text
from tunelab.display.live_table import STYLES, WINNER
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord
from tunelab.system.language import tr, tr_term
from tunelab.system.terminal import packed
from tunelab.system.texts import tr_text

if TYPE_CHECKING:
    from tunelab.tracking.store import Store

TOP = 10
MAX_CLASSES = 20
INDENT = "  "
COMMAND = re.compile(r":\s(?=tunelab\s)")  # before the command at the end of a piece of advice


def with_trials(result: SweepResult) -> dict[str, Any]:
    """Return the JSON of a sweep with all its trials."""
    return {**result.summary(), "records": [trial.to_json() for trial in result.trials]}


def print_result(result: SweepResult, store: Store | None = None, *, introduced: bool = False) -> None:
    """Print the outcome for people.

    Args:
        result: Of the sweep.
        store: Where it is kept, for the paths and links; None when it is not tracked.
        introduced: Whether the reader has seen what the task and its loss are: the sweep ran on the same terminal.
    """
    if not introduced:
        _print_lines([tr_text(text) for text in (result.facts.title, result.facts.note) if text])
    _print_trials(result, introduced=introduced)
    _print_front(result)
    _print_scores(result)
    print_evaluation(result)
    lines = [
        tr(
            "{ended}; {epochs:,} epochs, {training} s of training in {wall} s.",
            ended=count_text(result),
            epochs=result.epochs,
            training=cell(result.train_seconds),
            wall=cell(result.wall_seconds),
        )
    ]
    failed = failed_text(result.trials)
    if failed:
        lines.append(failed)
    lines += [tr("Left out: {note}.", note=tr_text(note)) for note in result.evaluation.notes]
    resumed = tr("`{command}` continues it.", command=f"tunelab resume {result.name}")
    if result.ended_as_asked and result.stopped:
        lines.append(f"{tr('The time budget ended the search.')} {resumed}")
    elif result.stopped:
        lines.append(f"{tr('The search ended early: {reason}.', reason=tr_text(tr_term(result.stopped)))} {resumed}")
    _print_lines(lines)
    _print_verdict(result, store)


def print_evaluation(result: SweepResult) -> None:
    """Print the winner's feature importance, its scores by class and its confusion matrix, as far as measured."""
    importance, tables = result.evaluation.importance, result.evaluation.classification
    if importance is not None:
        print_table(
            [tr("column"), tr("increase of {loss}", loss=importance.loss), "±"],
            [[c.name, c.mean, c.std] for c in importance.columns[:TOP]],
            title=tr(
                "Feature importance: each column shuffled {repeats} times, {rows:,} test rows; "
                "± is the standard deviation",
                repeats=importance.repeats,
                rows=importance.rows,
            ),
        )
    if tables is not None:
        classes = tables.classes
        shown = classes if len(classes) <= MAX_CLASSES else sorted(classes, key=lambda c: c.f1)[:MAX_CLASSES]
        title = tr("By class; expected calibration error {error}", error=format_number(tables.calibration_error, 3))
        if len(shown) < len(classes):
            title = tr(
                "By class, the {shown} worst of {count}; expected calibration error {error}",
                shown=len(shown),
                count=len(classes),
                error=format_number(tables.calibration_error, 3),
            )
        print_table(
            [tr("class"), tr("precision"), tr("recall"), "F1", tr("test rows")],
            [[c.name, c.precision, c.recall, c.f1, c.rows] for c in shown],
            title=title,
        )
    if tables is not None and tables.confusion and len(tables.classes) <= MAX_CLASSES:
        names = [c.name for c in tables.classes]
        print_table(
            [tr("true"), *names],
            [[name, *counts] for name, counts in zip(names, tables.confusion, strict=True)],
            title=tr("Confusion matrix: test rows by true class (rows) and predicted class (columns)"),
        )


def _print_trials(result: SweepResult, *, introduced: bool) -> None:
    """Print the best trials: the score, the loss, and the parameters that distinguish them."""
    shown = result.ranked()[:TOP]
    if not shown:
        _print_lines([tr("{name}: none of {count} trials has a result", name=result.name, count=len(result.trials))])
        return
    winners = () if result.best is None else result.best.members or (result.best.trial,)
    score = f"val_{result.facts.score}"
    scored = any(_metric(trial, score) is not None for trial in shown)
    names = [
        name
        for name in dict.fromkeys(name for trial in shown for name in trial.params)
        if len(shown) == 1 or len({label_of(trial.params.get(name)) for trial in shown}) > 1
    ]
    print_table(
        [
            *(tr("trial"), *([score] if scored else []), result.measure.name, tr("status"), tr("epochs")),
            *(*names, tr("run id")),
        ],
        [
            [_starred(trial.number, trial.number in winners)]
            + ([_metric(trial, score)] if scored else [])
            + [result.measure.value(trial.val_loss), tr_term(trial.status.label), len(trial.epochs)]
            + [label_of(trial.params.get(name)) for name in names]
            + [trial.run_id[:8]]
            for trial in shown
        ],
        title=tr(
            "{name}: the best of {count} trials, {star} the winner",
            name=result.name,
            count=len(result.trials),
            star=WINNER,
        )
        + ("" if introduced else f"\n{result.measure.description}"),
        drop_first=[tr("run id"), *reversed(names), tr("epochs")],
        marked=next((i for i, trial in enumerate(shown) if trial.number in winners), None),
        styles={tr_term(status.label): style for status, style in STYLES.items()},
    )


def _print_front(result: SweepResult) -> None:
    """Print the points of the Pareto front: their values in the search, and what fresh seeds say of them."""
    front = result.front
    if front is None:
        return
    names = [f"{one.metric} {arrow(one.direction)}" for one in front.objectives]
    winner = None if result.best is None else result.best.trial
    rows: list[list[object]] = []
    for point in front.points:
        means = point.means or [None] * len(names)
        name = _starred(point.trial, point.trial == winner)
        rows.append([name, *point.values, *means, tr_term(mark(point)), point.beaten_by])
    seeds = [tr("{metric}, fresh seeds", metric=one.metric) for one in front.objectives]
    print_table(
        [tr("trial"), *names, *seeds, tr("outcome"), tr("beaten by")],
        rows,
        title=tr("The Pareto front, the best first metric first"),
        drop_first=[tr("beaten by"), *reversed(seeds)],
        marked=next((i for i, point in enumerate(front.points) if point.trial == winner), None),
    )


def _starred(number: int, is_winner: bool) -> str:
    return f"{number} {WINNER}" if is_winner else str(number)


def _print_scores(result: SweepResult) -> None:
    """Print the winner's scores beside those of the reference and the baselines, the headline score first."""
    best = result.best
    if best is None or not best.test:
        return
    main = result.facts.score
    others = [name for name in best.test if name != main]
    better = arrow(result.facts.score_direction)
    models = [(f"{WINNER} {winner_name(result)}", best.validation, best.test)]
    models += [(tr_text(tr_term(model.name)), model.validation, model.test) for model in result.baselines]
    rows: list[list[object]] = []
    for name, validation, test in models:
        rest = [*(test.get(other) for other in others), *(validation.get(other) for other in others)]
        rows.append([name, test.get(main), validation.get(main), *rest])
    unit = f" ({result.facts.unit})" if result.facts.unit else ""
    print_table(
        [tr("model"), f"{tr('test')} {main} {better}", f"{tr_term('val')} {main} {better}"]
        + [f"{tr('test')} {name}" for name in others]
        + [f"{tr_term('val')} {name}" for name in others],
        rows,
        title=f"{tr('Winner, reference and baselines')}{unit}; {test_openings(result)}",
        marked=0,
    )
    members: list[list[object]] = [list(row) for row in member_rows(result)]
    if members:
        print_table([*map(tr_term, MEMBER_COLUMNS)], members, title=tr("What the winner averages, and what it costs."))
    placed = published_place(result)
    if placed:
        places: list[list[object]] = [[row.model, row.test_rmse, row.source] for row in placed]
        print_table([tr("model"), f"{tr('test')} rmse{unit}", tr("source")], places, title=place_sentence(placed))


def _print_verdict(result: SweepResult, store: Store | None) -> None:
    best = result.best
    print_heading(f"\n{tr('Verdict')}")
    _print_lines([f"  {line}" for line in (*verdict_lines(result), *caveats(result))])
    if best is None:
        return
    told = [] if result.front is not None else advice(result, parameter_importance(result))
    if told:
        print_heading(f"\n{tr('Advice')}")
        for line in told:
            sentence, *commands = COMMAND.split(line)
            _print_lines([f"  {sentence}{':' if commands else ''}"])
            _print_whole(f"    {command}" for command in commands)
    if winner_params(result):
        heading = tr("Configuration, to copy")
        if best.members:
            heading = tr("Configuration of trial {number}, the heaviest member, to copy", number=best.trial)
        print_heading(f"\n{heading}")
        _print_whole(configuration_lines(result, _width() - len(INDENT)))
    if store is not None:
        print_heading(f"\n{tr('Use it')}")
        if registration(result):
            _print_lines([f"  {registration(result)}"])
        _print_whole([f"  {line}" for line in usage_lines(result, store)])


def configuration_lines(result: SweepResult, width: int) -> Iterator[str]:
    """Yield the winner's configuration as options, YAML and Python; broken lines can be copied as they are.

    Args:
        result: Of the sweep.
        width: Columns of a line; one value may be wider.
    """
    lines = packed(set_options(result, "\n").split("\n"), width, behind=" \\")
    for mapping in (set_yaml(result), set_python(result)):
        lines += packed(_values(mapping), width)
    yield from (f"{INDENT}{line}" for line in lines)


def _values(mapping: str) -> list[str]:
    """Return a mapping on one line cut behind the commas between its values."""
    return re.split(r"(?<=,) (?=(?:[^'\"]|'[^']*'|\"[^\"]*\")*$)", mapping)


def usage_lines(result: SweepResult, store: Store) -> Iterator[str]:
    """Yield how to use the winner: commands, Python, the report and a link into MLflow."""
    from tunelab.tracking.ui_views import DEFAULT_UI, run_link

    if loaded_as(result):
        yield predict_command(result)
        yield f'mlflow.pyfunc.load_model("{loaded_as(result)}")  # MLFLOW_TRACKING_URI={store.shown_uri}'
        yield f"tunelab results {result.name} --figures FOLDER"
    run = store.run(result.parent_run_id)
    path = _report_path(run.info.artifact_uri) or f"tunelab report {result.name}"
    yield tr("Report: {path}", path=path)
    served = store.uri.startswith("http")
    link = run_link(store.shown_uri if served else DEFAULT_UI, run.info.experiment_id, result.parent_run_id)
    yield f"MLflow: {link}{'' if served else '  ' + tr_text('(with `tunelab ui` running)')}"


def _report_path(artifact_uri: str) -> str:
    """Return the path of the report among a run's artifacts; empty when it does not lie on this machine."""
    place = urlparse(artifact_uri)
    path = Path(unquote(place.path)) / "report" / "report.html"
    return str(path) if place.scheme in ("", "file") and path.is_file() else ""


def _metric(trial: TrialRecord, name: str) -> float | None:
    return None if trial.best is None else trial.best.metrics.get(name)


def _print_lines(lines: list[str]) -> None:
    """Print sentences, broken between words on a terminal."""
    write_lines(sys.stdout, lines)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED


def _print_whole(lines: Iterable[str]) -> None:
    """Print lines to copy, never broken by us."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
