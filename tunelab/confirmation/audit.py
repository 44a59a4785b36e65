"""Audit of early stopping: some stopped trials, drawn at random, are trained to the end of their budget.

Early stopping costs nothing when a trial that is behind at a rung is also behind at the end. The audit shows how far
that holds: how well ranks at the rung and at the end agree, and whether a trial was lost that would have won.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from trainables import Splits, Task
from tunelab.confirmation.confirm import choose_winner, median_run
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import assignment_for, retrain_on_ray
from tunelab.records.assessment.audit import AGREEMENT, Audit, AuditRow
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.text import format_number
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import best_until

RELEVANT_REGRET = 0.01  # of the winner's loss


def sample(stopped: Sequence[TrialRecord], seed: int, count: int) -> list[TrialRecord]:
    """Draw at most ``count`` of the stopped trials by the sweep's seed; numbers ascending."""
    drawn = random.Random(derive_seed(seed, "audit", 0)).sample(list(stopped), min(count, len(stopped)))
    return sorted(drawn, key=lambda t: t.number)


def audit(
    result: SweepResult,
    task: Task,
    splits: Splits,
    resources: Resources,
    *,
    count: int,
    log: Callable[[str], None],
) -> Audit | None:
    """Train some stopped trials to the end, from the start with their own seeds, in parallel on the running Ray.

    Args:
        result: The sweep.
        task: What it learned.
        splits: The task's data.
        resources: What one trial takes.
        count: Number of stopped trials to train.
        log: Shows a step to the user.

    Returns:
        What the audited trials reached; None when no trial was stopped.
    """
    winner = choose_winner(result)
    stopped = [t for t in result.trials if t.status is TrialStatus.STOPPED and t is not winner]
    drawn = sample(stopped, result.spec.seed, count)
    if not drawn:
        log(f"--audit {count}: no trial was stopped early, so there is nothing to finish")
        return None
    log(f"finishing {len(drawn)} of {len(stopped)} stopped trials to see what stopping cost")
    plans = [assignment_for(trial, number, trial.seed) for number, trial in enumerate(drawn)]
    runs = retrain_on_ray(plans, task, splits.training, resources, result.concurrency)
    whole = median_run(result) if winner.status is TrialStatus.STOPPED else None
    winner_loss = winner.val_loss if whole is None else whole[1]
    finished = dict(zip([t.number for t in drawn], runs, strict=True))
    found = judge_stopping(result.trials, finished, winner.number, winner_loss)
    return replace(found, train_seconds=sum(t.train_seconds for t in runs))


def judge_stopping(
    trials: Sequence[TrialRecord], finished: Mapping[int, TrialRecord], winner: int, winner_loss: float
) -> Audit:
    """Estimate from the audited trials what early stopping cost.

    Args:
        trials: All trials of the sweep.
        finished: Whole runs of stopped trials, by their numbers.
        winner: The sweep's, by number.
        winner_loss: Validation loss of its whole run: where the search had stopped it, of the median run on fresh
            seeds.

    Returns:
        The audit, without its training time.
    """
    by_number = {t.number: t for t in trials}
    stopped = [t for t in trials if t.status is TrialStatus.STOPPED and t.number != winner]
    ended = [t for t in finished.values() if t.has_result]
    level = min(t.epochs[-1].epoch for t in stopped)
    whole = [t for t in trials if t.status is TrialStatus.FINISHED] + ended
    pairs = [(best_until(t.epochs, level), t.val_loss) for t in whole]
    correlation = _spearman(pairs)
    lost = [t for t in ended if t.val_loss < winner_loss]
    regret = winner_loss - min((t.val_loss for t in lost), default=winner_loss)
    disagree = correlation is not None and correlation < AGREEMENT
    found = Audit(
        rows=tuple(_row(by_number[number], run) for number, run in finished.items()),
        level=level,
        compared=len(pairs),
        rank_correlation=correlation,
        winner_val_loss=winner_loss,
        regret=regret,
        would_have_won=len(lost),
        estimated_lost=len(lost) / len(finished) * len(stopped),
        flagged=disagree or regret > RELEVANT_REGRET * abs(winner_loss),
        verdict="",
    )
    return replace(found, verdict=_verdict(found, len(stopped)))


def _row(before: TrialRecord, whole: TrialRecord) -> AuditRow:
    return AuditRow(
        trial=before.number,
        rung=before.epochs[-1].epoch,
        rung_val_loss=before.val_loss,
        final_val_loss=whole.val_loss if whole.has_result else None,
        same_until_rung=_same(before, whole),
    )


def _same(before: TrialRecord, again: TrialRecord) -> bool:
    return [e.val_loss for e in before.epochs] == [e.val_loss for e in again.epochs[: len(before.epochs)]]


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Spearman's rank correlation; None for fewer than three pairs or when one side has no ranks."""
    early, late = [p[0] for p in pairs], [p[1] for p in pairs]
    if len(pairs) < 3 or len(set(early)) < 2 or len(set(late)) < 2:
        return None
    from scipy import stats  # slow to load, and few sweeps are audited

    return float(stats.spearmanr(early, late).statistic)


def _verdict(found: Audit, stopped: int) -> str:
    text = f"{len(found.rows)} of {stopped} stopped trials were finished: "
    if found.would_have_won:
        text += f"{found.would_have_won} would have beaten the winner, by up to {format_number(found.regret, 3)}"
    else:
        text += "none would have beaten the winner"
    if found.rank_correlation is not None:
        text += f"; rank correlation of epoch {found.level} and the end is {format_number(found.rank_correlation, 2)}"
    if found.flagged:
        return f"{text}. Early stopping costs results here: raise --grace-period, or use --scheduler none."
    return f"{text}. Early stopping cost no result that this sample shows."
