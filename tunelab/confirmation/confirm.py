"""Confirmation: the best trials and the reference configuration trained again on fresh seeds.

A search takes the best of many noisy values, so its winner looks better than it is. Fresh seeds show what is left; the
winner is the trial with the best mean, and it is called better than the reference only when that holds over seeds and
over validation rows (see ``statistics.py``). The reference is the task's own configuration: a trial's where
one had it, else (another space, ``--set``) it is trained here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from trainables import Splits, Task
from trainables.base.worker.assignment import TrialAssignment, weights_path
from trainables.base.worker.storage import Storage
from tunelab.analysis.confirmation_cost import (
    affordable_top,
    estimated_epochs,
    estimated_seconds,
    search_seconds,
    sooner_here,
)
from tunelab.confirmation.row_losses import constant_losses, row_losses
from tunelab.confirmation.verdict import NO_TRIAL, decide_verdict
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import assignment_for, retrain_here, retrain_on_ray
from tunelab.records.assessment.confirmation import Confirmation
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.tracking_store import TrackingStore
from tunelab.records.trial import TrialRecord

Training = Callable[[Sequence[TrialAssignment]], list[TrialRecord]]  # runs plans to their ends


def reference_of(result: SweepResult, task: Task) -> TrialRecord | None:
    """Return the trial of the task's reference configuration.

    A record without epochs, numbered ``NO_TRIAL``, when no trial had it; None when the task has no reference.
    """
    if not task.reference:
        return None
    config = task.space().config(task.reference)
    same = next((t for t in result.trials if dict(t.config) == config), None)
    like = result.ranked()[0]
    return same or replace(like, number=NO_TRIAL, params=dict(task.reference), config=config, epochs=(), run_id="")


def leaders(result: SweepResult) -> list[TrialRecord]:
    """Return the trials with a result, best first: by cross-validation those that it compared, then by loss."""
    ranked, found = result.ranked(), result.cross_validation
    if found is None:
        return ranked
    place = {row.trial: i for i, row in enumerate(found.rows)}
    return sorted(ranked, key=lambda t: place.get(t.number, len(place)))  # a stable sort


def candidates(result: SweepResult, task: Task, top: int) -> list[TrialRecord]:
    """Return the best ``top`` trials besides the reference, best first, then the reference when the task has one."""
    reference = reference_of(result, task)
    if reference is None:
        return leaders(result)[:top]
    best = [t for t in leaders(result) if dict(t.config) != dict(reference.config)]
    return [*best[:top], reference]


def confirm_count(result: SweepResult, task: Task, confirm_top: int | None, seeds: int) -> int:
    """Return how many trials are confirmed: what the user asked for, else as many of the best three as are cheap.

    In deterministic mode the cost is counted in epochs, which do not depend on the machine.
    """
    if confirm_top is not None:
        return confirm_top
    deterministic = result.spec.deterministic

    def cost_of(top: int) -> float:
        chosen = candidates(result, task, top)
        return estimated_epochs(chosen, seeds) if deterministic else estimated_seconds(result, chosen, seeds)

    search = result.epochs if deterministic else search_seconds(result)
    return affordable_top(len(result.trials), cost_of, search)


def choose_winner(result: SweepResult) -> TrialRecord:
    """Return the trial that the confirmation chose, else the best by cross-validation or by validation loss.

    Of several objectives it is the leader of the Pareto front.
    """
    ranked = leaders(result)
    leader = None if result.front is None else result.front.leader
    if result.confirmation is None and leader is None:
        return ranked[0]
    chosen = leader.trial if leader is not None else result.confirmation.winner if result.confirmation else None
    return next((t for t in ranked if t.number == chosen), ranked[0])


def median_run(result: SweepResult) -> tuple[int, float] | None:
    """Return seed and validation loss of the winner's run on fresh seeds that has the median loss, the lower of two.

    None without a confirmation, or when not all of its runs have a result.
    """
    found = result.confirmation
    if found is None or len(found.winner_row.val_losses) < len(found.seeds):
        return None
    runs = sorted(zip(found.winner_row.val_losses, found.seeds, strict=True))
    loss, seed = runs[(len(runs) - 1) // 2]
    return seed, loss


def confirm(
    result: SweepResult,
    task: Task,
    splits: Splits,
    resources: Resources,
    *,
    top: int,
    seeds: int,
    storage: str,
    log: Callable[[str], None],
) -> Confirmation:
    """Train the ``top`` best trials and the reference on fresh seeds, in parallel on the running Ray.

    Short runs are trained in this process, which takes less time than starting workers; their losses are the same.

    Args:
        result: The sweep, with a trial that has a result.
        task: What it learned.
        splits: The task's data.
        resources: What one trial takes.
        top: Number of trials besides the reference.
        seeds: Number of fresh seeds for each.
        storage: URI of a folder for weights, emptied afterwards.
        log: Shows a step to the user.

    Returns:
        The winner and its verdict.
    """

    def train(plans: Sequence[TrialAssignment]) -> list[TrialRecord]:
        log(f"confirming {len(plans) // seeds} configurations on {seeds} fresh seeds")
        if sooner_here(candidates(result, task, top), seeds):
            return retrain_here(plans, task, splits.training)
        return retrain_on_ray(plans, task, splits.training, resources, result.concurrency)

    return confirm_with(train, result, task, splits, top=top, seeds=seeds, storage=storage)


def confirm_with(
    train: Training, result: SweepResult, task: Task, splits: Splits, *, top: int, seeds: int, storage: str
) -> Confirmation:
    """Confirm as ``confirm`` does, with ``train`` in place of Ray."""
    chosen = candidates(result, task, top)
    fresh = [derive_seed(result.spec.seed, "confirm", i) for i in range(seeds)]
    plans = [
        assignment_for(trial, number, seed, storage)
        for number, (trial, seed) in enumerate((t, s) for t in chosen for s in fresh)
    ]
    records = train(plans)
    by_trial = {t.number: records[i * seeds : (i + 1) * seeds] for i, t in enumerate(chosen)}
    rows_of = {t.number: _mean_row_losses(t, by_trial[t.number], task, splits, storage) for t in chosen}
    for folder in ("weights", "checkpoints"):
        Storage(storage).delete(folder)
    reference = chosen[-1].number if task.reference else None
    losses = {n: [r.val_loss for r in runs if r.has_result] for n, runs in by_trial.items()}
    constant = constant_losses(task, splits)
    preferred = None if result.cross_validation is None else result.cross_validation.winner
    found = decide_verdict(losses, rows_of, reference, constant, len(result.ranked()), preferred, result.measure)
    return replace(found, seeds=tuple(fresh), train_seconds=sum(r.train_seconds for r in records))


def log_confirmation(result: SweepResult, store: TrackingStore) -> None:
    """Write the losses on fresh seeds to the runs of the confirmed trials."""
    assert result.confirmation is not None
    runs: Mapping[int | None, str] = {t.number: t.run_id for t in result.trials}
    for row in result.confirmation.rows:
        if not runs.get(row.trial):
            continue
        metrics = {"confirm_mean": row.mean, "confirm_half_width": row.half_width}
        if row.difference is not None:
            metrics["confirm_difference"] = row.difference
        outcome = "reference" if row.better is None else "better" if row.better else "not better"
        store.log_metrics(runs[row.trial], metrics, {"tunelab.confirm": outcome})


def _mean_row_losses(
    trial: TrialRecord, runs: Sequence[TrialRecord], task: Task, splits: Splits, storage: str
) -> np.ndarray | None:
    """Return losses of validation rows (n,) of the best epochs, averaged over the runs; None where not known."""
    from safetensors.torch import load  # torch loads only now: training begins without it

    found: list[np.ndarray] = []
    for run in runs:
        if not run.has_result:
            continue
        try:
            weights = load(Storage(storage).read(weights_path(run.number)))
        except FileNotFoundError:  # a task that yields no weights
            return None
        losses = row_losses(task, task.predictor(trial.config, weights, splits), splits)
        if losses is None:
            return None
        found.append(losses)
    return np.mean(found, axis=0) if found else None
