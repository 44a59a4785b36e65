"""Which models an ensemble averages and with what weights, and whether that helps: by rows they were not trained on."""

from __future__ import annotations

import numpy as np

from trainables.base.kinds.kind import RowKind

STEPS = 25  # of greedy selection: weights are multiples of one in at most this many
FOLDS = 5  # of rows, to see whether averaging helps


def held_out_losses(kind: RowKind, decoded: np.ndarray, target: np.ndarray, at_most: int) -> tuple[float, float]:
    """Return the loss of an ensemble and of a single model on rows that they were not chosen on.

    Args:
        kind: Kind of the target.
        decoded: (candidates, n, outputs), as for ``select_greedily``.
        target: Encoded targets (n,).
        at_most: Maximum number of different members.
    """
    fold_of = np.random.default_rng(0).permutation(len(target)) % FOLDS
    ensemble = single = 0.0
    for fold in range(FOLDS):
        judged, chosen_on = fold_of == fold, fold_of != fold
        weights, _ = select_greedily(kind, decoded[:, chosen_on], target[chosen_on], at_most)
        losses = [kind.decoded_loss(one[chosen_on], target[chosen_on]) for one in decoded]
        part = np.mean(judged)
        ensemble += part * kind.decoded_loss(np.tensordot(weights, decoded[:, judged], axes=1), target[judged])
        single += part * kind.decoded_loss(decoded[int(np.argmin(losses))][judged], target[judged])
    return float(ensemble), float(single)


def select_greedily(
    kind: RowKind, decoded: np.ndarray, target: np.ndarray, at_most: int, steps: int = STEPS
) -> tuple[np.ndarray, float]:
    """Select members greedily with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models").

    In each step the member is added that makes the mean's loss lowest; the best mean on the way is taken.

    Args:
        kind: Kind of the target.
        decoded: What the candidates predict, (candidates, n, outputs), as ``RowKind.decode`` gives it.
        target: Encoded targets (n,).
        at_most: Maximum number of different members with a weight.
        steps: Number of times that a member is added.

    Returns:
        A weight for each candidate, sum 1, and the loss of the mean.
    """
    counts = np.zeros(len(decoded), dtype=np.int64)
    total = np.zeros_like(decoded[0])
    best_loss, best_counts = np.inf, counts
    for step in range(1, steps + 1):
        allowed = np.flatnonzero(counts) if np.count_nonzero(counts) >= at_most else np.arange(len(decoded))
        losses = [kind.decoded_loss((total + decoded[i]) / step, target) for i in allowed]
        pick = int(allowed[int(np.argmin(losses))])
        counts[pick] += 1
        total += decoded[pick]
        if min(losses) < best_loss:
            best_loss, best_counts = float(min(losses)), counts.copy()
    return best_counts / best_counts.sum(), best_loss
