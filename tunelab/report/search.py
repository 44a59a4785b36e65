"""How the search went: importance, parallel coordinates, slices, curves, history, the savings of early stopping."""

from __future__ import annotations

from tunelab.analysis.outcome import reference_trial
from tunelab.analysis.parameter_importance import MIN_TRIALS, parameter_importance
from tunelab.analysis.savings import estimate_savings
from tunelab.documents.blocks import Block, Cell, Folded, Note, Panels, Section, Table, Text
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

FURTHER_COLUMNS = 6  # of the table of trials, beside hyperparameters


def importance_section(result: SweepResult) -> Section | None:
    """Which hyperparameters mattered."""
    shares = parameter_importance(result)
    if not shares:
        return None
    text = (
        "Share of each hyperparameter in reaching the best quarter of the trials (conditional PED-ANOVA over their "
        "order by validation loss). A large share says that the value matters, not which one is good: see the slices."
    )
    blocks: list[Block] = [Text(text)]
    count = len(result.ranked())
    if count < MIN_TRIALS:
        blocks.append(Note(f"From {count} trials only: below {MIN_TRIALS} the order of the bars is mostly chance."))
    rows: list[list[Cell]] = [[name, 100 * share] for name, share in shares.items()]
    return Section(
        "Hyperparameter importance",
        [*blocks, importance_figure(shares), Folded("The numbers", [Table(["hyperparameter", "share, %"], rows)])],
    )


def space_sections(result: SweepResult) -> list[Section]:
    """Where in the search space the trials lie."""
    ranked = result.ranked()
    varied = [name for name in result.space if len({str(t.params.get(name)) for t in ranked}) > 1]
    if not varied:
        return []
    caption = (
        "The lowest validation loss of each trial over each hyperparameter: "
        "grey was stopped early, blue finished, orange won."
    )
    caption += thinned_text(len(slice_trials(result, varied)), len(ranked))
    return [
        Section("Parallel coordinates", [parallel_figure(result, varied)]),
        Section("Slices", [Panels(slice_figures(result, varied), caption)]),
    ]


def curve_sections(result: SweepResult) -> list[Section]:
    """What happened over epochs and over time."""
    if not result.ranked():
        return []
    reference = reference_trial(result)
    return [
        Section("Learning curves", [curves_figure(result, None if reference is None else reference.number)]),
        Section("History", [history_figure(result)]),
    ]


def savings_section(result: SweepResult) -> Section:
    """Epochs and seconds spent and saved."""
    savings = estimate_savings(result)
    spent = f"{savings.epochs_spent:,} epochs and {format_number(savings.seconds_spent)} s of training were spent"
    if result.spec.scheduler == "none":
        return Section("What early stopping saved", [Text(f"{spent}; no scheduler stopped trials.")])
    text = (
        f"{spent}. {savings.stopped} of {len(result.trials)} trials were stopped early; at full budget they would have "
        f"cost {savings.epochs_saved:,} epochs more, about {format_number(savings.seconds_saved)} s: "
        f"{100 * savings.fraction_saved:.0f} % of all epochs were saved."
    )
    if savings.epochs_unused:
        text += f" Trials that no longer improved left {savings.epochs_unused:,} epochs unused by themselves."
    text += " What stopping cost is not known from these figures"
    unaudited = ": the same sweep with `--audit 5` finishes some to see."
    text += unaudited if result.audit is None else "; see the audit."
    rungs: list[list[Cell]] = [[e.level, e.reached, e.stopped, e.reached - e.stopped] for e in savings.rungs]
    table = Table(["rung (epoch)", "reached it", "stopped there", "went on"], rungs)
    return Section("What early stopping saved", [Text(text), *([table] if rungs else [])])


def trials_section(result: SweepResult) -> Section:
    """Every trial, folded; of very many the best ones."""
    most = most_trials(len(result.space) + FURTHER_COLUMNS)
    if len(result.trials) <= most:
        all_trials = trial_table(list(result.trials), "")
        return Section("All trials", [Folded(f"All {len(result.trials)} trials", [all_trials])])
    shown = (result.ranked() or list(result.trials))[:most]
    caption = f"The others are in the sweep's result: tunelab results {result.name} --json."
    title = f"The best {len(shown):,} of {len(result.trials):,} trials"
    return Section("All trials", [Folded(title, [trial_table(shown, caption)])])
