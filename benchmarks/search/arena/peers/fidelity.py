"""Searches that ask for a configuration at a number of epochs, and later for the same configuration at more."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import optuna

from benchmarks.search.arena.curves import CurveTask
from benchmarks.search.arena.searcher import ArenaTrial
from benchmarks.search.schedulers import Verdict

MAX_KNOWN = 1000  # answers in a row from what is already trained


@dataclass(frozen=True)
class Evaluation:
    """What a search asks for.

    Attributes:
        key: of the configuration: the same key continues the same trial.
        params: of the search space.
        epochs: to which it is trained, counted from its start.
        handle: what the search wants back with the loss.
    """

    key: Hashable
    params: Mapping[str, Any]
    epochs: int
    handle: Any


class FidelityPeer(Protocol):
    """A search of another library."""

    def ask(self) -> Evaluation:
        """Return what is trained next."""

    def tell(self, evaluation: Evaluation, loss: float) -> None:
        """Take the loss after the epochs that were asked for; NaN or inf where training diverged."""


class FidelitySearcher:
    """Trains evaluations: a new trial for each new key, paused at the epoch that was asked for.

    A search may ask for more epochs of a trial that still runs. It is then not asked again until that trial has paused.

    Args:
        peer: the search.
        task: what is searched.
    """

    def __init__(self, peer: FidelityPeer, task: CurveTask) -> None:
        self._peer, self._space = peer, task.space
        self._numbers: dict[Hashable, int] = {}
        self._wanted: dict[int, Evaluation] = {}
        self._losses: list[list[float]] = []
        self._awaited: Evaluation | None = None

    def next_trial(self) -> ArenaTrial | None:
        for _ in range(MAX_KNOWN):
            evaluation = self._peer.ask() if self._awaited is None else self._awaited
            number = self._numbers.setdefault(evaluation.key, len(self._numbers))
            self._awaited = evaluation if number in self._wanted else None
            if self._awaited is not None:
                return None
            if number == len(self._losses):
                self._losses.append([])
            losses = self._losses[number]
            if len(losses) < evaluation.epochs and all(map(math.isfinite, losses[-1:])):
                self._wanted[number] = evaluation
                return ArenaTrial(number, self._space(optuna.trial.FixedTrial(dict(evaluation.params))))
            self._peer.tell(evaluation, losses[min(evaluation.epochs, len(losses)) - 1])
        raise RuntimeError(f"{type(self._peer).__name__} asks only for what is already trained")

    def report(self, number: int, epoch: int, loss: float, seconds: float) -> Verdict:
        self._losses[number].append(loss)
        if epoch < self._wanted[number].epochs:
            return Verdict.GO
        self._peer.tell(self._wanted.pop(number), loss)
        return Verdict.PAUSE

    def end(self, number: int, epoch: int, loss: float, seconds: float) -> None:
        self._losses[number].append(loss)
        self._peer.tell(self._wanted.pop(number), loss)
