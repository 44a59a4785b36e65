"""How the search went: importance, parallel coordinates, slices, curves, history, the savings of early stopping."""

from __future__ import annotations

from collections.abc import Mapping

from tunelab.analysis.advice import advice
from tunelab.analysis.outcome import reference_trial
from tunelab.analysis.parameter_importance import MIN_TRIALS
from tunelab.analysis.savings import estimate_savings
from tunelab.documents.blocks import Block, Cell, Folded, Items, Note, Panels, Section, Table, Text
from tunelab.records.result import SweepResult
from tunelab.records.text import format_number
from tunelab.report.figures import (
    curves_figure,
    history_figure,
    importance_figure,
    parallel_figure,
    slice_figures,
    slice_trials,
)
from tunelab.report.limits import MAX_AXES, MAX_BARS, MAX_SLICES, thinned_text
from tunelab.system.language import tr, tr_plural
from tunelab.system.texts import tr_text

MIN_SHARE = 5e-4  # of importance that has a bar


def importance_section(result: SweepResult, importance: Mapping[str, float]) -> Section | None:
    """Return which hyperparameters mattered, by ``parameter_importance``."""
    if not importance:
        return None
    text = tr(
        "By conditional PED-ANOVA (Watanabe et al. 2023) over the order of the trials by {measure}: the "
        "share of each hyperparameter in reaching the best quarter of the trials. A large share says that the value "
        "matters, not which one is good: see the slices. Other tools use other methods (fANOVA, random forests, "
        "Shapley values), and their numbers differ, also in order.",
        measure=result.measure.phrase,
    )
    blocks: list[Block] = [Text(text)]
    count = len(result.ranked())
    if count < MIN_TRIALS:
        few = tr(
            "From {count} trials only: below {least} the order of the bars is mostly chance.",
            count=count,
            least=MIN_TRIALS,
        )
        blocks.append(Note(few))
    rows: list[list[Cell]] = [[name, 100 * share] for name, share in importance.items()]
    shown = {name: share for name, share in list(importance.items())[:MAX_BARS] if share > MIN_SHARE}
    table = Table([tr("hyperparameter"), tr("share, %")], rows)
    return Section(
        tr("Hyperparameter importance (PED-ANOVA)"),
        [*blocks, importance_figure(shown, len(importance)), Folded(tr("The numbers"), [table])],
    )


def space_sections(result: SweepResult, importance: Mapping[str, float]) -> list[Section]:
    """Return where in the search space the trials lie; of very many hyperparameters the first to look at."""
    ranked = result.ranked()
    varied = _varied_parameters(result, importance)
    if not varied:
        return []
    caption = tr(
        "The {extreme} {measure} of each trial over each hyperparameter: "
        "grey was stopped early, blue finished, orange won.",
        extreme=result.measure.extreme,
        measure=result.measure.phrase,
    )
    caption += thinned_text(len(slice_trials(result, varied)), len(ranked))
    panels = slice_figures(result, varied)
    slices: list[Block] = [Panels(panels[:MAX_SLICES], caption)]
    rest = panels[MAX_SLICES:]
    if rest:
        slices.append(Folded(tr("The other {count} hyperparameters", count=len(rest)), [Panels(rest, "")]))
    axes = varied[:MAX_AXES]
    left_out = len(varied) - len(axes)
    parallel: list[Block] = [parallel_figure(result, axes)]
    if left_out:
        text = tr("{count} hyperparameters of lower importance are left out; see the slices.", count=left_out)
        parallel.append(Text(text, soft=True))
    return [Section(tr("Parallel coordinates"), parallel), Section(tr("Slices"), slices)]


def _varied_parameters(result: SweepResult, importance: Mapping[str, float]) -> list[str]:
    """Return the parameters that differ between trials with a result, those to look at first in front.

    Args:
        result: of the sweep.
        importance: by parameter; those of equal importance keep the order of the space, used by more trials first.
    """
    ranked = result.ranked()
    varied = [name for name in result.space if len({str(t.params.get(name)) for t in ranked}) > 1]
    used = {name: sum(name in t.params for t in ranked) for name in varied}
    return sorted(varied, key=lambda name: (used[name] < len(ranked), -importance.get(name, 0.0), -used[name]))


def curve_sections(result: SweepResult) -> list[Section]:
    """Return the sections on what happened over epochs and over time."""
    if not result.ranked():
        return []
    reference = reference_trial(result)
    return [
        Section(tr("Learning curves"), [curves_figure(result, None if reference is None else reference.number)]),
        Section(tr("History"), [history_figure(result)]),
    ]


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


def advice_section(result: SweepResult, importance: Mapping[str, float]) -> Section | None:
    """Return what to do next; None where there is nothing to say."""
    lines = advice(result, importance)
    return Section(tr("Advice for the next sweep"), [Items(lines)]) if lines else None
