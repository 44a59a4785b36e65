"""Confirmation: the best trials and the reference configuration trained again on fresh seeds.

A search takes the best of many noisy values, so its winner looks better than it is. Fresh seeds show what is left; the
winner is the configuration with the best mean, and it is called better than the reference only when that holds over
seeds and over validation rows (see ``sweeps/significance.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sweeps.records import TrialRecord
from sweeps.resources import Resources
from sweeps.result import SweepResult
from sweeps.retraining import retrain_all
from sweeps.row_losses import constant_losses, row_losses
from sweeps.seeds import derive_seed
from sweeps.significance import LEVEL, Difference, compare, mean_interval
from trainables import Splits, Task
from trainables.base.plan import TrialPlan, weights_path
from trainables.base.storage import Storage

DEFAULT_TOP = 3
DEFAULT_MIN_TRIALS = 20  # sweeps below are small enough to be looked at by hand
DEFAULT_SHARE = 0.25  # of the sweep's training time that a confirmation nobody asked for may cost


def candidates(result: SweepResult, task: Task, top: int) -> list[TrialRecord]:
    """The best ``top`` trials besides the reference, best first, and then the reference when the task has one."""
    reference = [t for t in result.trials if t.number == 0 and task.reference]
    best = [t for t in result.ranked() if t not in reference]
    return best[:top] + reference


def confirmed_top(result: SweepResult, task: Task, confirm_top: int | None, seeds: int) -> int:
    """How many trials are confirmed: what the user says, else three when that is cheap beside the sweep."""
    if confirm_top is not None:
        return confirm_top
    if len(result.trials) < DEFAULT_MIN_TRIALS:
        return 0
    cost = estimated_seconds(candidates(result, task, DEFAULT_TOP), seeds)
    return DEFAULT_TOP if cost < DEFAULT_SHARE * result.train_seconds else 0


def estimated_seconds(trials: Sequence[TrialRecord], seeds: int) -> float:
    """Training seconds that whole runs of these trials take on so many seeds, by what their epochs took."""
    return sum(t.train_seconds / max(1, len(t.epochs)) * t.max_epochs * seeds for t in trials)


def confirm(
    result: SweepResult,
    task: Task,
    splits: Splits,
    resources: Resources,
    *,
    top: int,
    seeds: int,
    storage: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Trains the ``top`` best trials and the reference on fresh seeds, in parallel on the running Ray.

    Args:
        result: with trials.
        task, splits: what was learned.
        resources: of one trial.
        top: how many of the best.
        seeds: how many fresh seeds each.
        storage: URI of a folder for weights, emptied afterwards.
        say: shows a step to the user.

    Returns:
        JSON values: ``seeds`` (list of int), ``rows`` (one a configuration, best mean first: ``trial``, ``name``,
        ``val_losses`` by seed, ``failed`` (runs without result), ``mean`` and ``half_width`` of its 95 % interval,
        and against the reference ``difference``, ``difference_half_width``, ``p_seeds``, ``p_rows``, ``p_constant``,
        ``better``; these are None for the reference and without one), ``winner`` (trial number), ``reference``
        (trial number or None), ``better`` (whether the winner is better than the reference; None without one),
        ``constant_val_loss`` (of predicting a constant, or None), ``verdict`` (a sentence), ``train_seconds``.
    """
    chosen = candidates(result, task, top)
    fresh = [derive_seed(int(result.spec["seed"]), "confirm", i) for i in range(seeds)]
    say(f"confirming {len(chosen)} configurations on {seeds} fresh seeds")
    plans = [
        plan_of(trial, number, seed, storage)
        for number, (trial, seed) in enumerate((t, s) for t in chosen for s in fresh)
    ]
    records = retrain_all(plans, task, splits.training, resources, result.concurrency)
    by_trial = {t.number: records[i * seeds : (i + 1) * seeds] for i, t in enumerate(chosen)}
    rows_of = {t.number: _mean_row_losses(t, by_trial[t.number], task, splits, storage) for t in chosen}
    for folder in ("weights", "checkpoints"):
        Storage(storage).delete(folder)
    reference = next((t.number for t in chosen if t.number == 0 and task.reference), None)
    losses = {n: [r.val_loss for r in runs if r.has_result] for n, runs in by_trial.items()}
    found = conclude(losses, rows_of, reference, constant_losses(task.facts.kind, splits), len(result.ranked()))
    return {"seeds": fresh, **found, "train_seconds": sum(r.train_seconds for r in records)}


def log_confirmation(result: SweepResult, store: Any) -> None:
    """Writes the figures of fresh seeds to the runs of the confirmed trials."""
    runs = {t.number: t.run_id for t in result.trials}
    for row in result.confirmation["rows"]:
        figures = {f"confirm_{key}": row[key] for key in ("mean", "half_width", "difference") if row[key] is not None}
        tags = {
            "tunelab.confirm": "reference" if row["better"] is None else "better" if row["better"] else "not better"
        }
        if runs[row["trial"]]:
            store.log_figures(runs[row["trial"]], figures, tags)


