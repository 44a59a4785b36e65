"""Whether one configuration is better than another: over fresh seeds and over validation rows.

Two things make a validation loss lucky: the seed it was trained with, and the rows it was selected on. Fresh seeds
take care of the first. The rows are those the search was steered by, so each of its trials was a chance to fit them by
luck: the test over rows counts all of them.

Whether a candidate is better is asked in one direction only, so p values are one-sided. Those over rows count the
trials as Dunnett does, who compares many with one: all differences share the luck of the one, which makes the best of
them less extreme than the best of as many independent ones. Where nothing can be learned, configurations still differ
in how much they overfit, hence the third question: the candidate or the reference must predict better than a constant.
`tunelab bench confirmation` measures how often all this errs on labels that are noise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri, stdtr, stdtrit  # scipy.stats takes half a second to load

from trainables.base.kinds.rounding import without_rounding

LEVEL = 0.05  # a result is called better when it would arise by chance in fewer cases, multiplicity included
MAX_DEALS = 20_000  # of a permutation test: up to 8 seeds each
SHARED = 0.5  # correlation of differences to one configuration when all losses are alike (Dunnett 1955)


@dataclass(frozen=True)
class Difference:
    """A candidate against the reference.

    Attributes:
        mean: mean validation loss minus the reference's; below 0 the candidate is better.
        half_width: of the 95 % interval around it (Welch).
        p_seeds: that being better arises from seeds alone; see ``compare`` for the candidates' number.
        p_rows: that being better arises from the choice of validation rows; None where losses of rows are not known.
        p_constant: that the better of the two looks better than a constant by the choice of validation rows.
    """

    mean: float
    half_width: float
    p_seeds: float
    p_rows: float | None
    p_constant: float | None

    @property
    def is_better(self) -> bool:
        """Whether the candidate is better than the reference whatever one asks: seeds, rows, a constant."""
        known = [p for p in (self.p_seeds, self.p_rows, self.p_constant) if p is not None]
        return self.mean < 0 and all(p < LEVEL for p in known)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half width of its 95 % t interval; NaN for no value, infinite half width for one."""
    if not values:
        return math.nan, math.nan
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.inf
    error = without_rounding(float(np.std(values, ddof=1)), mean) / math.sqrt(len(values))
    return mean, float(stdtrit(len(values) - 1, 1 - LEVEL / 2)) * error


def difference_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Return mean of ``a`` minus mean of ``b``, half width of its 95 % interval, and the p value of ``a`` being lower.

    Source: Welch 1947.
    """
    mean = without_rounding(float(np.mean(a) - np.mean(b)), *a, *b)
    parts = _variance(a) / len(a), _variance(b) / len(b)
    if sum(parts) == 0:
        return mean, 0.0, 0.0 if mean < 0 else 1.0
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    error = math.sqrt(sum(parts))
    half_width = float(stdtrit(freedom, 1 - LEVEL / 2)) * error
    return mean, half_width, float(stdtr(freedom, mean / error))


def _variance(values: Sequence[float]) -> float:
    """Return the variance of a sample; 0 where rounding alone spreads it."""
    variance = float(np.var(values, ddof=1))
    return 0.0 if without_rounding(math.sqrt(variance), *values) == 0 else variance


def permutation_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the fraction of all ways to deal out the values that give the first group a mean as low as that of ``a``.

    1 where there are too many ways: with that many values Welch's test gives the same answer.
    """
    pool = np.array([*a, *b])
    if math.comb(len(pool), len(a)) > MAX_DEALS:
        return 1.0
    means = pool[np.array(list(itertools.combinations(range(len(pool)), len(a))))].mean(axis=1)
    return float(np.mean(means <= np.mean(a) + 1e-12 * np.abs(pool).max()))


def seeds_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the p value of ``a`` being lower over seeds: two chances, hence twice the smaller.

    Welch's test needs few seeds; a permutation sees losses apart that one bad seed spreads too far for Welch's.
    """
    return min(1.0, 2 * min(difference_interval(a, b)[2], permutation_p(a, b)))


def paired_p(a: np.ndarray, b: np.ndarray) -> float:
    """Return the p value of a paired t test over rows that ``a`` is lower than ``b``; 1 where nothing differs."""
    gaps = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    error = float(np.std(gaps, ddof=1)) / math.sqrt(len(gaps)) if len(gaps) > 1 else 0.0
    if error == 0:
        return 1.0
    return float(stdtr(len(gaps) - 1, float(np.mean(gaps)) / error))


def dunnett(p: float, count: int) -> float:
    """Adjust a one-sided p value for being the lowest of ``count`` comparisons with one thing (Dunnett 1955)."""
    if not 0 < p < 1:
        return p
    z = -float(ndtri(p))
    shared = np.linspace(-9, 9, 1801)  # the reference's luck, standard normal
    others = count * log_ndtr((z + math.sqrt(SHARED) * shared) / math.sqrt(1 - SHARED))
    density = np.exp(-(shared**2) / 2) / math.sqrt(2 * math.pi)
    return float(min(1.0, np.sum(-np.expm1(others) * density) * (shared[1] - shared[0])))


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p values for being several (Holm 1979)."""
    adjusted = [0.0] * len(values)
    running = 0.0
    for rank, position in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        running = max(running, min(1.0, values[position] * (len(values) - rank)))
        adjusted[position] = running
    return adjusted


def compare(
    candidates: Sequence[Sequence[float]],
    reference: Sequence[float],
    *,
    searched: int,
    candidate_rows: Sequence[np.ndarray | None],
    reference_rows: np.ndarray | None,
    constant_rows: np.ndarray | None,
) -> list[Difference]:
    """Compare candidates with the reference.

    Args:
        candidates: Validation losses on fresh seeds, at least two each.
        reference: The same of the reference.
        searched: Number of trials that the candidates were chosen from; p values over rows count them.
        candidate_rows: Loss of each validation row (n,), averaged over seeds; None where it is not known.
        reference_rows: The same of the reference.
        constant_rows: The same of predicting the training mean, or the frequencies of the classes.
    """
    p_seeds = holm([seeds_p(c, reference) for c in candidates])
    found = []
    for losses, p, rows in zip(candidates, p_seeds, candidate_rows, strict=True):
        mean, half_width, _ = difference_interval(losses, reference)
        p_rows = p_constant = None
        if rows is not None and reference_rows is not None:
            p_rows = dunnett(paired_p(rows, reference_rows), searched)
            if constant_rows is not None:  # the reference was not chosen among trials; two chances count double
                alone = paired_p(reference_rows, constant_rows)
                p_constant = min(1.0, 2 * min(dunnett(paired_p(rows, constant_rows), searched), alone))
        found.append(Difference(mean, half_width, p, p_rows, p_constant))
    return found
