"""Sweeps side by side: what differed between them, what each found and at what cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces import UserError
from search_spaces.values import label_of
from tunelab.analysis.caveats import test_openings
from tunelab.analysis.outcome import count_text, reference_trial, verdict
from tunelab.analysis.progress import BestSoFar, best_so_far
from tunelab.analysis.savings import estimate_savings
from tunelab.documents.blocks import Block, Cell, Code, Document, Figure, Link, Note, Section, Table, Text
from tunelab.documents.style import COLOURS
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec
from tunelab.records.text import format_number, format_utc
from tunelab.records.trial import TrialRecord
from tunelab.report.figures import loss_scale, shortened
from tunelab.report.repeat import repeat_command
from tunelab.search.limits import Stop
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text

NOT_SETTINGS = ("name", "task", "tracking_uri", "storage", "address")
FRESH = "winner on fresh seeds,"
Row = tuple[str, list[Cell]]


@dataclass(frozen=True)
class Comparison:
    """Sweeps in the order they were asked for.

    Attributes:
        sweeps: at least two, no two the same.
        notes: what a reader must know before comparing figures.
        outcome: (what, a cell for each sweep).
        settings: settings in which they differ, likewise.
        winners: the winners' hyperparameters, likewise.
    """

    sweeps: tuple[SweepResult, ...]
    notes: tuple[str, ...]
    outcome: tuple[Row, ...]
    settings: tuple[Row, ...]
    winners: tuple[Row, ...]

    @property
    def names(self) -> list[str]:
        """One for each sweep, unlike each other."""
        names = [r.name for r in self.sweeps]
        return [n if names.count(n) == 1 else f"{n} ({r.task})" for n, r in zip(names, self.sweeps, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "sweeps": [{"name": r.name, "task": r.task, "run_id": r.parent_run_id} for r in self.sweeps],
            "notes": list(self.notes),
            "verdicts": {name: verdicts_of(r) for name, r in zip(self.names, self.sweeps, strict=True)},
            **{
                part: {what: dict(zip(self.names, cells, strict=True)) for what, cells in rows}
                for part, rows in (("outcome", self.outcome), ("settings", self.settings), ("winners", self.winners))
            },
        }


def compare(results: Sequence[SweepResult]) -> Comparison:
    """Compare sweeps side by side.

    Raises:
        UserError: fewer than two different sweeps, or one without trials.
    """
    results = [r.as_stored() for r in results]  # names in the order of the store
    different = {r.parent_run_id or (r.task, r.name) for r in results}
    if len(different) < 2 or len(different) < len(results):
        raise UserError(f"Comparing takes two or more different sweeps, got {', '.join(r.name for r in results)}.")
    for result in results:
        if not result.trials:
            raise UserError(f"Sweep '{result.name}' has no trials yet: there is nothing to compare.")
    return Comparison(
        tuple(results), tuple(_notes(results)), tuple(_outcome(results)), tuple(_settings(results)), _winners(results)
    )


def _notes(results: Sequence[SweepResult]) -> Iterator[str]:
    tasks = sorted({r.task for r in results})
    for task in tasks:
        digests = {r.data.digest for r in results if r.task == task}
        if len(digests) > 1:
            yield f"The sweeps on {task} saw {len(digests)} different data sets or splits: their losses do not compare."
    if len(tasks) > 1:
        yield f"{len(tasks)} tasks: losses and scores compare within a task only."
    for result in results:
        if len(result.test_openings) > 1:
            yield f"{result.name}: {test_openings(result)}. Its test scores are no longer of unseen data."
        if result.stopped:
            yield _cut_short(result)


def _cut_short(result: SweepResult) -> str:
    """Return how a search ended before its last trial."""
    if result.stopped == Stop.INTERRUPTED.value:
        return f"The search of {result.name} was interrupted."
    if result.stopped == Stop.FAILED.value:
        return f"The search of {result.name} failed."
    return f"The search of {result.name} ended early: {result.stopped}."


def _outcome(results: Sequence[SweepResult]) -> Iterator[Row]:
    ledgers = [estimate_savings(r) for r in results]
    yield "task", [r.task for r in results]
    yield "trials", [len(r.trials) for r in results]
    yield "how it ended", [count_text(r) for r in results]
    for name in dict.fromkeys(r.measure.name for r in results):
        yield f"best {name}", [_shown(r, name, r.best.val_loss if r.best else None) for r in results]
        yield f"reference {name}", [_shown(r, name, _loss(reference_trial(r))) for r in results]
    if any(r.confirmation is not None for r in results):
        rows = [r.confirmation.winner_row if r.confirmation is not None else None for r in results]
        means = list(zip(results, [_finite(None if row is None else row.mean) for row in rows], strict=True))
        for name in dict.fromkeys(r.measure.name for r in results):
            yield f"{FRESH} {name}", [_shown(r, name, mean) for r, mean in means]
        yield "± (half of the 95 % interval)", [_finite(row.half_width if row is not None else None) for row in rows]
        yield (
            "better than the reference on fresh seeds",
            [None if r.confirmation is None else r.confirmation.better for r in results],
        )
    for task in dict.fromkeys(r.task for r in results):
        score = next(r.facts.score for r in results if r.task == task)
        name = f"test {score}" + (f" ({task})" if len({r.task for r in results}) > 1 else "")
        yield name, [r.best.test.get(score) if r.best and r.task == task else None for r in results]
    yield "winner", [_winner(r) for r in results]
    yield "epochs", [r.epochs for r in results]
    yield "epochs saved by stopping, %", [100 * savings.fraction_saved for savings in ledgers]
    yield "training, s", [r.train_seconds for r in results]
    yield "wall time, s", [r.wall_seconds for r in results]
    yield "trials at once", [r.concurrency for r in results]
    yield "started", [format_utc(r.started) for r in results]


def verdicts_of(result: SweepResult) -> list[str]:
    """Return what came out of a sweep, and what fresh seeds say of it where they were asked, a sentence each."""
    return [verdict(result), *([] if result.confirmation is None else [result.confirmation.verdict])]


def shown_rows(rows: Sequence[Row], options: Container[str] = ()) -> list[list[Cell]]:
    """Return rows of a comparison as they are shown: in the language in force, without those that say nothing.

    Args:
        rows: Of the outcome, or of the settings.
        options: Names that stay, because one types them.
    """
    told = [(what, cells) for what, cells in rows if any(cell is not None for cell in cells)]
    return [
        [
            what if what in options else _label(what),
            *(tr_text(c) if what == "winner" and isinstance(c, str) else c for c in cells),
        ]
        for what, cells in told
    ]


def _label(what: str) -> str:
    """Return the name of a row in the language in force; names of metrics stay."""
    for words in ("best", "reference", "test", FRESH):
        if what.startswith(f"{words} "):
            return f"{tr_term(words)}{what.removeprefix(words)}"
    return tr_term(what)


def _shown(result: SweepResult, name: str, loss: float | None) -> float | None:
    """Return a loss as its sweep shows it; None in a row of another sweep's measure."""
    return None if loss is None or result.measure.name != name else result.measure.value(loss)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _winner(result: SweepResult) -> str | None:
    if result.best is None:
        return None
    members = result.best.members
    return f"mean of trials {', '.join(map(str, members))}" if members else f"trial {result.best.trial}"


