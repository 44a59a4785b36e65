"""The selection bias of a winner's validation loss: a bootstrap of validation rows through the whole selection.

The winner's validation loss is the minimum over trials and over epochs of means over the same rows. In each draw the
rows are drawn again with replacement, every trial gets the loss it would have had on them at its best epoch, the lowest
wins, and its loss on further rows is compared with the loss that made it win. The mean of this difference is the bias
(Efron 1983; Tibshirani and Tibshirani 2009, "A bias correction for the minimum error rate in cross-validation").

Observed means differ by more than the true ones, since they contain the noise of the rows. A bootstrap around them
underestimates the bias, so the true losses are first estimated by empirical Bayes: a nonparametric prior, fitted to the
losses of all trials by maximum likelihood (Laird 1978; Efron 2011, "Tweedie's formula and selection bias").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from trainables.base.training.ensemble import select_greedily
from tunelab.evaluation.candidates import Candidates

DRAWS = 1000
ENSEMBLE_DRAWS = 100  # each selects the members again
CHUNK = 50  # draws at once: memory
WINDOW = 8.0  # standard deviations of row noise above the lowest loss; trials above cannot win
GRID = 120
STEPS = 300  # of expectation maximisation
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Selection:
    """What a single winner was selected from.

    Attributes:
        losses: (candidates, rows) loss of each validation row at the best epoch.
        others: Validation losses of the trials with a result of which no losses of rows are known.
        curves: (epochs, rows) loss of each row at every epoch, by index of the candidate.
    """

    losses: np.ndarray
    others: Sequence[float] = ()
    curves: Mapping[int, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """What must be added to a winner's validation loss to get its loss on new rows.

    Attributes:
        bias: The mean.
        low, high: 95 % interval for a mean over new rows.
        draws: Number of bootstrap draws.
    """

    bias: float
    low: float
    high: float
    draws: int


def single_optimism(selection: Selection, new_rows: int, seed: int = 0) -> Estimate:
    """Estimate the optimism of the trial with the lowest validation loss.

    Args:
        selection: What it was selected from.
        new_rows: Number of new rows that the interval is for.
        seed: Of the bootstrap.
    """
    losses, rng = selection.losses, np.random.default_rng(seed)
    rows, others = losses.shape[1], np.asarray(selection.others, dtype=np.float64)
    means = losses.mean(axis=1)
    common, noise = losses.mean(axis=0), row_noise(losses)
    observed = np.concatenate([means, others])
    near = observed <= observed.min() + WINDOW * noise
    grid, posterior = deconvolve(observed[near], noise)
    found: list[np.ndarray] = []
    for _ in range(DRAWS // CHUNK):
        truth = np.tile(observed, (CHUNK, 1))
        truth[:, near] = _draw(grid, posterior, CHUNK, rng)
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=CHUNK) / rows
        further = rng.multinomial(new_rows, np.full(rows, 1 / rows), size=CHUNK) / new_rows
        # the noise of a trial without row losses: that which all share, and its own
        shared = (weights - 1 / rows) @ common
        rest = truth[:, len(means) :] + shared[:, None] + noise * rng.standard_normal((CHUNK, len(others)))
        kept = truth[:, : len(means)] + (weights - 1 / rows) @ losses.T
        expected = truth[:, : len(means)] + (further - 1 / rows) @ losses.T
        for j, curve in selection.curves.items():
            kept[:, j], expected[:, j] = _best_epoch(curve, means[j], truth[:, j], weights, further)
        apparent = np.concatenate([kept, rest], axis=1)
        unseen = truth[:, len(means) :] + ((further - 1 / rows) @ common)[:, None]
        won = apparent.argmin(axis=1)
        picked = np.arange(CHUNK), won
        found.append(np.concatenate([expected, unseen], axis=1)[picked] - apparent[picked])
    return _summary(np.concatenate(found), rows, unseen_loss(losses, new_rows, rng))


def chosen_optimism(losses: np.ndarray, observed: np.ndarray, noise: float, new_rows: int, seed: int = 0) -> Estimate:
    """Estimate the optimism of a winner that was not chosen by its validation loss alone, but by fresh seeds or folds.

    Args:
        losses: (rows,) the winner's loss of each validation row.
        observed: Validation losses of all trials with a result.
        noise: Standard deviation of the noise by which these differ, see ``row_noise``.
        new_rows: Number of new rows that the interval is for.
        seed: Of the bootstrap.
    """
    rng, rows, own = np.random.default_rng(seed), len(losses), float(losses.mean())
    near = observed[observed <= min(observed.min(), own) + WINDOW * noise]
    grid, posterior = deconvolve(np.append(near, own), noise)
    truth = _draw(grid, posterior[-1:], DRAWS, rng)[:, 0]
    drawn = [losses[rng.integers(0, rows, size)].mean(keepdims=True) for _ in range(DRAWS) for size in (rows, new_rows)]
    validation, further = np.concatenate(drawn).reshape(DRAWS, 2).T
    shared = math.sqrt(max(0.0, 1 - rows * noise**2 / max(float(losses.var()), 1e-300)))  # what all trials share
    return _summary(
        (truth - own) + (further - own) - shared * (validation - own), rows, unseen_loss(losses, new_rows, rng)
    )


def ensemble_optimism(candidates: Candidates, at_most: int, new_rows: int, seed: int = 0) -> Estimate:
    """Estimate the optimism of an ensemble: members and weights are selected again in each draw.

    Args:
        candidates: The leading trials, which the ensemble is made of.
        at_most: Maximum number of members.
        new_rows: Number of new rows that the interval is for.
        seed: Of the bootstrap.
    """
    kind, decoded, target = candidates.kind, candidates.decoded, candidates.target
    rows, rng = len(target), np.random.default_rng(seed)
    found = []
    for _ in range(ENSEMBLE_DRAWS):
        drawn = rng.integers(0, rows, rows)
        weights, apparent = select_greedily(kind, decoded[:, drawn], target[drawn], at_most)
        mean = np.tensordot(weights, decoded, axes=1)
        per_row = kind.row_losses(kind.encode_outputs(mean), target)
        found.append(float(per_row[rng.integers(0, rows, new_rows)].mean()) - apparent)
    return _summary(np.array(found), rows, unseen_loss(candidates.row_losses, new_rows, rng))


def row_noise(losses: np.ndarray) -> float:
    """Return the standard deviation of the noise by which trials' means (candidates, rows) differ from each other."""
    if len(losses) < 2:
        return float(losses.std() / math.sqrt(losses.shape[1]))
    own = losses - losses.mean(axis=0)
    scale = len(losses) / (len(losses) - 1)  # the mean contains each candidate itself
    return float(np.sqrt(np.median(own.var(axis=1)) * scale / losses.shape[1]))


