"""Ranks of methods over many searches: Friedman's test, Nemenyi's critical difference, bootstrap intervals.

Demšar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 7). A block is one task with one
repetition: within it all methods have the same data, seeds and budget. Blocks of one task are alike, so that the
critical difference says something of these tasks, not of tasks at large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tunelab.records.seeds import derive_seed
from tunelab.system.language import tr

LEVEL = 0.05
RESAMPLES = 2000


@dataclass(frozen=True)
class Ranking:
    """Average ranks, 1 is best.

    Attributes:
        methods: names, best average rank first.
        ranks: their average ranks.
        low, high: ends of their 95 % bootstrap intervals over blocks, drawn within tasks.
        wins: in how many blocks each was best, ties counted for all that tie.
        blocks: how many.
        friedman_p: that all are alike.
        critical_difference: of average ranks at the 5 % level (Nemenyi).
    """

    methods: tuple[str, ...]
    ranks: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    wins: tuple[int, ...]
    blocks: int
    friedman_p: float
    critical_difference: float

    def groups(self) -> list[tuple[int, int]]:
        """Return the longest runs of places (first, last) whose ends differ by less than the critical difference."""
        count = len(self.methods)
        ends = [
            max(j for j in range(i, count) if self.ranks[j] - self.ranks[i] < self.critical_difference)
            for i in range(count)
        ]
        return [(i, j) for i, j in enumerate(ends) if j > i and (i == 0 or ends[i - 1] < j)]


def rank(methods: Sequence[str], tasks: Sequence[str], losses: np.ndarray, seed: int) -> Ranking:
    """Rank methods.

    Args:
        methods: names of the columns.
        tasks: the task of each row.
        losses: lowest validation losses (blocks, methods); inf for none.
        seed: of the bootstrap.
    """
    ranks = stats.rankdata(losses, axis=1)
    blocks, count = ranks.shape
    average = ranks.mean(axis=0)
    rng = np.random.default_rng(derive_seed(seed, "bootstrap", 0))
    rows_of = [np.flatnonzero(np.array(tasks) == task) for task in dict.fromkeys(tasks)]
    drawn = np.array(
        [
            ranks[np.concatenate([rng.choice(rows, len(rows)) for rows in rows_of])].mean(axis=0)
            for _ in range(RESAMPLES)
        ]
    )
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    wins = (losses == losses.min(axis=1, keepdims=True)).sum(axis=0)
    order = sorted(range(count), key=lambda i: (average[i], methods[i]))
    return Ranking(
        methods=tuple(methods[i] for i in order),
        ranks=tuple(float(average[i]) for i in order),
        low=tuple(float(low[i]) for i in order),
        high=tuple(float(high[i]) for i in order),
        wins=tuple(int(wins[i]) for i in order),
        blocks=blocks,
        friedman_p=_friedman(ranks),
        critical_difference=critical_difference(count, blocks),
    )


def critical_difference(methods: int, blocks: int) -> float:
    """Return Nemenyi's critical difference at 5 %: the studentised range over sqrt(2), times sqrt(k (k + 1) / 6 n)."""
    quantile = float(stats.studentized_range.ppf(1 - LEVEL, methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(methods * (methods + 1) / (6 * blocks))


def needed_repetitions(methods: int, tasks: int, seeds: int, difference: float = 0.5) -> str:
    """Say before a benchmark runs what its repetitions can show, and how many would show a smaller difference.

    Args:
        methods: that are compared.
        tasks: number of tasks.
        seeds: repetitions on each task.
        difference: of average ranks that should be found.
    """
    now = critical_difference(methods, tasks * seeds)
    needed = math.ceil((critical_difference(methods, 1) / difference) ** 2 / tasks)
    text = tr(
        "Methods: {methods}, tasks: {tasks}, repetitions: {seeds}. Average ranks less than {gap:.2f} apart cannot be "
        "told apart (Nemenyi, 5 %).",
        methods=methods,
        tasks=tasks,
        seeds=seeds,
        gap=now,
    )
    if seeds >= needed:
        return text
    more = tr("A difference of {difference:g} takes --seeds {needed}.", difference=difference, needed=needed)
    return f"{text} {more}"


def _friedman(ranks: np.ndarray) -> float:
    if ranks.shape[1] < 3:  # two methods: the sign of the difference in each block
        first, second = ranks.T
        better, worse = int((first < second).sum()), int((first > second).sum())
        return float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0
    if np.all(ranks == ranks[:, :1]):
        return 1.0
    return float(stats.friedmanchisquare(*ranks.T).pvalue)
