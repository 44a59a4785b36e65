"""Ranks of methods by normalised regret, for each number of workers, budget and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.simulate import ArenaTrace
from benchmarks.search.arena.spec import ArenaSpec
from benchmarks.search.statistics import Ranking, rank

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class ArenaRanking:
    """The methods at one number of workers, one budget and on one split.

    Attributes:
        workers: number of trials at once.
        full_trainings: the budget.
        split: ``"validation"`` or ``"test"``.
        ranking: over blocks of a task and a repetition.
        by_task: the same over tasks, each with the mean regret of its repetitions: the wider critical difference, for
            what may be said of tasks at large.
        regrets: mean regret of each method over all blocks, in the order of the ranking.
    """

    workers: int
    full_trainings: int
    split: str
    ranking: Ranking
    by_task: Ranking
    regrets: tuple[float, ...]


def rank_methods(spec: ArenaSpec, tasks: Sequence[CurveTask], traces: Sequence[ArenaTrace]) -> list[ArenaRanking]:
    """Return a ranking for each number of workers, budget and split."""
    names = [task.name for task in tasks]
    found = []
    for budget in spec.full_trainings:
        table = regret_table(spec, tasks, traces, budget)
        for place, workers in enumerate(spec.workers):
            for index, split in enumerate(SPLITS):
                regrets = table[:, place, :, :, index]  # (tasks, repetitions, methods)
                blocks = regrets.reshape(-1, len(spec.methods))
                ranking = rank(spec.methods, np.repeat(names, spec.repetitions).tolist(), blocks, spec.seed)
                means = dict(zip(spec.methods, blocks.mean(axis=0), strict=True))
                by_task = rank(spec.methods, names, regrets.mean(axis=1), spec.seed)
                found.append(
                    ArenaRanking(
                        workers=workers,
                        full_trainings=budget,
                        split=split,
                        ranking=ranking,
                        by_task=by_task,
                        regrets=tuple(float(means[m]) for m in ranking.methods),
                    )
                )
    return found


def regret_table(
    spec: ArenaSpec, tasks: Sequence[CurveTask], traces: Sequence[ArenaTrace], full_trainings: float
) -> np.ndarray:
    """Return regrets after a budget, shape (tasks, workers, repetitions, methods, splits)."""
    epochs = [
        round(full_trainings * task.length.max_epochs)
        for task in tasks
        for _ in range(len(spec.workers) * spec.repetitions * len(spec.methods))
    ]
    values = [trace.regrets(budget) for trace, budget in zip(traces, epochs, strict=True)]
    return np.array(values).reshape(len(tasks), len(spec.workers), spec.repetitions, len(spec.methods), len(SPLITS))