def plan_of(trial: TrialRecord, number: int, seed: int, storage: str = "") -> TrialPlan:
    """A whole run of a trial's configuration with the threads and the device it had."""
    return TrialPlan(
        number=number,
        config=trial.config,
        seed=seed,
        max_epochs=trial.max_epochs,
        threads=int(trial.worker.get("threads", 1)),
        device=str(trial.worker.get("device", "cpu")),
        storage=storage,
    )


def conclude(
    losses: dict[int, list[float]],
    rows_of: dict[int, np.ndarray | None],
    reference: int | None,
    constant: np.ndarray | None,
    searched: int,
) -> dict[str, Any]:
    """The statistics of a confirmation; see ``confirm`` for the keys.

    Args:
        losses: validation losses on fresh seeds by trial number; fewer where runs failed.
        rows_of: losses of validation rows (n,), averaged over seeds, by trial number.
        reference: its number; None without one.
        constant: losses of validation rows when a constant is predicted.
        searched: trials with a result that the candidates were chosen from.
    """
    differences: dict[int, Difference] = {}
    rivals = [n for n in losses if n != reference and len(losses[n]) > 1]
    if reference is not None and len(losses[reference]) > 1:
        against = compare(
            [losses[n] for n in rivals],
            losses[reference],
            searched=searched,
            candidate_rows=[rows_of[n] for n in rivals],
            reference_rows=rows_of[reference],
            constant_rows=constant,
        )
        differences = dict(zip(rivals, against, strict=True))
    most = max(len(values) for values in losses.values())
    rows = [_row(n, values, most, n == reference, differences.get(n)) for n, values in losses.items()]
    rows.sort(key=lambda row: (math.inf if math.isnan(row["mean"]) else row["mean"], row["trial"]))
    whole = [row for row in rows if not row["failed"] and not math.isnan(row["mean"])] or rows
    winner = whole[0]
    better = None if reference is None else winner["trial"] != reference and bool(winner["better"])
    return {
        "rows": rows,
        "winner": winner["trial"],
        "reference": reference,
        "better": better,
        "constant_val_loss": None if constant is None else float(constant.mean()),
        "verdict": _verdict(winner, next((r for r in rows if r["trial"] == reference), None), constant),
    }


def _row(number: int, values: list[float], runs: int, is_reference: bool, d: Difference | None) -> dict[str, Any]:
    mean, half_width = mean_interval(values)
    return {
        "trial": number,
        "name": "reference" if is_reference else f"trial {number}",
        "val_losses": values,
        "failed": runs - len(values),
        "mean": mean,
        "half_width": half_width,
        "difference": None if d is None else d.mean,
        "difference_half_width": None if d is None else d.half_width,
        "p_seeds": None if d is None else d.p_seeds,
        "p_rows": None if d is None else d.p_rows,
        "p_constant": None if d is None else d.p_constant,
        "better": None if d is None else d.is_better,
    }


def _verdict(winner: dict[str, Any], reference: dict[str, Any] | None, constant: np.ndarray | None) -> str:
    figures = f"{winner['mean']:.4g} ± {winner['half_width']:.2g}"
    if reference is None:
        return (
            f"On fresh seeds {winner['name']} is best with val_loss {figures}; there is no reference to compare with."
        )
    other = f"{reference['mean']:.4g} ± {reference['half_width']:.2g}"
    if winner is reference:
        return f"No trial is better than the reference: on fresh seeds it has the best val_loss, {other}."
    if winner["better"]:
        return (
            f"On fresh seeds {winner['name']} is better than the reference: val_loss {figures} against {other}, "
            f"difference {winner['difference']:.3g} ± {winner['difference_half_width']:.2g}."
        )
    why = "so large a difference arises from seeds alone"
    if winner["difference"] is None:
        why = "too few runs on fresh seeds ended with a result"
    elif (winner["p_constant"] or 0) >= LEVEL and constant is not None:
        why = f"neither is shown to predict better than a constant, whose val_loss is {constant.mean():.4g}"
    elif winner["p_seeds"] < LEVEL:
        why = "over validation rows so large a difference arises by chance among the trials searched"
    return (
        f"No difference to the reference is shown: {winner['name']} has val_loss {figures} on fresh seeds, "
        f"the reference {other}; {why}."
    )


def _mean_row_losses(
    trial: TrialRecord, runs: Sequence[TrialRecord], task: Task, splits: Splits, storage: str
) -> np.ndarray | None:
    """Losses of validation rows (n,) with the best epoch's weights, averaged over the runs; None where not known."""
    from safetensors.torch import load  # torch loads only now: training begins without it

    found: list[np.ndarray] = []
    for run in runs:
        if not run.has_result:
            continue
        try:
            weights = load(Storage(storage).read(weights_path(run.number)))
        except FileNotFoundError:  # a task that yields no weights
            return None
        losses = row_losses(task.facts.kind, task.predictor(trial.config, weights, splits), splits)
        if losses is None:
            return None
        found.append(losses)
    return np.mean(found, axis=0) if found else None
