"""What early stopping saved, and what it missed as far as stopped trials were trained to the end."""

from __future__ import annotations

from tunelab.analysis.savings import estimate_savings
from tunelab.documents.blocks import Block, Cell, Note, Section, Table, Text
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.system.language import tr, tr_plural
from tunelab.system.texts import tr_text


def savings_section(result: SweepResult) -> Section:
    """Return epochs and seconds spent and saved."""
    savings = estimate_savings(result)
    spent = tr_plural(
        "{epochs:,} epoch and {seconds} s of training were spent",
        "{epochs:,} epochs and {seconds} s of training were spent",
        savings.epochs_spent,
        epochs=savings.epochs_spent,
        seconds=format_number(savings.seconds_spent),
    )
    inside = [Text(tr_text(result.facts.early_stopping), soft=True)] if result.facts.early_stopping else []
    if result.spec.scheduler == "none":
        text = f"{spent}; {tr('no scheduler stopped trials.')}"
        return Section(tr("What early stopping saved"), [Text(text), *inside])
    saved = tr("No trial was stopped early.")
    if savings.stopped:
        saved = tr(
            "{stopped} of {count} trials were stopped early; at full budget they would have "
            "cost {epochs:,} epochs more, about {seconds} s: {share:.0f} % of all epochs were saved.",
            stopped=savings.stopped,
            count=len(result.trials),
            epochs=savings.epochs_saved,
            seconds=format_number(savings.seconds_saved),
            share=100 * savings.fraction_saved,
        )
    said = [f"{spent}.", saved]
    if savings.epochs_unused:
        said.append(tr("Trials that no longer improved left {epochs:,} epochs unused.", epochs=savings.epochs_unused))
    if savings.stopped and result.audit is None:
        said.append(
            tr(
                "What stopping cost is not known from these numbers: the same sweep with --audit 5 trains some of them "
                "to the end."
            )
        )
    elif savings.stopped:
        said.append(tr("What stopping cost is not known from these numbers; see the audit."))
    rungs: list[list[Cell]] = [[e.level, e.reached, e.stopped, e.reached - e.stopped] for e in savings.rungs]
    table = Table([tr("rung (epoch)"), tr("reached it"), tr("stopped there"), tr("continued")], rungs)
    return Section(tr("What early stopping saved"), [Text(" ".join(said)), *inside, *([table] if rungs else [])])


def audit_section(result: SweepResult) -> Section | None:
    """Return the section on some stopped trials, trained to the end."""
    found, measure = result.audit, result.measure
    if found is None:
        return None
    columns = [
        *(tr("trial"), tr("stopped at epoch"), tr("{metric} there", metric=measure.name)),
        *(tr("{metric} at full budget", metric=measure.name), tr("same until there")),
    ]
    rows: list[list[Cell]] = [
        [
            *(str(r.trial), r.rung, measure.value(r.rung_val_loss)),
            *(None if r.final_val_loss is None else measure.value(r.final_val_loss), r.same_until_rung),
        ]
        for r in found.rows
    ]
    text = tr(
        "The winner's {metric} is {value}. {compared} trials, audited "
        "and finished, are ranked at epoch {level} and at the end. By the share of the audited, about "
        "{lost} of all stopped trials would have beaten the winner.",
        metric=measure.name,
        value=format_number(measure.value(found.winner_val_loss)),
        compared=found.compared,
        level=found.level,
        lost=format_number(found.estimated_lost, 3),
    )
    blocks: list[Block] = [Note(tr_text(found.verdict), warning=found.flagged), Text(text), Table(columns, rows)]
    return Section(tr("Audit of early stopping"), blocks)
