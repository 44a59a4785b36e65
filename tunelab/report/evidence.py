"""What was found of the winner after the search: on fresh seeds, by folds, and the loss to expect on new rows."""

from __future__ import annotations

import math

from tunelab.documents.blocks import Block, Cell, Note, Section, Table, Text
from tunelab.records.assessment.confirmation import ConfirmationRow
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.report.figures import interval_figure
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


def confirmation_section(result: SweepResult) -> Section | None:
    """Return the best configurations and the reference on fresh seeds."""
    found, measure = result.confirmation, result.measure
    if found is None:
        return None
    marked = tuple(i for i, row in enumerate(found.rows) if row.trial == found.winner)
    cells: list[list[Cell]] = [
        [
            *(_row_name(row), measure.value(row.mean), row.half_width),
            *(None if row.difference is None else measure.value(row.difference), row.difference_half_width),
            *(row.p_seeds, row.p_rows, row.better, row.failed),
        ]
        for row in found.rows
    ]
    columns = [
        *(tr("configuration"), tr("mean {metric}", metric=measure.name), tr("± of the mean")),
        *(tr("difference to the reference"), tr("± of the difference")),
        *(tr("p over seeds"), tr("p over rows"), tr("better"), tr("runs without result")),
    ]
    text = tr(
        "Each configuration was trained again on {count} fresh seeds; ± is half of a 95 % interval. "
        "Better means that the difference to the reference holds over seeds and over validation rows, counting how "
        "many trials the search could choose from.",
        count=len(found.seeds),
    )
    constant = found.constant_val_loss
    if constant is not None:
        value = format_number(measure.value(constant))
        text += f" {tr('Predicting a constant has a {metric} of {value}.', metric=measure.name, value=value)}"
    blocks: list[Block] = [Note(tr_text(found.verdict), warning=found.better is False), Text(text)]
    known = [row for row in found.rows if math.isfinite(row.mean) and math.isfinite(row.half_width)]
    if known:
        means = [(row, measure.value(row.mean)) for row in known]
        intervals = [(_row_name(row), mean, mean - row.half_width, mean + row.half_width) for row, mean in means]
        blocks.append(interval_figure(intervals, measure.name))
    said = [i for i in range(len(columns)) if any(row[i] is not None for row in cells)]  # without a reference few are
    table = Table([columns[i] for i in said], [[row[i] for i in said] for row in cells], marked=marked)
    return Section(tr("Confirmation on fresh seeds"), [*blocks, table])


def _row_name(row: ConfirmationRow) -> str:
    return tr_term(row.name) if row.name != f"trial {row.trial}" else tr("trial {number}", number=row.trial)


def cross_validation_section(result: SweepResult) -> Section | None:
    """Return the leaders compared by folds, where validation rows were too few to tell them apart."""
    found = result.cross_validation
    if found is None:
        return None
    folds = max(len(row.losses) for row in found.rows)
    columns = [tr("trial"), tr("mean {metric}", metric="val_loss"), tr("± of the mean")]
    columns += [tr("fold {number}", number=i + 1) for i in range(folds)]
    cells: list[list[Cell]] = [[str(row.trial), row.mean, row.half_width, *row.losses] for row in found.rows]
    is_mean = any(row.weight for row in found.rows)
    if is_mean:
        columns.append(tr("weight"))
        cells = [[*values, row.weight] for values, row in zip(cells, found.rows, strict=True)]
    text = tr(
        "The lowest of many losses on {rows:,} validation rows is mostly luck. Each leader was "
        "trained on all folds of the training and validation rows but one and judged on that one; ± is half of a "
        "95 % interval over folds. Test rows took no part. It took {seconds} s of training.",
        rows=result.data.validation_rows,
        seconds=format_number(found.train_seconds, 3),
    )
    blocks: list[Block] = [Note(tr_text(found.verdict)), Text(text)]
    known = [row for row in found.rows if math.isfinite(row.mean) and math.isfinite(row.half_width)]
    if known:
        intervals = [
            (tr("trial {number}", number=row.trial), row.mean, row.mean - row.half_width, row.mean + row.half_width)
            for row in known
        ]
        blocks.append(interval_figure(intervals, "val_loss"))
    marked = tuple(i for i, row in enumerate(found.rows) if (row.weight > 0 if is_mean else row.trial == found.winner))
    return Section(tr("Cross-validation of the leaders"), [*blocks, Table(columns, cells, marked=marked)])


def expected_loss_section(result: SweepResult) -> Section | None:
    """Return the loss to be expected on new rows, beside the validation loss that chose the winner."""
    found = result.optimism
    if found is None:
        return None
    text = tr(
        "The winner was chosen among {trials:,} trials by validation loss, which is therefore too low. The "
        "selection was repeated {draws:,} times on validation rows drawn with replacement, with the losses of "
        "each row under {candidates:,} leading trials; the mean difference between new rows and the drawn ones "
        "is added.",
        trials=found.trials,
        draws=found.draws,
        candidates=found.candidates,
    )
    columns = [tr("loss"), tr("value"), tr("from"), tr("to")]
    expected = tr("to be expected on {count:,} new rows (95 % interval)", count=found.test_rows)
    rows: list[list[Cell]] = [
        [tr("validation, which chose the winner"), found.val_loss, None, None],
        [expected, found.expected, found.low, found.high],
    ]
    if found.test_loss is not None:
        rows.append([tr("test split, opened afterwards"), found.test_loss, None, None])
    return Section(
        tr("Loss to be expected"), [Note(tr_text(found.sentence)), Text(text), Table(columns, rows, marked=(1,))]
    )
