"""Decoding methods compared at equal effort: best of N settings of each, chosen on some prompts, judged on others.

A method that is tried with nine settings has nine chances to look good, one that is tried with two has two. Here each
method is judged by the expected value of its best of N settings at the same N, and the best is chosen on prompts other
than those it is judged on, so that neither the number of tries nor the choice itself counts as quality.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from benchmarks.generation.plan.spec import Plan, halves
from benchmarks.generation.scoring.quality import QualityTable, Values
from benchmarks.generation.scoring.statistics import ALPHA, RESAMPLES, mean_interval
from trainables.base.kinds.rounding import without_rounding
from tunelab.confirmation.statistics import holm

METRIC = "human_gap"  # smaller is better, defined by prompt
MIN_SETTINGS = 2  # of a method that is compared
MIN_PROMPTS = 2  # in each half

Gaps = Mapping[str, Values]  # by setting, one value a prompt


@dataclass(frozen=True)
class MethodCurve:
    """What a method reaches with N tries.

    Attributes:
        method: its name.
        settings: its settings, best first on the choosing prompts.
        values: expected mean on the judging prompts of the best of N settings, for N = 1, 2, ... in order.
    """

    method: str
    settings: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class MethodDifference:
    """Two methods at the same number of tries.

    Attributes:
        first, second: names of methods.
        tries: settings that each may try: the number that the smaller method has.
        difference: of the first minus the second, mean over the judging prompts; below 0 the first is better.
        low, high: 95 % bootstrap interval (BCa) over the judging prompts, for these very settings.
        p: two-sided permutation test: how often settings dealt to the two names at random differ as much.
        p_holm: p after Holm's correction over the pairs.
        decidable: whether this number of settings could make a difference significant before the correction.
    """

    first: str
    second: str
    tries: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    decidable: bool

    @property
    def significant(self) -> bool:
        """At 5 % after the correction."""
        return self.p_holm < ALPHA


@dataclass(frozen=True)
class EqualEffort:
    """Methods at equal effort.

    Attributes:
        curves: of every method, in the plan's order.
        differences: of every two methods with at least ``MIN_SETTINGS`` settings each.
        choosing, judging: how many prompts the settings were chosen and judged on.
    """

    curves: tuple[MethodCurve, ...]
    differences: tuple[MethodDifference, ...]
    choosing: int
    judging: int


def methods_at_equal_effort(plan: Plan, table: QualityTable, left_out: Sequence[str] = ()) -> EqualEffort | None:
    """Return the plan's methods at equal effort, by distance to human text.

    Args:
        plan: Its settings say by their fields which method they belong to; its prompts are halved.
        table: The prompts whose human continuation is known.
        left_out: Names of settings that do not count, such as the winner of a search: it is the best of many tries.

    Returns:
        The comparison, or None where a half has fewer than ``MIN_PROMPTS`` prompts on which every setting that is
        compared made a text.
    """
    gaps: dict[str, dict[str, Values]] = {}
    for setting in plan.settings:
        if setting.name not in left_out:
            gaps.setdefault(setting.decoding.method, {})[setting.name] = table.row(setting.name).by_prompt[METRIC]
    if not gaps:
        return None
    several = [values for own in gaps.values() if len(own) >= MIN_SETTINGS for values in own.values()]
    compared = np.array(several).reshape(len(several), len(table.prompts))
    defined: npt.NDArray[np.bool_] = np.asarray(~np.isnan(compared).any(axis=0))
    places = {prompt: i for i, prompt in enumerate(table.prompts) if defined[i]}
    choosing, judging = ([places[i] for i in half if i in places] for half in halves(plan.prompts))
    if min(len(choosing), len(judging)) < MIN_PROMPTS:
        return None
    return compare_methods(gaps, choosing, judging, plan.spec.seed)


def compare_methods(
    gaps: Mapping[str, Gaps], choosing: Sequence[int], judging: Sequence[int], seed: int
) -> EqualEffort:
    """Compare methods at equal effort.

    The unit of the test is the setting: were two methods two names of one, their settings could be dealt to the names
    at random. The test is exact for that, whatever the prompts and the choice do, and says nothing with few settings.

    Args:
        gaps: By method and setting, a value a prompt, shape (prompts,); smaller is better. NaN at the prompts of a
            half is allowed only for a method with one setting.
        choosing: Positions of the prompts on which the best is chosen.
        judging: Positions of the prompts on which it is judged; none of ``choosing``.
        seed: Of the draws where there are too many ways to deal the settings, and of the bootstrap.
    """
    chosen_on = {method: np.array([g[list(choosing)] for g in own.values()]) for method, own in gaps.items()}
    judged_on = {method: np.array([g[list(judging)] for g in own.values()]) for method, own in gaps.items()}
    order = {method: np.argsort(values.mean(axis=1), kind="stable") for method, values in chosen_on.items()}
    curves = tuple(
        MethodCurve(
            method,
            tuple(list(own)[i] for i in order[method]),
            tuple(
                float(best_of_weights(len(own), n) @ judged_on[method][order[method]].mean(axis=1))
                for n in range(1, len(own) + 1)
            ),
        )
        for method, own in gaps.items()
    )
    several = [method for method, own in gaps.items() if len(own) >= MIN_SETTINGS]
    differences = [
        _difference((a, b), (chosen_on[a], chosen_on[b]), (judged_on[a], judged_on[b]), seed)
        for a, b in itertools.combinations(several, 2)
    ]
    corrected = holm([d.p for d in differences])
    differences = [replace(d, p_holm=p) for d, p in zip(differences, corrected, strict=True)]
    return EqualEffort(curves, tuple(differences), len(choosing), len(judging))


def best_of_weights(settings: int, tries: int) -> Values:
    """Return how probably each setting, best first, is the best of ``tries`` drawn without replacement.

    The r-th best of M is the best of N drawn where the other N - 1 are among the M - r worse ones:
    C(M - r, N - 1) / C(M, N) (order statistics of a finite population; Dodge et al. 2019, *Show Your Work*, draw with
    replacement instead).

    Args:
        settings: M, how many there are.
        tries: N, how many are drawn, 1 to M.
    """
    ways = math.comb(settings, tries)
    return np.array([math.comb(settings - rank, tries - 1) / ways for rank in range(1, settings + 1)])


def _difference(
    names: tuple[str, str], chosen_on: tuple[Values, Values], judged_on: tuple[Values, Values], seed: int
) -> MethodDifference:
    sizes = len(chosen_on[0]), len(chosen_on[1])
    tries = min(sizes)
    order = np.argsort(np.concatenate(chosen_on).mean(axis=1), kind="stable")  # all settings, best first
    judged = np.concatenate(judged_on)[order]
    weights = _deal_weights(_deals(sizes, seed)[:, order], sizes, tries)
    values = weights @ judged.mean(axis=1)
    observed = float(values[0])
    as_far = np.abs(values) >= abs(observed) - 1e-12 * max(1.0, float(np.abs(values).max()))
    low, high = mean_interval(weights[0] @ judged, seed)
    return MethodDifference(
        first=names[0],
        second=names[1],
        tries=tries,
        difference=without_rounding(observed, *judged.mean(axis=1)),
        low=low,
        high=high,
        p=float(as_far.mean()),
        p_holm=math.nan,
        decidable=(2 if sizes[0] == sizes[1] else 1) / math.comb(sum(sizes), sizes[0]) < ALPHA,
    )


def _deals(sizes: tuple[int, int], seed: int) -> npt.NDArray[np.bool_]:
    """Return ways to deal settings to two names, the real one first; shape (ways, settings), True for the first name.

    All ways where these are at most ``RESAMPLES``, else the real one and that many at random.
    """
    total = sum(sizes)
    real = np.arange(total) < sizes[0]
    if math.comb(total, sizes[0]) <= RESAMPLES:
        deals = np.zeros((math.comb(total, sizes[0]), total), dtype=bool)
        for row, members in zip(deals, itertools.combinations(range(total), sizes[0]), strict=True):
            row[list(members)] = True
        return deals  # combinations begin with the real one
    drawn = np.random.default_rng(seed).permuted(np.tile(real, (RESAMPLES, 1)), axis=1)
    return np.vstack([real, drawn])


def _deal_weights(deals: npt.NDArray[np.bool_], sizes: tuple[int, int], tries: int) -> Values:
    """Return what each setting counts in best of ``tries`` of the first name minus that of the second, by deal."""
    found = np.zeros(deals.shape)
    for members, size, sign in ((deals, sizes[0], 1), (~deals, sizes[1], -1)):
        rank = np.where(members, members.cumsum(axis=1), 0)  # 1 is the best of its name
        found += sign * np.concatenate([[0.0], best_of_weights(size, tries)])[rank]
    return found
