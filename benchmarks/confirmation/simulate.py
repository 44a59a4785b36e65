"""One simulated sweep: a real search and a real confirmation, in this process and without Ray."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.confirmation.spec import NOISE, PLANTED, SPACE, ConfirmationSpec
from trainables import Splits, get_task
from trainables.base.training.compute import cpu_threads
from trainables.base.worker.assignment import TrialAssignment
from tunelab.confirmation.confirm import confirm_with
from tunelab.confirmation.statistics import LEVEL
from tunelab.launch.local import search_here
from tunelab.launch.retraining import retrain_here
from tunelab.records.assessment.baseline import REFERENCE
from tunelab.records.assessment.confirmation import ConfirmationRow
from tunelab.records.seeds import derive_seed
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import TrialRecord


@dataclass(frozen=True)
class Simulated:
    """What one sweep said.

    Attributes:
        task, case, number: which.
        searched_better: whether the search met a lower validation loss than the reference's own.
        seeds_better: whether the winner is better over fresh seeds alone.
        rows_better: whether over seeds and validation rows.
        better: what the confirmation says, which also asks whether anything can be predicted at all.
        winner, reference, constant: mean validation losses of the winner and the reference on fresh seeds, and that of
            predicting a constant; NaN where runs failed.
        epochs: trained by the search.
        seconds: of search and confirmation.
    """

    task: str
    case: str
    number: int
    searched_better: bool
    seeds_better: bool
    rows_better: bool
    better: bool
    winner: float
    reference: float
    constant: float
    epochs: int
    seconds: float


@cpu_threads(1)
def simulate(spec: ConfirmationSpec, name: str, case: str, number: int) -> Simulated:
    """Search and confirm; equal arguments give equal results except for seconds."""
    began = time.perf_counter()
    seed = derive_seed(spec.seed, f"confirmation/{name}/{case}", number)
    task = get_task(name)
    splits = task.load()
    if case == NOISE:
        splits = shuffled(splits, seed)
    else:
        task.reference = {**task.reference, **PLANTED[case]}
    sweep = SweepSpec(task=name, space=SPACE, trials=spec.trials, max_epochs=spec.max_epochs, grace_period=1, seed=seed)
    result = search_here(sweep, task, splits)

    def train(plans: Sequence[TrialAssignment]) -> list[TrialRecord]:
        return retrain_here(plans, task, splits.training)

    with TemporaryDirectory() as folder:
        found = confirm_with(train, result, task, splits, top=spec.top, seeds=spec.seeds, storage=folder)
    winner, reference = found.winner_row, next(row for row in found.rows if row.name == REFERENCE)
    by_seeds = _holds(winner, winner.p_seeds)
    return Simulated(
        task=name,
        case=case,
        number=number,
        searched_better=result.ranked()[0].val_loss < result.trials[0].val_loss,
        seeds_better=by_seeds,
        rows_better=by_seeds and _holds(winner, winner.p_rows),
        better=bool(found.better),
        winner=winner.mean,
        reference=reference.mean,
        constant=math.nan if found.constant_val_loss is None else found.constant_val_loss,
        epochs=result.epochs,
        seconds=time.perf_counter() - began,
    )


def _holds(row: ConfirmationRow, p: float | None) -> bool:
    return row.difference is not None and row.difference < 0 and p is not None and p < LEVEL


def shuffled(splits: Splits, seed: int) -> Splits:
    """Return the same rows with their encoded targets shuffled over all training and validation rows."""
    arrays = dict(splits.training.arrays)
    count = len(arrays["y_train"])
    targets = np.concatenate([arrays["y_train"], arrays["y_val"]])
    targets = targets[np.random.default_rng(seed).permutation(len(targets))]
    arrays |= {"y_train": targets[:count], "y_val": targets[count:]}
    return replace(splits, training=replace(splits.training, arrays=arrays))


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); (0, 1) for none at all."""
    if not count:
        return 0.0, 1.0
    z, share = 1.959964, successes / count
    middle = share + z**2 / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    scale = 1 + z**2 / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
