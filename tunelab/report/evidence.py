"""What was looked at after the search: fresh seeds, and stopped trials trained to their end."""

from __future__ import annotations

import math

from tunelab.documents.blocks import Block, Cell, Note, Section, Table, Text
from tunelab.records.result import SweepResult
from tunelab.report.figures import interval_figure


def confirmation_section(result: SweepResult) -> Section | None:
    """Return the best configurations and the reference on fresh seeds."""
    found = result.confirmation
    if found is None:
        return None
    marked = tuple(i for i, row in enumerate(found.rows) if row.trial == found.winner)
    cells: list[list[Cell]] = [
        [
            *(row.name, row.mean, row.half_width, row.difference, row.difference_half_width),
            *(row.p_seeds, row.p_rows, row.better, row.failed),
        ]
        for row in found.rows
    ]
    columns = [
        *("configuration", "mean val_loss", "± of the mean", "difference to the reference", "± of the difference"),
        *("p over seeds", "p over rows", "better", "runs without result"),
    ]
    text = (
        f"Each configuration was trained again on {len(found.seeds)} fresh seeds; ± is half of a 95 % interval. "
        "Better means that the difference to the reference holds over seeds and over validation rows, counting how "
        "many trials the search could choose from."
    )
    constant = found.constant_val_loss
    if constant is not None:
        text += f" Predicting a constant has a val_loss of {constant:.4g}."
    blocks: list[Block] = [Note(found.verdict, warning=found.better is False), Text(text)]
    known = [row for row in found.rows if math.isfinite(row.mean) and math.isfinite(row.half_width)]
    if known:
        intervals = [(row.name, row.mean, row.mean - row.half_width, row.mean + row.half_width) for row in known]
        blocks.append(interval_figure(intervals, "val_loss"))
    return Section("Confirmation on fresh seeds", [*blocks, Table(columns, cells, marked=marked)])


def audit_section(result: SweepResult) -> Section | None:
    """Return the section on some stopped trials, trained to the end."""
    found = result.audit
    if found is None:
        return None
    columns = ["trial", "stopped at epoch", "val_loss there", "val_loss at full budget", "same until there"]
    rows: list[list[Cell]] = [
        [str(r.trial), r.rung, r.rung_val_loss, r.final_val_loss, r.same_until_rung] for r in found.rows
    ]
    text = (
        f"The winner's val_loss is {found.winner_val_loss:.4g}. {found.compared} trials, audited and finished, "
        f"are ranked at epoch {found.level} and at the end. By the share of the audited, about "
        f"{found.estimated_lost:.3g} of all stopped trials would have beaten the winner."
    )
    blocks: list[Block] = [Note(found.verdict, warning=found.flagged), Text(text), Table(columns, rows)]
    return Section("Audit of early stopping", blocks)
