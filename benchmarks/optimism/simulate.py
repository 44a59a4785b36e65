"""One selection: a real sweep on a table, or made-up losses whose true means are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.optimism.spec import SIMULATION, OptimismSpec
from trainables import get_task
from trainables.base.tables.tabular import TabularTask
from trainables.base.training.compute import Compute
from tunelab.evaluation.candidates import MAX_CANDIDATES, load_candidates
from tunelab.evaluation.expected_loss import expected_loss
from tunelab.evaluation.optimism import Selection, Unseen, single_optimism
from tunelab.evaluation.weights import LeadingWeights
from tunelab.evaluation.winner import make_winner
from tunelab.launch.local import search_here
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.result import SweepResult
from tunelab.records.seeds import derive_seed
from tunelab.records.spec import SweepSpec

SINGLE, ENSEMBLE = "single trial", "ensemble"
KINDS = (SINGLE, ENSEMBLE)
SIMULATED_ROWS = ((60, 80), (300, 400))  # validation and test rows, alternating
SPREADS = (0.0, 0.1, 0.3)  # of the true losses, in standard deviations of a row's loss, alternating
SHARED = 0.8  # correlation of the losses of a row under two trials


@dataclass(frozen=True)
class Measured:
    """What a selection gave.

    Attributes:
        task: Name of the table, or ``"simulation"``.
        kind: ``"single trial"`` or ``"ensemble"``.
        number: Which of the task's sweeps.
        val_loss: The winner's validation loss.
        expected: The estimated loss on new rows.
        low, high: Its 95 % interval.
        test_loss: Mean loss over the opened test split.
    """

    task: str
    kind: str
    number: int
    val_loss: float
    expected: float
    low: float
    high: float
    test_loss: float

    @property
    def covered(self) -> bool:
        """True if the interval holds the test loss."""
        return self.low <= self.test_loss <= self.high


def measure(spec: OptimismSpec, name: str, number: int) -> tuple[Measured, ...]:
    """Select a winner and estimate its loss on new rows; the same arguments give the same result.

    Returns:
        The single trial that won, and the ensemble where one helps.
    """
    seed = derive_seed(spec.seed, f"optimism/{name}", number)
    return (_simulated(spec, number, seed),) if name == SIMULATION else _swept(spec, name, number, seed)


def _swept(spec: OptimismSpec, name: str, number: int, seed: int) -> tuple[Measured, ...]:
    found: list[Measured] = []
    task = get_task(name)
    assert isinstance(task, TabularTask)  # the spec was checked
    task = sampled(task, spec.rows, seed)
    splits = task.load(seed)
    with TemporaryDirectory() as folder, Compute("cpu", 1).active():
        weights = LeadingWeights(folder, MAX_CANDIDATES)
        asked = SweepSpec(
            task=name, trials=spec.trials, max_epochs=spec.max_epochs, space=spec.space, seed=seed, split_seed=seed
        )
        result = search_here(asked, task, splits, folder, weights.ended)
        candidates, test = load_candidates(result, task, splits, weights), splits.test.open()
        for kind in KINDS:
            changed = _with_ensemble(result, spec.trials if kind == ENSEMBLE else 0)
            winner = make_winner(changed, task, splits, weights, candidates, lambda text: None)
            if winner.predictor is None or bool(winner.best.members) != (kind == ENSEMBLE):
                continue
            outputs = np.asarray(winner.predictor.outputs(test.inputs))  # type: ignore[attr-defined]
            estimate = expected_loss(changed, winner, candidates, task, splits, test, outputs)
            if estimate is not None:
                found.append(_measured(name, kind, number, estimate))
    return tuple(found)


def sampled(task: TabularTask, rows: int, seed: int) -> TabularTask:
    """Return the task with at most this many rows of its table, drawn at random."""
    frame = task.read()
    if len(frame) > rows:
        frame = frame.sample(rows, random_state=seed).reset_index(drop=True)
    task.read = lambda: frame  # type: ignore[method-assign]
    return task


def _with_ensemble(result: SweepResult, size: int) -> SweepResult:
    return replace(result, spec=result.spec.model_copy(update={"ensemble": size}))


def _measured(name: str, kind: str, number: int, estimate: Optimism) -> Measured:
    assert estimate.test_loss is not None
    values = (estimate.val_loss, estimate.expected, estimate.low, estimate.high, estimate.test_loss)
    return Measured(name, kind, number, *values)


def _simulated(spec: OptimismSpec, number: int, seed: int) -> Measured:
    """Select among trials whose losses are skewed as squared errors are, correlated within a row."""
    rng = np.random.default_rng(seed)
    rows, new_rows = SIMULATED_ROWS[number % len(SIMULATED_ROWS)]
    spread = SPREADS[number % len(SPREADS)]
    truth = 1 + spread * np.abs(rng.standard_normal(spec.trials))

    def draw(count: int) -> np.ndarray:
        shared, own = rng.standard_normal(count), rng.standard_normal((spec.trials, count))
        error = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
        return np.asarray(truth[:, None] * error**2)  # mean ``truth``

    losses = draw(rows)
    means = losses.mean(axis=1)
    order = np.argsort(means)
    kept, others = order[:MAX_CANDIDATES], order[MAX_CANDIDATES:]
    unseen = Unseen(np.array([losses[kept].max()]), False)
    estimate = single_optimism(Selection(losses[kept], means[others]), unseen, new_rows, seed)
    val_loss, test_loss = float(means[order[0]]), float(draw(new_rows)[order[0]].mean())
    interval = val_loss + estimate.bias, max(0.0, val_loss + estimate.low), val_loss + estimate.high
    return Measured(SIMULATION, SINGLE, number, val_loss, *interval, test_loss)
