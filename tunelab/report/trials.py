"""Tables of trials: the best ones, those without a result, all of them."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.values import label_of
from tunelab.documents.blocks import Cell, Folded, Section, Table, Text
from tunelab.documents.cells import cell_text
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.report.limits import MAX_COLUMNS, MAX_ROWS, most_trials
from tunelab.system.language import tr, tr_plural, tr_term
from tunelab.system.texts import tr_text

BEST_ROWS = 10
FURTHER_COLUMNS = 6  # of the table of trials, beside hyperparameters


def best_section(result: SweepResult) -> Section:
    """Return the best configurations."""
    leaders = result.ranked()[:BEST_ROWS]
    caption = tr("The best {count} by {measure} in the search.", count=len(leaders), measure=result.measure.phrase)
    loss = Text(f"{result.measure.description}.", soft=True)
    return Section(
        tr("Best configurations"),
        [loss, trial_table(leaders, result.measure, caption, _winners(result, leaders), run_ids=False)],
    )


def failures_section(result: SweepResult) -> Section | None:
    """Return trials without a result, with their errors."""
    kinds = (TrialStatus.FAILED, TrialStatus.DIVERGED, TrialStatus.INTERRUPTED, TrialStatus.RUNNING)
    trials = [t for t in result.trials if t.status in kinds]
    if not trials:
        return None
    shown = trials[:MAX_ROWS]
    rows: list[list[Cell]] = [
        [str(t.number), tr_term(t.status.label), len(t.epochs), _why(t), _configuration(t)] for t in shown
    ]
    all_shown = len(shown) == len(trials)
    caption = "" if all_shown else tr("The first {shown} of {count:,}.", shown=len(shown), count=len(trials))
    columns = [tr("trial"), tr("status"), tr("epochs"), tr("why"), tr("configuration")]
    return Section(tr("Failures"), [Table(columns, rows, caption)])


def trials_section(result: SweepResult) -> Section:
    """Return every trial, folded; of very many the best ones."""
    most = most_trials(len(result.space) + FURTHER_COLUMNS)
    if len(result.trials) <= most:
        trials = list(result.trials)
        all_trials = trial_table(trials, result.measure, "", _winners(result, trials))
        all_of_them = tr_plural("{count} trial", "All {count} trials", len(result.trials), count=len(result.trials))
        return Section(tr("All trials"), [Folded(all_of_them, [all_trials])])
    shown = (result.ranked() or list(result.trials))[:most]
    caption = tr("The others are in the sweep's result: tunelab results {name} --json.", name=result.name)
    title = tr("The best {shown:,} of {count:,} trials", shown=len(shown), count=len(result.trials))
    return Section(
        tr("All trials"), [Folded(title, [trial_table(shown, result.measure, caption, _winners(result, shown))])]
    )


def _winners(result: SweepResult, shown: Sequence[TrialRecord]) -> tuple[int, ...]:
    """Return the indices of the winner, or of the trials that it averages, among those shown."""
    winners = () if result.best is None else result.best.members or (result.best.trial,)
    return tuple(index for index, trial in enumerate(shown) if trial.number in winners)


def trial_table(
    trials: list[TrialRecord], measure: Measure, caption: str, marked: tuple[int, ...] = (), *, run_ids: bool = True
) -> Table:
    """Return trials with their loss, epochs and parameters; very many parameters share a column."""
    names = _parameter_names(trials)
    together = len(names) > MAX_COLUMNS
    columns = [tr("trial"), tr("status"), measure.name, tr("best epoch"), tr("epochs")]
    columns += [tr("configuration")] if together else names
    rows: list[list[Cell]] = []
    for t in trials:
        best = t.best
        found: list[Cell] = [None, None] if best is None else [measure.value(best.val_loss), best.epoch]
        params = [_configuration(t)] if together else [_parameter_cell(t, name) for name in names]
        rows.append([str(t.number), tr_term(t.status.label), *found, len(t.epochs), *params])
    if run_ids and any(t.run_id for t in trials):
        columns.append(tr("run id"))
        rows = [[*row, t.run_id or None] for row, t in zip(rows, trials, strict=True)]
    return Table(columns, rows, caption, marked)


def _parameter_names(trials: Sequence[TrialRecord]) -> list[str]:
    """Return the names of the parameters that trials have, in the order of their first use."""
    return list(dict.fromkeys(name for trial in trials for name in trial.params))


def _parameter_cell(trial: TrialRecord, name: str) -> Cell:
    """Return a trial's value of a parameter as a table shows it; None, a dash, where the trial does not use it."""
    value = label_of(trial.params.get(name))
    return "None" if value is None and name in trial.params else value


def _configuration(trial: TrialRecord) -> str:
    """Return the parameters that a trial used, in one text."""
    values = {name: _parameter_cell(trial, name) for name in trial.params}
    return ", ".join(f"{n}={f'{v:.4g}' if isinstance(v, float) else cell_text(v)}" for n, v in values.items())


def _why(trial: TrialRecord) -> str | None:
    if trial.error:
        return tr_text(trial.error.partition("\n")[0])
    return tr("the loss became NaN or infinite") if trial.status is TrialStatus.DIVERGED else None
