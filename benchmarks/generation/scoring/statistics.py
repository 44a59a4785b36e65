"""Whether two settings differ: paired by prompt, because prompts, not texts, are what a benchmark draws from.

Repeats are averaged within a prompt first. Common random numbers make rows dependent, so only paired methods hold.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.scoring.quality import PAIRED, QualityTable, Row, Values
from trainables.base.kinds.rounding import without_rounding
from tunelab.confirmation.statistics import holm

RESAMPLES = 9_999
MIN_PROMPTS = 6  # with fewer no sign-flip test can reach p < 0.05
ALPHA, POWER = 0.05, 0.8


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
        deviation: standard deviation of the paired differences.
        detectable: the true difference that this many prompts would find with 80 % power after the correction, were it
            the clearest of its metric; NaN where no difference could be found, see ``can_decide``.
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
    deviation: float
    detectable: float

    @property
    def effect(self) -> float:
        """The difference in standard deviations of the paired differences."""
        return self.difference / self.deviation if self.deviation > 0 else math.nan

    @property
    def indicative(self) -> bool:
        """Too few prompts for a test; the numbers are only indicative."""
        return self.prompts < MIN_PROMPTS

    @property
    def significant(self) -> bool:
        """At 5 % after the correction."""
        return self.p_holm < ALPHA and not self.indicative


def compare(table: QualityTable, baseline: str, seed: int, metrics: Sequence[str] = PAIRED) -> list[Comparison]:
    """Return every other setting against ``baseline`` on each metric of both; the human text is not a setting."""
    reference = table.row(baseline).by_prompt
    found: list[Comparison] = []
    for metric in metrics:
        family = [
            c
            for row in table.rows
            if row.name not in (baseline, HUMAN)
            and (c := _compared(metric, row.name, baseline, row.by_prompt, reference, seed)) is not None
        ]
        found += _corrected(family)
    return found


def _compared(
    metric: str, setting: str, baseline: str, own: Mapping[str, Values], other: Mapping[str, Values], seed: int
) -> Comparison | None:
    defined = ~(np.isnan(own[metric]) | np.isnan(other[metric]))
    differences = (own[metric] - other[metric])[defined]
    if len(differences) < 2:
        return None
    low, high = mean_interval(differences, seed)
    return Comparison(
        metric=metric,
        setting=setting,
        baseline=baseline,
        prompts=len(differences),
        mean=float(own[metric][defined].mean()),
        difference=without_rounding(float(differences.mean()), *differences),
        low=low,
        high=high,
        p=sign_flip_p(differences, seed),
        p_holm=math.nan,
        deviation=without_rounding(float(differences.std(ddof=1)), *differences),
        detectable=math.nan,
    )


def can_decide(prompts: int, settings: int) -> bool:
    """Return whether a sign-flip test can be significant with this number of prompts and settings at all."""
    return settings * 2 * 0.5**prompts < ALPHA


def mean_interval(values: Values, seed: int) -> tuple[float, float]:
    """95 % BCa bootstrap interval of the mean (Efron 1987); a point when all values are equal. Shape (n,), n >= 2."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    return _interval((values,), np.mean, seed)


def nll_difference_interval(own: Row, other: Row, seed: int) -> tuple[float, float]:
    """95 % BCa bootstrap interval, over prompts, of the difference in nats per token over all tokens; NaN below 2."""
    data = []
    for row in (own, other):
        tokens = row.by_prompt["tokens"]  # a mean over repeats, of which every prompt has as many
        data += [np.nan_to_num(row.by_prompt["nll"]) * tokens, tokens]
    kept = (data[1] > 0) & (data[3] > 0)
    if kept.sum() < 2:
        return math.nan, math.nan

    def difference(a: Values, m: Values, b: Values, n: Values, axis: int = -1) -> Values:
        return np.asarray(a.sum(axis) / m.sum(axis) - b.sum(axis) / n.sum(axis))

    return _interval(tuple(column[kept] for column in data), difference, seed)


def _interval(data: tuple[Values, ...], statistic: Callable[..., Values], seed: int) -> tuple[float, float]:
    """BCa over paired samples; by percentiles where BCa is undefined."""
    for method in ("BCa", "percentile"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # answered by the second method
            low, high = stats.bootstrap(
                data,
                statistic,
                n_resamples=RESAMPLES,
                paired=len(data) > 1,
                vectorized=True,
                method=method,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        if not (math.isnan(low) or math.isnan(high)):
            break
    return float(low), float(high)


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


def _corrected(family: Sequence[Comparison]) -> list[Comparison]:
    """Holm 1979: the i-th smallest of n p-values times n - i, never below the one before; and what n leaves to find."""
    adjusted = holm([c.p for c in family])
    return [
        replace(c, p_holm=p, detectable=_detectable(c.deviation, c.prompts, len(family)))
        for c, p in zip(family, adjusted, strict=True)
    ]


def _detectable(deviation: float, prompts: int, settings: int) -> float:
    if not can_decide(prompts, settings):
        return math.nan
    errors = stats.t.ppf(1 - ALPHA / (2 * settings), prompts - 1) + stats.t.ppf(POWER, prompts - 1)
    return float(errors) * deviation / math.sqrt(prompts)