def deconvolve(observed: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the distribution of true losses from observed ones with normal noise (Laird 1978).

    Args:
        observed: (n,) losses.
        noise: Standard deviation of the noise of each.

    Returns:
        A grid of losses (g,), and the posterior probability of each grid point for each observed loss (n, g).
    """
    grid = np.linspace(observed.min(), observed.max(), GRID)
    if noise <= 0 or grid[0] == grid[-1]:
        nearest = np.abs(observed[:, None] - grid).argmin(axis=1)
        return grid, np.eye(GRID)[nearest]
    likelihood = np.exp(-0.5 * ((observed[:, None] - grid) / noise) ** 2)
    prior = np.full(GRID, 1 / GRID)
    for _ in range(STEPS):
        posterior = likelihood * prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        prior = posterior.mean(axis=0)
    return grid, posterior


def _draw(grid: np.ndarray, posterior: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw true losses (draws, n) from their posteriors (n, g)."""
    cumulative = posterior.cumsum(axis=1)
    uniform = rng.random((draws, len(posterior)))
    index = (uniform[:, :, None] > cumulative[None]).sum(axis=2)
    return np.asarray(grid[np.minimum(index, len(grid) - 1)])


def _best_epoch(
    curve: np.ndarray, mean: float, truth: np.ndarray, weights: np.ndarray, further: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a trial's lowest loss over epochs on the drawn rows, and that epoch's loss on further rows, (draws,)."""
    rows = curve.shape[1]
    level = truth[:, None] + (curve.mean(axis=1) - mean)
    apparent = level + (weights - 1 / rows) @ curve.T
    best = apparent.argmin(axis=1)
    picked = np.arange(len(best)), best
    return apparent[picked], (level + (further - 1 / rows) @ curve.T)[picked]


def unseen_loss(losses: np.ndarray, new_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Draw what rows of a sort that the validation split lacks may add to a mean over new rows (draws,).

    A bootstrap only knows losses that occurred: where a model predicts each of n rows right, all of its draws do. By
    the rule of succession one row in n + 1 may be of another sort. It gets the largest loss of any candidate and row.

    Args:
        losses: (..., rows) losses of validation rows.
        new_rows: Number of new rows.
        rng: Draws.
    """
    count = rng.binomial(new_rows, 1 / (losses.shape[-1] + 1), size=DRAWS)
    return np.asarray(count * float(losses.max()) / new_rows)


def _summary(differences: np.ndarray, rows: int, unseen: np.ndarray) -> Estimate:
    """Summarise draws; with few rows a bootstrap's spread is too small, by the factors of Student's t."""
    bias = float(differences.mean())
    tail = (1 - CONFIDENCE) / 2
    inflation = math.sqrt(rows / (rows - 1)) * float(stdtrit(rows - 1, 1 - tail) / stdtrit(1e9, 1 - tail))
    low = float(np.quantile(differences, tail))
    high = float(np.quantile(np.resize(differences, DRAWS) + unseen, 1 - tail))
    return Estimate(bias, bias + inflation * (low - bias), bias + inflation * (high - bias), len(differences))
