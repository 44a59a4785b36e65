"""What came out: the verdict, the best configurations, baselines, confirmation, the test set."""

from __future__ import annotations

import time

from tunelab.confirmation.cost import not_confirmed
from tunelab.documents.document import Block, Cell, Note, Section, Table, Text
from tunelab.documents.page import number
from tunelab.records.result import Baseline, Best, SweepResult
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.report.limits import MAX_ROWS

BEST_ROWS = 10


def reference_trial(result: SweepResult) -> TrialRecord | None:
    """The trial of the task's reference configuration; None when no trial had it (``--set``, another space)."""
    if result.confirmation:
        return next((t for t in result.trials if t.number == result.confirmation["reference"]), None)
    own = not result.spec["set"] and result.spec["space"] is None
    known = own and any(b.name == "reference" for b in result.baselines)
    return next((t for t in result.trials if t.number == 0 and known), None)


def verdict(result: SweepResult) -> str:
    """The outcome in one sentence."""
    best = result.best
    if best is None:
        count = len(result.trials)
        return f"None of {count} trials has a result: {count_text(result)}."
    text = f"{_who(best)} won of {len(result.trials)} trials, with a validation loss of {number(best.val_loss)}"
    reference = reference_trial(result)
    if reference is not None and reference.number != best.trial:
        text += f" (reference configuration: {number(reference.val_loss)})"
    elif reference is not None and not best.members:
        text += " (it is the reference configuration"
        text += ")" if result.confirmation else ": the search found none better)"
    text += f", {_standing(result)}"
    score = str(result.facts["score"])
    if score in best.test:
        text += f"; on the test split its {score} is {number(best.test[score])}{_unit(result, score)}"
        rivals = sorted((b for b in result.baselines if score in b.test), key=lambda b: _cost(result, b.test[score]))
        if rivals:
            text += f", {_against(result, best.test[score], rivals[0])}"
    return text + "."


def _who(best: Best) -> str:
    if best.members:
        return f"The mean of trials {', '.join(map(str, best.members))}"
    retrained = ", stopped by the search and trained to its end since," if best.seed is not None else ""
    return f"Trial {best.trial}{retrained}"


def _standing(result: SweepResult) -> str:
    """What fresh seeds say of the winner, a few words."""
    assert result.best is not None
    found = result.confirmation
    if result.best.members and found:
        return "itself not confirmed on fresh seeds"
    if not found:
        return "not confirmed on fresh seeds"
    if found["better"] is None:
        return "trained again on fresh seeds, with no reference to compare with"
    if found["winner"] == found["reference"]:
        return "and no other came out better on fresh seeds"
    return f"{'better' if found['better'] else 'not shown to be better'} than the reference on fresh seeds"


def _against(result: SweepResult, own: float, rival: Baseline) -> str:
    score = str(result.facts["score"])
    value = rival.test[score]
    if _cost(result, own) < _cost(result, value):
        relation = "better than"
    elif own == value:
        relation = "equal to"
    else:
        relation = "not better than"
    return f"{relation} the best baseline ({rival.name}, {number(value)})"


def _cost(result: SweepResult, score: float) -> float:
    return -score if result.facts["score_direction"] == "maximize" else score


def _unit(result: SweepResult, score: str) -> str:
    unit = result.facts["unit"]
    if not unit or score not in ("rmse", "mae"):
        return ""
    return f" × {unit}" if unit[0].isdigit() else f" {unit}"


def count_text(result: SweepResult) -> str:
    """How the trials ended: ``3 finished, 21 stopped early``."""
    counts = result.counts
    named = {
        "finished": counts.finished,
        "stopped early": counts.stopped_early,
        "diverged": counts.diverged,
        "failed": counts.failed,
        "interrupted": counts.interrupted,
    }
    return ", ".join(f"{count} {name}" for name, count in named.items() if count) or "no trial ended"


def verdict_section(result: SweepResult) -> Section:
    """The verdict and everything a reader must know before believing it."""
    blocks: list[Block] = [Text(verdict(result))]
    if len(result.test_openings) > 1:
        blocks.append(
            Note(
                f"The test split was opened {len(result.test_openings)} times. Whatever was chosen after the first "
                "opening may be fitted to it: its figures are no longer those of unseen data.",
                warning=True,
            )
        )
    if result.stopped:
        text = (
            f"The search ended early ({result.stopped}) after {len(result.trials)} of {result.spec['trials']} trials."
        )
        blocks.append(Note(text, warning=True))
    failed = result.counts.failed + result.counts.diverged
    if failed:
        blocks.append(Note(f"{failed} of {len(result.trials)} trials failed or diverged; see Failures."))
    if result.confirmation:
        blocks.append(Note(result.confirmation["verdict"], warning=result.confirmation["better"] is False))
        if result.best is not None and result.best.members:
            blocks.append(Note("Fresh seeds judged single trials: the mean of trials that won was not trained again."))
    elif result.best is not None:
        blocks.append(Note(not_confirmed(result)))
    if result.facts["note"]:
        blocks.append(Note(str(result.facts["note"])))
    return Section("Verdict", blocks)


