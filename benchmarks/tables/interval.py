"""How far the error of a system on a table is known: a bootstrap of the test rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trainables.base.kinds.kind import RowKind

RESAMPLES = 500
CONFIDENCE = 0.95


def error_of(value: float, direction: str) -> float:
    """Return a score as an error, lower is better."""
    return value if direction == "minimize" else 1 - value


def error_interval(
    kind: RowKind,
    outputs: np.ndarray,
    targets: np.ndarray,
    facts: Mapping[str, Any],
    score: str,
    direction: str,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % percentile interval of a model's error over test rows drawn again with replacement.

    Args:
        kind: Of the target.
        outputs: (n, n_outputs) raw outputs of the test rows.
        targets: (n,) their raw targets.
        facts: Of the data.
        score: Name of the score; draws of rows that have none, e.g. of one class alone, are left out.
        direction: ``"minimize"`` or ``"maximize"``.
        seed: Of the draws.
    """
    rng, rows = np.random.default_rng(seed), len(targets)
    drawn = (rng.integers(0, rows, rows) for _ in range(RESAMPLES))
    found = (kind.scores(outputs[some], targets[some], facts).get(score) for some in drawn)
    errors = [error_of(value, direction) for value in found if value is not None]
    low, high = np.quantile(errors, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
