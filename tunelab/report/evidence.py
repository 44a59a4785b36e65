"""What was looked at after the search: fresh seeds, and stopped trials trained to their end."""

from __future__ import annotations

import math

from tunelab.documents.blocks import Block, Cell, Note, Section, Table, Text
from tunelab.records.result import SweepResult
from tunelab.report.figures import interval_figure


def confirmation_section(result: SweepResult) -> Section | None:
    """Return the best configurations and the reference on fresh seeds."""
    found, measure = result.confirmation, result.measure
    if found is None:
        return None
    marked = tuple(i for i, row in enumerate(found.rows) if row.trial == found.winner)
    cells: list[list[Cell]] = [
        [
            *(row.name, measure.value(row.mean), row.half_width),
            *(None if row.difference is None else measure.value(row.difference), row.difference_half_width),
            *(row.p_seeds, row.p_rows, row.better, row.failed),
        ]
        for row in found.rows
    ]
    columns = [
        *(
            "configuration",
            f"mean {measure.name}",
            "± of the mean",
            "difference to the reference",
            "± of the difference",
        ),
        *("p over seeds", "p over rows", "better", "runs without result"),
    ]
    text = (
        f"Each configuration was trained again on {len(found.seeds)} fresh seeds; ± is half of a 95 % interval. "
        "Better means that the difference to the reference holds over seeds and over validation rows, counting how "
        "many trials the search could choose from."
    )
    constant = found.constant_val_loss
    if constant is not None:
        text += f" Predicting a constant has a {measure.name} of {measure.value(constant):.4g}."
    blocks: list[Block] = [Note(found.verdict, warning=found.better is False), Text(text)]
    known = [row for row in found.rows if math.isfinite(row.mean) and math.isfinite(row.half_width)]
    if known:
        means = [(row, measure.value(row.mean)) for row in known]
        intervals = [(row.name, mean, mean - row.half_width, mean + row.half_width) for row, mean in means]
        blocks.append(interval_figure(intervals, measure.name))
    return Section("Confirmation on fresh seeds", [*blocks, Table(columns, cells, marked=marked)])


def cross_validation_section(result: SweepResult) -> Section | None:
    """Return the leaders compared by folds, where validation rows were too few to tell them apart."""
    found = result.cross_validation
    if found is None:
        return None
    folds = max(len(row.losses) for row in found.rows)
    columns = ["trial", "mean val_loss", "± of the mean", *(f"fold {i + 1}" for i in range(folds))]
    cells: list[list[Cell]] = [[str(row.trial), row.mean, row.half_width, *row.losses] for row in found.rows]
    text = (
        f"The lowest of many losses on {result.data.validation_rows:,} validation rows is mostly luck. Each leader was "
        f"trained on all folds of the training and validation rows but one and judged on that one; ± is half of a "
        f"95 % interval over folds. Test rows took no part. It took {found.train_seconds:.1f} s of training."
    )
    blocks: list[Block] = [Note(found.verdict), Text(text)]
    known = [row for row in found.rows if math.isfinite(row.mean) and math.isfinite(row.half_width)]
    if known:
        intervals = [
            (f"trial {row.trial}", row.mean, row.mean - row.half_width, row.mean + row.half_width) for row in known
        ]
        blocks.append(interval_figure(intervals, "val_loss"))
    marked = tuple(i for i, row in enumerate(found.rows) if row.trial == found.winner)
    return Section("Cross-validation of the leaders", [*blocks, Table(columns, cells, marked=marked)])


def expected_loss_section(result: SweepResult) -> Section | None:
    """Return the loss to be expected on new rows, beside the validation loss that chose the winner."""
    found = result.optimism
    if found is None:
        return None
    text = (
        f"The winner was chosen among {found.trials:,} trials by validation loss, which is therefore too low. The "
        f"selection was repeated {found.draws:,} times on validation rows drawn with replacement, with the losses of "
        f"each row under {found.candidates:,} leading trials; the mean difference between new rows and the drawn ones "
        "is added."
    )
    columns = ["loss", "value", "from", "to"]
    rows: list[list[Cell]] = [
        ["validation, which chose the winner", found.val_loss, None, None],
        [f"to be expected on {found.test_rows:,} new rows (95 % interval)", found.expected, found.low, found.high],
    ]
    if found.test_loss is not None:
        rows.append(["test split, opened afterwards", found.test_loss, None, None])
    return Section("Loss to be expected", [Note(found.sentence), Text(text), Table(columns, rows, marked=(1,))])


def audit_section(result: SweepResult) -> Section | None:
    """Return the section on some stopped trials, trained to the end."""
    found, measure = result.audit, result.measure
    if found is None:
        return None
    columns = [
        "trial",
        "stopped at epoch",
        f"{measure.name} there",
        f"{measure.name} at full budget",
        "same until there",
    ]
    rows: list[list[Cell]] = [
        [
            *(str(r.trial), r.rung, measure.value(r.rung_val_loss)),
            *(None if r.final_val_loss is None else measure.value(r.final_val_loss), r.same_until_rung),
        ]
        for r in found.rows
    ]
    text = (
        f"The winner's {measure.name} is {measure.value(found.winner_val_loss):.4g}. {found.compared} trials, audited "
        f"and finished, are ranked at epoch {found.level} and at the end. By the share of the audited, about "
        f"{found.estimated_lost:.3g} of all stopped trials would have beaten the winner."
    )
    blocks: list[Block] = [Note(found.verdict, warning=found.flagged), Text(text), Table(columns, rows)]
    return Section("Audit of early stopping", blocks)