def best_section(result: SweepResult) -> Section:
    """The best configurations."""
    top = result.ranked()[:BEST_ROWS]
    winners = () if result.best is None else result.best.members or (result.best.trial,)
    marked = tuple(i for i, t in enumerate(top) if t.number in winners)
    caption = f"The best {len(top)} by validation loss in the search."
    return Section("Best configurations", [trial_table(top, caption, marked)])


def trial_table(
    trials: list[TrialRecord], caption: str, marked: tuple[int, ...] = (), *, folded: str = "", status: bool = True
) -> Table:
    """Trials with their loss, epochs and parameters."""
    names = list(dict.fromkeys(name for t in trials for name in t.params))
    columns = ["trial", *(["status"] if status else []), "val_loss", "best epoch", "epochs", *names, "run id"]
    rows: list[list[Cell]] = []
    for t in trials:
        best = t.best
        how: list[Cell] = [status_text(t)] if status else []
        found: list[Cell] = [None, None] if best is None else [best.val_loss, best.epoch]
        rows.append(
            [str(t.number), *how, *found, len(t.epochs), *(t.params.get(n) for n in names), t.run_id[:8] or None]
        )
    return Table(columns, rows, caption, marked, folded)


def status_text(trial: TrialRecord) -> str:
    return trial.status.value.replace("_", " ")


def baselines_section(result: SweepResult) -> Section | None:
    """The winner beside simple models, on validation and test."""
    best = result.best
    if best is None or not best.test:
        return None
    headline = [n for n in best.test if n == result.facts["score"]]
    names = [*headline, *(n for n in best.test if n not in headline)]
    columns = ["model", *(f"test {n}" for n in names), *(f"validation {n}" for n in names)]
    models = [
        Baseline("winner" if best.members else f"winner (trial {best.trial})", best.validation, best.test),
        *result.baselines,
    ]
    rows: list[list[Cell]] = [
        [m.name, *(m.test.get(n) for n in names), *(m.validation.get(n) for n in names)] for m in models
    ]
    unit = f" rmse and mae are in {result.facts['unit']}." if result.facts["unit"] else ""
    direction = "higher" if result.facts["score_direction"] == "maximize" else "lower"
    text = f"The headline score is {result.facts['score']}; {direction} is better.{unit}"
    return Section("Winner and baselines", [Text(text), Table(columns, rows, marked=(0,))])


def test_section(result: SweepResult) -> Section:
    """When the sealed test split was opened."""
    openings = [utc(moment) for moment in result.test_openings]
    if not openings:
        return Section("Test split", [Text("It was never opened: nothing here was measured on it.")])
    if len(openings) == 1:
        text = f"It was opened once, on {openings[0]}, after the winner had been chosen."
        return Section("Test split", [Text(text)])
    warning = Note(f"It was opened {len(openings)} times: its figures are no longer those of unseen data.", True)
    return Section("Test split", [warning, Table(["opening", "when"], [[i + 1, t] for i, t in enumerate(openings)])])


def failures_section(result: SweepResult) -> Section | None:
    """Trials without a result, with their errors."""
    kinds = (TrialStatus.FAILED, TrialStatus.DIVERGED, TrialStatus.INTERRUPTED, TrialStatus.RUNNING)
    trials = [t for t in result.trials if t.status in kinds]
    if not trials:
        return None
    shown = trials[:MAX_ROWS]
    names = list(dict.fromkeys(name for t in shown for name in t.params))
    rows: list[list[Cell]] = [
        [str(t.number), status_text(t), len(t.epochs), _why(t), *(t.params.get(n) for n in names)] for t in shown
    ]
    caption = "" if len(shown) == len(trials) else f"The first {len(shown)} of {len(trials):,}."
    return Section("Failures", [Table(["trial", "status", "epochs", "why", *names], rows, caption)])


def _why(trial: TrialRecord) -> str | None:
    if trial.error:
        return trial.error.partition("\n")[0]
    return "the loss became NaN or infinite" if trial.status is TrialStatus.DIVERGED else None


def utc(moment: float) -> str:
    """A unix time as ``2026-11-23 03:10:54 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