def _loss(trial: TrialRecord | None) -> float | None:
    return trial.val_loss if trial is not None and math.isfinite(trial.val_loss) else None


def _settings(results: Sequence[SweepResult]) -> Iterator[Row]:
    specs = [r.spec.to_json() for r in results]
    for key in specs[0]:
        if key in NOT_SETTINGS:
            continue
        values = [spec[key] for spec in specs]
        if any(value != values[0] for value in values):
            yield key, [_text(value) for value in values]
    for what, values in (
        ("data digest", [r.data.digest[:12] for r in results]),
        ("commit", [r.environment.commit[:12] or None for r in results]),
        ("machine", [r.environment.machine.processor for r in results]),
    ):
        if len(set(values)) > 1:
            yield what, list(values)


def _winners(results: Sequence[SweepResult]) -> tuple[Row, ...]:
    params = [_winner_params(r) for r in results]
    names = sorted({name for found in params for name in found})
    return tuple((name, [label_of(found.get(name)) for found in params]) for name in names)


def _winner_params(result: SweepResult) -> Mapping[str, Any]:
    """Return the winner's hyperparameters; of several trials that it averages, each one's, the heaviest first."""
    if result.best is None:
        return {}
    by_number = {t.number: t.params for t in result.trials}
    params = [by_number[n] for n in result.best.members or (result.best.trial,)]
    if len(params) == 1:
        return params[0]
    names = {name for some in params for name in some}
    return {name: " / ".join(str(_rounded(some.get(name))) for some in params) for name in names}


