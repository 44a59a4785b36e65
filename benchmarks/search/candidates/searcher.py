"""Candidates in the arena."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.searcher import ArenaTrial
from benchmarks.search.candidates.curve_search import CurveSearch
from benchmarks.search.schedulers import Verdict


class CurveSearcher:
    """The curve-aware search: trials pause at milestones.

    Args:
        name: not used; there is one.
        task: what is searched.
        seed: of all decisions.
    """

    def __init__(self, name: str, task: CurveTask, seed: int) -> None:
        self._search = CurveSearch(task.space, task.length.max_epochs, seed)
        self._space = task.space
        self._configs: list[Mapping[str, Any]] = []
        self._paused: set[int] = set()

    def next_trial(self) -> ArenaTrial | None:
        decided = self._search.decide(self._paused)
        if isinstance(decided, int):
            self._paused.remove(decided)
            return ArenaTrial(decided, self._configs[decided])
        number = self._search.add(decided)
        self._configs.append(self._space(optuna.trial.FixedTrial(decided)))
        return ArenaTrial(number, self._configs[number])

    def report(self, number: int, epoch: int, loss: float, seconds: float) -> Verdict:
        self._search.observe(number, loss)
        if epoch not in self._search.milestones:
            return Verdict.GO
        self._paused.add(number)
        return Verdict.PAUSE

    def end(self, number: int, epoch: int, loss: float, seconds: float) -> None:
        self._search.observe(number, loss)
