"""What came out: the verdict, the best configurations, baselines, confirmation, the test set."""

from __future__ import annotations

import time

from tunelab.analysis.caveats import test_openings
from tunelab.analysis.outcome import not_confirmed, verdict
from tunelab.analysis.published import WINNER, place_sentence, published_place
from tunelab.analysis.standing import headline, verdict_lines
from tunelab.documents.blocks import Block, Cell, Items, Note, Section, Table, Text
from tunelab.documents.cells import cell_text
from tunelab.records.baseline import Baseline
from tunelab.records.measure import Measure
from tunelab.records.result import SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.report.limits import MAX_ROWS
from tunelab.report.parameters import MAX_COLUMNS, parameter_names

BEST_ROWS = 10


def verdict_section(result: SweepResult) -> Section:
    """Return the verdict, the winner's margin, and everything a reader must know before believing it."""
    lines = list(verdict_lines(result))
    blocks: list[Block] = [Text(verdict(result))]
    if len(lines) > 1:
        blocks.append(Items([line.strip() for line in lines]))
    if len(result.test_openings) > 1:
        blocks.append(
            Note(
                f"{_sentence(test_openings(result))} What was chosen after the first opening may be fitted to it: "
                "its scores are no longer those of unseen data.",
                warning=True,
            )
        )
    if result.stopped:
        text = f"The search ended early ({result.stopped}) after {len(result.trials)} of {result.spec.trials} trials."
        blocks.append(Note(text, warning=True))
    failed = result.counts.failed + result.counts.diverged
    if failed:
        blocks.append(Note(f"{failed} of {len(result.trials)} trials failed or diverged; see Failures."))
    if result.confirmation is not None:
        blocks.append(Note(result.confirmation.verdict, warning=result.confirmation.better is False))
        if result.best is not None and result.best.members:
            blocks.append(Note("Fresh seeds judged single trials: the mean of trials that won was not trained again."))
    elif result.best is not None and result.front is None:
        blocks.append(Note(not_confirmed(result)))
    if result.facts.note:
        blocks.append(Note(result.facts.note))
    return Section("Verdict", blocks)


def best_section(result: SweepResult) -> Section:
    """Return the best configurations."""
    top = result.ranked()[:BEST_ROWS]
    winners = () if result.best is None else result.best.members or (result.best.trial,)
    marked = tuple(i for i, t in enumerate(top) if t.number in winners)
    caption = f"The best {len(top)} by {result.measure.phrase} in the search."
    loss = Text(f"{result.measure.description}.", soft=True)
    return Section("Best configurations", [loss, trial_table(top, result.measure, caption, marked, run_ids=False)])


def trial_table(
    trials: list[TrialRecord], measure: Measure, caption: str, marked: tuple[int, ...] = (), *, run_ids: bool = True
) -> Table:
    """Return trials with their loss, epochs and parameters; very many parameters share a column."""
    names = parameter_names(trials)
    together = len(names) > MAX_COLUMNS
    columns = ["trial", "status", measure.name, "best epoch", "epochs", *(["configuration"] if together else names)]
    rows: list[list[Cell]] = []
    for t in trials:
        best = t.best
        found: list[Cell] = [None, None] if best is None else [measure.value(best.val_loss), best.epoch]
        params = [_configuration(t)] if together else [t.params.get(name) for name in names]
        rows.append([str(t.number), t.status.label, *found, len(t.epochs), *params])
    if run_ids and any(t.run_id for t in trials):
        columns.append("run id")
        rows = [[*row, t.run_id or None] for row, t in zip(rows, trials, strict=True)]
    return Table(columns, rows, caption, marked)


def _configuration(trial: TrialRecord) -> str:
    """Return the parameters that a trial used, in one text."""
    return ", ".join(f"{name}={cell_text(value)}" for name, value in trial.params.items())


def baselines_section(result: SweepResult) -> Section | None:
    """Return the winner beside simple models, on validation and test."""
    best = result.best
    if best is None or not best.test:
        return None
    main = [n for n in best.test if n == result.facts.score]
    names = [*main, *(n for n in best.test if n not in main)]
    arrow = headline(result).rpartition(" ")[2]
    marks = {result.facts.score: f" {arrow}"}
    columns = ["model", *(f"{split} {n}{marks.get(n, '')}" for split in ("test", "validation") for n in names)]
    models = [
        Baseline("winner" if best.members else f"winner (trial {best.trial})", best.validation, best.test),
        *result.baselines,
    ]
    rows: list[list[Cell]] = [
        [m.name, *(m.test.get(n) for n in names), *(m.validation.get(n) for n in names)] for m in models
    ]
    unit = f" rmse and mae are in {result.facts.unit}." if result.facts.unit else ""
    direction = "higher" if result.facts.score_direction == "maximize" else "lower"
    text = f"The headline score is {result.facts.score}; {direction} is better.{unit}"
    return Section("Winner and baselines", [Text(text), Table(columns, rows, marked=(0,))])


def published_section(result: SweepResult) -> Section | None:
    """Return the winner among published results on the same test rows."""
    placed = published_place(result)
    if not placed:
        return None
    rows: list[list[Cell]] = [[row.model, row.test_rmse, row.source or None] for row in placed]
    marked = tuple(number for number, row in enumerate(placed) if row.model == WINNER)
    columns = ["model", f"test rmse ({result.facts.unit})" if result.facts.unit else "test rmse", "source"]
    return Section("Among published results", [Text(place_sentence(placed)), Table(columns, rows, marked=marked)])


def test_section(result: SweepResult) -> Section:
    """Return when the sealed test split was opened."""
    openings = [utc(moment) for moment in result.test_openings]
    if not openings:
        return Section("Test split", [Text("It was never opened: nothing here was measured on it.")])
    if len(openings) == 1:
        text = f"It was opened once, on {openings[0]}, after the winner had been chosen."
        return Section("Test split", [Text(text)])
    warning = Note(f"{_sentence(test_openings(result))} Its scores are no longer those of unseen data.", True)
    return Section("Test split", [warning, Table(["opening", "when"], [[i + 1, t] for i, t in enumerate(openings)])])


def failures_section(result: SweepResult) -> Section | None:
    """Return trials without a result, with their errors."""
    kinds = (TrialStatus.FAILED, TrialStatus.DIVERGED, TrialStatus.INTERRUPTED, TrialStatus.RUNNING)
    trials = [t for t in result.trials if t.status in kinds]
    if not trials:
        return None
    shown = trials[:MAX_ROWS]
    rows: list[list[Cell]] = [[str(t.number), t.status.label, len(t.epochs), _why(t), _configuration(t)] for t in shown]
    caption = "" if len(shown) == len(trials) else f"The first {len(shown)} of {len(trials):,}."
    return Section("Failures", [Table(["trial", "status", "epochs", "why", "configuration"], rows, caption)])


def _why(trial: TrialRecord) -> str | None:
    if trial.error:
        return trial.error.partition("\n")[0]
    return "the loss became NaN or infinite" if trial.status is TrialStatus.DIVERGED else None


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}."


def utc(moment: float) -> str:
    """Return a unix time as ``2026-11-23 03:10:54 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
