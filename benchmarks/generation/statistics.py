"""Whether two settings differ: paired by prompt, because prompts, not texts, are what a benchmark draws from.

Repeats are averaged within a prompt first. Common random numbers make rows dependent, so only paired methods hold.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from benchmarks.generation.quality import PAIRED, QualityTable, Values

RESAMPLES = 9_999
ENOUGH_PROMPTS = 6  # with fewer no sign-flip test can reach p < 0.05
POWER = 2.80  # z(0.975) + z(0.8): a true difference of this many standard errors is found four times in five


@dataclass(frozen=True)
class Comparison:
    """One setting against the baseline on one metric.

    Attributes:
        metric, setting, baseline: names.
        prompts: pairs, prompts where both are defined.
        mean: of the setting over these prompts.
        difference: mean of setting minus baseline.
        low, high: 95 % bootstrap interval (BCa) of the difference, over prompts.
        p: two-sided permutation (sign-flip) test.
        p_holm: p after Holm's correction over the settings of a metric.
        effect: difference over the standard deviation of the paired differences.
        detectable: the smallest true difference that this many prompts would find with 80 % power.
    """

    metric: str
    setting: str
    baseline: str
    prompts: int
    mean: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    effect: float
    detectable: float

    @property
    def indicative(self) -> bool:
        """Too few prompts for a test; the figures only point somewhere."""
        return self.prompts < ENOUGH_PROMPTS


def compare(table: QualityTable, baseline: str, seed: int, metrics: Sequence[str] = PAIRED) -> list[Comparison]:
    """Every other setting against ``baseline`` on every metric that both have."""
    reference = table.row(baseline).by_prompt
    found: list[Comparison] = []
    for metric in metrics:
        family = [
            c
            for row in table.rows
            if row.name != baseline
            and (c := _compared(metric, row.name, baseline, row.by_prompt, reference, seed)) is not None
        ]
        found += _holm(family)
    return found


def _compared(
    metric: str, setting: str, baseline: str, own: Mapping[str, Values], other: Mapping[str, Values], seed: int
) -> Comparison | None:
    defined = ~(np.isnan(own[metric]) | np.isnan(other[metric]))
    differences = (own[metric] - other[metric])[defined]
    if len(differences) < 2:
        return None
    deviation = float(differences.std(ddof=1))
    mean = float(differences.mean())
    low, high = mean_interval(differences, seed)
    return Comparison(
        metric=metric,
        setting=setting,
        baseline=baseline,
        prompts=len(differences),
        mean=float(own[metric][defined].mean()),
        difference=mean,
        low=low,
        high=high,
        p=sign_flip_p(differences, seed),
        p_holm=math.nan,
        effect=mean / deviation if deviation > 0 else math.nan,
        detectable=POWER * deviation / math.sqrt(len(differences)),
    )


def mean_interval(values: Values, seed: int) -> tuple[float, float]:
    """95 % BCa bootstrap interval of the mean (Efron 1987); a point when all values are equal. Shape (n,), n >= 2."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    rng = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # answered below
        result = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="BCa", rng=rng)
        interval = result.confidence_interval
        if math.isnan(interval.low) or math.isnan(interval.high):
            interval = stats.bootstrap(
                (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
            ).confidence_interval
    return float(interval.low), float(interval.high)


def sign_flip_p(differences: Values, seed: int) -> float:
    """Two-sided p of the mean being 0 when signs are exchangeable; exact up to 13 pairs, else from 9,999 draws."""
    result = stats.permutation_test(
        (differences,),
        lambda x, axis: np.mean(x, axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _holm(family: Sequence[Comparison]) -> list[Comparison]:
    """Holm 1979: the i-th smallest of n p-values times n - i, never below the one before."""
    order = sorted(range(len(family)), key=lambda i: family[i].p)
    adjusted = [0.0] * len(family)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, family[i].p * (len(family) - rank)))
        adjusted[i] = highest
    return [replace(c, p_holm=p) for c, p in zip(family, adjusted, strict=True)]
