"""What came out: the verdict, the best configurations, baselines, confirmation, the test set."""

from __future__ import annotations

import time

from tunelab.analysis.caveats import test_openings
from tunelab.analysis.outcome import not_confirmed, verdict
from tunelab.analysis.published import WINNER, place_sentence, published_place
from tunelab.analysis.standing import headline, verdict_lines
from tunelab.documents.blocks import Block, Cell, Items, Note, Section, Table, Text
from tunelab.documents.cells import cell_text
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.report.limits import MAX_ROWS
from tunelab.report.parameters import MAX_COLUMNS, parameter_cell, parameter_names
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text

BEST_ROWS = 10


def verdict_section(result: SweepResult) -> Section:
    """Return the verdict, the winner's margin, and everything a reader must know before believing it."""
    lines = list(verdict_lines(result))
    blocks: list[Block] = [Text(verdict(result))]
    if len(lines) > 1:
        blocks.append(Items([line.strip() for line in lines]))
    if len(result.test_openings) > 1:
        spent = tr(
            "What was chosen after the first opening may be fitted to it: its scores are no longer those of unseen "
            "data."
        )
        blocks.append(Note(f"{_sentence(test_openings(result))} {spent}", warning=True))
    if result.stopped:
        text = tr(
            "The search ended early ({reason}) after {ended} of {wanted} trials.",
            reason=result.stopped,
            ended=len(result.trials),
            wanted=result.spec.trials,
        )
        blocks.append(Note(text, warning=True))
    failed = result.counts.failed + result.counts.diverged
    if failed:
        text = tr(
            "{failed} of {count} trials failed or diverged; see Failures.", failed=failed, count=len(result.trials)
        )
        blocks.append(Note(text))
    if result.confirmation is not None:
        blocks.append(Note(tr_text(result.confirmation.verdict), warning=result.confirmation.better is False))
        if result.best is not None and result.best.members:
            text = tr("Fresh seeds judged single trials: the mean of trials that won was not trained again.")
            blocks.append(Note(text))
    elif result.best is not None and result.front is None:
        blocks.append(Note(not_confirmed(result)))
    if result.facts.note:
        blocks.append(Note(tr_text(result.facts.note)))
    return Section(tr("Verdict"), blocks)


def best_section(result: SweepResult) -> Section:
    """Return the best configurations."""
    leaders = result.ranked()[:BEST_ROWS]
    winners = () if result.best is None else result.best.members or (result.best.trial,)
    marked = tuple(i for i, t in enumerate(leaders) if t.number in winners)
    caption = tr("The best {count} by {measure} in the search.", count=len(leaders), measure=result.measure.phrase)
    loss = Text(f"{result.measure.description}.", soft=True)
    return Section(
        tr("Best configurations"), [loss, trial_table(leaders, result.measure, caption, marked, run_ids=False)]
    )


def trial_table(
    trials: list[TrialRecord], measure: Measure, caption: str, marked: tuple[int, ...] = (), *, run_ids: bool = True
) -> Table:
    """Return trials with their loss, epochs and parameters; very many parameters share a column."""
    names = parameter_names(trials)
    together = len(names) > MAX_COLUMNS
    columns = [tr("trial"), tr("status"), measure.name, tr("best epoch"), tr("epochs")]
    columns += [tr("configuration")] if together else names
    rows: list[list[Cell]] = []
    for t in trials:
        best = t.best
        found: list[Cell] = [None, None] if best is None else [measure.value(best.val_loss), best.epoch]
        params = [_configuration(t)] if together else [parameter_cell(t, name) for name in names]
        rows.append([str(t.number), tr_term(t.status.label), *found, len(t.epochs), *params])
    if run_ids and any(t.run_id for t in trials):
        columns.append(tr("run id"))
        rows = [[*row, t.run_id or None] for row, t in zip(rows, trials, strict=True)]
    return Table(columns, rows, caption, marked)


def _configuration(trial: TrialRecord) -> str:
    """Return the parameters that a trial used, in one text."""
    return ", ".join(f"{name}={cell_text(parameter_cell(trial, name))}" for name in trial.params)


def baselines_section(result: SweepResult) -> Section | None:
    """Return the winner beside simple models, on validation and test."""
    best = result.best
    if best is None or not best.test:
        return None
    main = [n for n in best.test if n == result.facts.score]
    names = [*main, *(n for n in best.test if n not in main)]
    arrow = headline(result).rpartition(" ")[2]
    marks = {result.facts.score: f" {arrow}"}
    splits = (tr("test"), tr("validation"))
    columns = [tr("model"), *(f"{split} {n}{marks.get(n, '')}" for split in splits for n in names)]
    winner = tr("winner") if best.members else tr("winner (trial {number})", number=best.trial)
    models = [Baseline(winner, best.validation, best.test), *result.baselines]
    rows: list[list[Cell]] = [
        [tr_term(m.name), *(m.test.get(n) for n in names), *(m.validation.get(n) for n in names)] for m in models
    ]
    direction = tr("higher") if result.facts.score_direction == "maximize" else tr("lower")
    text = tr("The headline score is {score}; {direction} is better.", score=result.facts.score, direction=direction)
    if result.facts.unit:
        text += f" {tr('rmse and mae are in {unit}.', unit=result.facts.unit)}"
    return Section(tr("Winner and baselines"), [Text(text), Table(columns, rows, marked=(0,))])


def published_section(result: SweepResult) -> Section | None:
    """Return the winner among published results on the same test rows."""
    placed = published_place(result)
    if not placed:
        return None
    rows: list[list[Cell]] = [[tr_term(row.model), row.test_rmse, row.source or None] for row in placed]
    marked = tuple(number for number, row in enumerate(placed) if row.model == WINNER)
    unit = f" ({result.facts.unit})" if result.facts.unit else ""
    columns = [tr("model"), f"{tr('test')} rmse{unit}", tr("source")]
    return Section(tr("Among published results"), [Text(place_sentence(placed)), Table(columns, rows, marked=marked)])


def test_section(result: SweepResult) -> Section:
    """Return when the sealed test split was opened."""
    openings = [utc(moment) for moment in result.test_openings]
    if not openings:
        return Section(tr("Test split"), [Text(tr("It was never opened: nothing here was measured on it."))])
    if len(openings) == 1:
        text = tr("It was opened once, on {moment}, after the winner had been chosen.", moment=openings[0])
        return Section(tr("Test split"), [Text(text)])
    said = f"{_sentence(test_openings(result))} {tr('Its scores are no longer those of unseen data.')}"
    table = Table([tr("opening"), tr("when")], [[i + 1, t] for i, t in enumerate(openings)])
    return Section(tr("Test split"), [Note(said, True), table])


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


def _why(trial: TrialRecord) -> str | None:
    if trial.error:
        return tr_text(trial.error.partition("\n")[0])
    return tr("the loss became NaN or infinite") if trial.status is TrialStatus.DIVERGED else None


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


def utc(moment: float) -> str:
    """Return a unix time as ``2026-11-23 03:10:54 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
