"""Audit of early stopping: some stopped trials, drawn at random, are trained to the end of their budget.

Stopping is free of cost when whoever is behind at a rung is behind at the end. The audit shows how far that holds
here: how ranks at the rung and at the end agree, and whether a trial was lost that would have won.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables import Splits, Task
from tunelab.confirmation.confirm import choose_winner, median_run
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import assignment_for, retrain_on_ray
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.trial import TrialRecord, TrialStatus
from tunelab.search.asha import best_until

AGREEMENT = 0.5  # rank correlation below which ranks at a rung say little about the end
RELEVANT_REGRET = 0.01  # of the winner's loss


def sample(stopped: Sequence[TrialRecord], seed: int, count: int) -> list[TrialRecord]:
    """So many of the stopped trials, drawn by the sweep's seed, numbers ascending."""
    drawn = random.Random(derive_seed(seed, "audit", 0)).sample(list(stopped), min(count, len(stopped)))
    return sorted(drawn, key=lambda t: t.number)


def audit(
    result: SweepResult,
    task: Task,
    splits: Splits,
    resources: Resources,
    *,
    count: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Finishes ``count`` of the stopped trials, from the start with their own seeds, in parallel on the running Ray.

    Returns:
        See ``conclude``, and ``train_seconds``; empty when no trial was stopped.
    """
    winner = choose_winner(result)
    stopped = [t for t in result.trials if t.status is TrialStatus.STOPPED and t is not winner]
    drawn = sample(stopped, int(result.spec["seed"]), count)
    if not drawn:
        say(f"--audit {count}: no trial was stopped early, so there is nothing to finish")
        return {}
    say(f"finishing {len(drawn)} of {len(stopped)} stopped trials to see what stopping cost")
    plans = [assignment_for(trial, number, trial.seed) for number, trial in enumerate(drawn)]
    runs = retrain_on_ray(plans, task, splits.training, resources, result.concurrency)
    whole = median_run(result) if winner.status is TrialStatus.STOPPED else None
    winner_loss = winner.val_loss if whole is None else whole[1]
    found = conclude(result.trials, dict(zip([t.number for t in drawn], runs, strict=True)), winner.number, winner_loss)
    return {**found, "train_seconds": sum(t.train_seconds for t in runs)}


def conclude(
    trials: Sequence[TrialRecord], finished: Mapping[int, TrialRecord], winner: int, winner_loss: float
) -> dict[str, Any]:
    """What the audited trials say.

    Args:
        trials: of the sweep.
        finished: whole runs of stopped trials, by their numbers.
        winner: the sweep's, by number.
        winner_loss: of its whole run: where the search had stopped it, of the median run on fresh seeds.

    Returns:
        JSON values: ``rows`` (one an audited trial: ``trial``, ``rung`` (epoch at which it was stopped),
        ``rung_val_loss``, ``final_val_loss`` (None when it diverged or failed), ``same_until_rung`` (whether the
        second run went as the first)), ``level`` (epoch of the first rung), ``compared`` (audited and finished
        trials), ``rank_correlation`` (Spearman's, of their best loss up to ``level`` and at the end; None below 3),
        ``winner_val_loss``, ``regret`` (by how much the best audited trial would have beaten the winner; 0 when none),
        ``would_have_won`` (how many of the audited), ``estimated_lost`` (how many of all stopped trials would have,
        by their share), ``flagged`` and ``verdict`` (a sentence).
    """
    by_number = {t.number: t for t in trials}
    stopped = [t for t in trials if t.status is TrialStatus.STOPPED and t.number != winner]
    ended = {n: t for n, t in finished.items() if t.has_result}
    rows = [
        {
            "trial": n,
            "rung": by_number[n].epochs[-1].epoch,
            "rung_val_loss": by_number[n].val_loss,
            "final_val_loss": t.val_loss if t.has_result else None,
            "same_until_rung": _same(by_number[n], t),
        }
        for n, t in finished.items()
    ]
    level = min(t.epochs[-1].epoch for t in stopped)
    whole = [t for t in trials if t.status == TrialStatus.FINISHED] + list(ended.values())
    pairs = [(best_until(t.epochs, level), t.val_loss) for t in whole]
    correlation = _spearman(pairs)
    lost = [t for t in ended.values() if t.val_loss < winner_loss]
    regret = winner_loss - min((t.val_loss for t in lost), default=winner_loss)
    disagree = correlation is not None and correlation < AGREEMENT
    relevant = regret > RELEVANT_REGRET * abs(winner_loss)
    return {
        "rows": rows,
        "level": level,
        "compared": len(pairs),
        "rank_correlation": correlation,
        "winner_val_loss": winner_loss,
        "regret": regret,
        "would_have_won": len(lost),
        "estimated_lost": len(lost) / len(finished) * len(stopped),
        "flagged": disagree or relevant,
        "verdict": _verdict(len(finished), len(stopped), correlation, level, regret, len(lost), disagree or relevant),
    }


def _same(before: TrialRecord, again: TrialRecord) -> bool:
    return [e.val_loss for e in before.epochs] == [e.val_loss for e in again.epochs[: len(before.epochs)]]


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's rank correlation; None for fewer than three pairs or when one side has no ranks."""
    early, late = [p[0] for p in pairs], [p[1] for p in pairs]
    if len(pairs) < 3 or len(set(early)) < 2 or len(set(late)) < 2:
        return None
    from scipy import stats  # slow to load, and few sweeps are audited

    return float(stats.spearmanr(early, late).statistic)


def _verdict(
    audited: int, stopped: int, correlation: float | None, level: int, regret: float, lost: int, flagged: bool
) -> str:
    text = f"{audited} of {stopped} stopped trials were finished: "
    text += (
        f"{lost} would have beaten the winner, by up to {regret:.3g}" if lost else "none would have beaten the winner"
    )
    if correlation is not None:
        text += f"; rank correlation of epoch {level} and the end is {correlation:.2f}"
    if flagged:
        return f"{text}. Early stopping costs results here: raise --grace-period, or use --scheduler none."
    return f"{text}. Early stopping cost no result that this sample shows."
