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
from tunelab.report.limits import most_trials, thinned_text
from tunelab.report.outcome import trial_table
from tunelab.report.parameters import MAX_AXES, MAX_BARS, MAX_SLICES, varied_parameters

FURTHER_COLUMNS = 6  # of the table of trials, beside hyperparameters


def importance_section(result: SweepResult, importance: Mapping[str, float]) -> Section | None:
    """Return which hyperparameters mattered, by ``parameter_importance``."""
    if not importance:
        return None
    text = (
        f"By conditional PED-ANOVA (Watanabe et al. 2023) over the order of the trials by {result.measure.phrase}: the "
        "share of each hyperparameter in reaching the best quarter of the trials. A large share says that the value "
        "matters, not which one is good: see the slices. Other tools use other methods (fANOVA, random forests, "
        "Shapley values), and their numbers differ, also in order."
    )
    blocks: list[Block] = [Text(text)]
    count = len(result.ranked())
    if count < MIN_TRIALS:
        blocks.append(Note(f"From {count} trials only: below {MIN_TRIALS} the order of the bars is mostly chance."))
    rows: list[list[Cell]] = [[name, 100 * share] for name, share in importance.items()]
    shown = dict(list(importance.items())[:MAX_BARS])
    table = Table(["hyperparameter", "share, %"], rows)
    return Section(
        "Hyperparameter importance (PED-ANOVA)",
        [*blocks, importance_figure(shown, len(importance)), Folded("The numbers", [table])],
    )


def space_sections(result: SweepResult, importance: Mapping[str, float]) -> list[Section]:
    """Return where in the search space the trials lie; of very many hyperparameters the first to look at."""
    ranked = result.ranked()
    varied = varied_parameters(result, importance)
    if not varied:
        return []
    caption = (
        f"The {result.measure.extreme} {result.measure.phrase} of each trial over each hyperparameter: "
        "grey was stopped early, blue finished, orange won."
    )
    caption += thinned_text(len(slice_trials(result, varied)), len(ranked))
    panels = slice_figures(result, varied)
    slices: list[Block] = [Panels(panels[:MAX_SLICES], caption)]
    rest = panels[MAX_SLICES:]
    if rest:
        slices.append(Folded(f"The other {len(rest)} hyperparameters", [Panels(rest, "")]))
    axes = varied[:MAX_AXES]
    left_out = len(varied) - len(axes)
    parallel: list[Block] = [parallel_figure(result, axes)]
    if left_out:
        parallel.append(
            Text(f"{left_out} hyperparameters of lower importance are left out; see the slices.", soft=True)
        )
    return [Section("Parallel coordinates", parallel), Section("Slices", slices)]


def curve_sections(result: SweepResult) -> list[Section]:
    """Return the sections on what happened over epochs and over time."""
    if not result.ranked():
        return []
    reference = reference_trial(result)
    return [
        Section("Learning curves", [curves_figure(result, None if reference is None else reference.number)]),
        Section("History", [history_figure(result)]),
    ]


def savings_section(result: SweepResult) -> Section:
    """Return epochs and seconds spent and saved."""
    savings = estimate_savings(result)
    spent = f"{savings.epochs_spent:,} epochs and {format_number(savings.seconds_spent)} s of training were spent"
    inside = [Text(result.facts.early_stopping, soft=True)] if result.facts.early_stopping else []
    if result.spec.scheduler == "none":
        return Section("What early stopping saved", [Text(f"{spent}; no scheduler stopped trials."), *inside])
    text = (
        f"{spent}. {savings.stopped} of {len(result.trials)} trials were stopped early; at full budget they would have "
        f"cost {savings.epochs_saved:,} epochs more, about {format_number(savings.seconds_saved)} s: "
        f"{100 * savings.fraction_saved:.0f} % of all epochs were saved."
    )
    if savings.epochs_unused:
        text += f" Trials that no longer improved left {savings.epochs_unused:,} epochs unused."
    text += " What stopping cost is not known from these numbers"
    unaudited = ": the same sweep with --audit 5 trains some of them to the end."
    text += unaudited if result.audit is None else "; see the audit."
    rungs: list[list[Cell]] = [[e.level, e.reached, e.stopped, e.reached - e.stopped] for e in savings.rungs]
    table = Table(["rung (epoch)", "reached it", "stopped there", "continued"], rungs)
    return Section("What early stopping saved", [Text(text), *inside, *([table] if rungs else [])])


def advice_section(result: SweepResult, importance: Mapping[str, float]) -> Section | None:
    """Return what to do next; None where there is nothing to say."""
    lines = advice(result, importance)
    return Section("Advice for the next sweep", [Items(lines)]) if lines else None


def trials_section(result: SweepResult) -> Section:
    """Return every trial, folded; of very many the best ones."""
    most = most_trials(len(result.space) + FURTHER_COLUMNS)
    if len(result.trials) <= most:
        all_trials = trial_table(list(result.trials), result.measure, "")
        return Section("All trials", [Folded(f"All {len(result.trials)} trials", [all_trials])])
    shown = (result.ranked() or list(result.trials))[:most]
    caption = f"The others are in the sweep's result: tunelab results {result.name} --json."
    title = f"The best {len(shown):,} of {len(result.trials):,} trials"
    return Section("All trials", [Folded(title, [trial_table(shown, result.measure, caption)])])
