"""The winner in detail: how it learned, what it gets wrong on the test split, which columns it uses."""

from __future__ import annotations

from tunelab.analysis.members import MEMBER_COLUMNS, member_rows
from tunelab.documents.blocks import Block, Cell, Note, Section, Table, Text
from tunelab.figures.curves import learning_curves
from tunelab.figures.kinds import kind_figures
from tunelab.figures.rendering.html import page_figure
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


def winner_section(result: SweepResult) -> Section | None:
    """Return learning curves, and residuals or confusion matrix and calibration; None without a winner."""
    best = result.best
    if best is None:
        return None
    trial = next(t for t in result.trials if t.number == best.trial)
    curves = learning_curves(trial, result.facts)
    drawings = kind_figures(result.facts.kind).report_drawings(result.evaluation, result.facts.unit)
    blocks: list[Block] = [page_figure(drawing) for drawing in ([] if curves is None else [curves])]
    if best.costs:
        columns, caption = (
            [tr_term(name) for name in MEMBER_COLUMNS],
            tr("What the winner averages, and what it costs."),
        )
        blocks.insert(0, Table(columns, member_rows(result), caption))
    if best.members:
        text = tr(
            "The curves are those of trial {number}, the heaviest member; the rest is of the mean.", number=best.trial
        )
        blocks.append(Text(text))
    elif best.seed is not None:
        text = tr("The curves are those of the search; the model was trained to its end afterwards.")
        blocks.append(Text(text))
    blocks += [page_figure(drawing) for drawing in drawings]
    tables = result.evaluation.classification
    if tables is not None:
        rows: list[list[Cell]] = [[c.name, c.precision, c.recall, c.f1, c.rows] for c in tables.classes]
        caption = tr(
            "By class, test split; the expected calibration error is {error}.",
            error=format_number(tables.calibration_error, 3),
        )
        columns = [tr("class"), tr("precision"), tr("recall"), "F1", tr("test rows")]
        blocks.append(Table(columns, rows, caption))
    blocks += [Note(tr("Left out: {note}.", note=tr_text(note))) for note in result.evaluation.notes]
    return Section(tr("The winner: learning curves and errors"), blocks) if blocks else None


def column_section(result: SweepResult) -> Section | None:
    """Return which columns of the data the winner uses; None for inputs that are not a table."""
    importance = result.evaluation.importance
    if importance is None:
        return None
    text = tr(
        "By permutation on {rows:,} test rows, {repeats} repeats: how much {loss} "
        "rises when the values of a column are shuffled, ± one standard deviation. Columns that tell the same share "
        "their importance. Other methods (SHAP, gain of trees) answer other questions, and their numbers differ.",
        rows=importance.rows,
        repeats=importance.repeats,
        loss=importance.loss,
    )
    columns = [tr("column"), tr("increase of {loss}", loss=importance.loss), "±"]
    rows: list[list[Cell]] = [[c.name, c.mean, c.std] for c in importance.columns]
    return Section(tr("Feature importance (permutation)"), [Text(text), Table(columns, rows)])