def _rounded(value: Any) -> Any:
    if value is None:
        return "–"
    return format_number(value) if isinstance(value, float) else label_of(value)


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float | bool) else _text(value)


def _text(value: Any) -> Cell:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items()) or None
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or None
    return None if value is None else str(value)


def make_comparison_document(comparison: Comparison, link: str, made: str) -> Document:
    """Return the comparison as a document; ``link`` opens the runs in MLflow."""
    results, names = comparison.sweeps, comparison.names
    head = ["", *names]
    outcome: list[Block] = [Note(tr_text(note), warning=True) for note in comparison.notes]
    outcome += [Text(f"{name}: {' '.join(verdicts_of(r))}") for name, r in zip(names, results, strict=True)]
    outcome.append(Table(head, shown_rows(comparison.outcome)))
    sections = [Section(tr("Outcome"), outcome)]
    if comparison.settings:
        sections.append(
            Section(tr("Settings that differ"), [Table(head, shown_rows(comparison.settings, SweepSpec.model_fields))])
        )
    if comparison.winners:
        rows: list[list[Cell]] = [[what, *cells] for what, cells in comparison.winners]
        sections.append(Section(tr("Winners' hyperparameters"), [Table(head, rows)]))
    drawings = [figure for task in dict.fromkeys(r.task for r in results) for figure in _progress(comparison, task)]
    if drawings:
        sections.append(Section(tr("Best so far"), drawings))
    commands: list[Block] = [Code(f"# {name}\n{repeat_command(r)}") for name, r in zip(names, results, strict=True)]
    beside = [Link(tr("These runs side by side"), link)]
    sections += [Section(tr("Repeat them"), commands), Section(tr("In MLflow"), beside)]
    title = tr("{count} sweeps compared", count=len(results))
    return Document(title, ", ".join(names), sections, made=tr_text(made))


def _progress(comparison: Comparison, task: str) -> list[Figure]:
    """Return the best loss so far over epochs and over seconds, a step line for each sweep of a task."""
    pairs = [(n, r) for n, r in zip(comparison.names, comparison.sweeps, strict=True) if r.task == task and r.ranked()]
    if not pairs:
        return []
    drawings, measure = [], pairs[0][1].measure
    axes: dict[str, Callable[[BestSoFar], float]] = {
        tr("epochs trained, all trials together"): lambda step: step.epochs,
        tr("seconds since the first proposal"): lambda step: step.seconds,
    }
    for axis, position in axes.items():
        traces = []
        losses: list[float] = []
        for index, (name, result) in enumerate(pairs):
            steps = best_so_far(result)
            values = [result.measure.value(step.val_loss) for step in steps]
            losses += values
            traces.append(
                {
                    **{"type": "scatter", "mode": "lines", "name": name},
                    "x": [shortened(position(step)) for step in steps],
                    "y": [shortened(value) for value in values],
                    "line": {"shape": "hv", "width": 2, "color": COLOURS[index % len(COLOURS)]},
                }
            )
        layout = {
            "xaxis": {"title": {"text": axis}, "rangemode": "tozero"},
            "yaxis": {**loss_scale(losses), "title": {"text": f"{measure.extreme} {measure.name}"}},
            "showlegend": True,  # plotly leaves out the legend of a single line
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        }
        caption = tr("{task}: the best {metric} so far, over {axis}.", task=task, metric=measure.name, axis=axis)
        drawings.append(Figure(traces, layout, caption))
    return drawings
