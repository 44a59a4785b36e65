"""Several trained models as one: a weighted mean of what they say, weights chosen on the validation split alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import numpy as np
import pandas as pd
from scipy.special import logit

from search_spaces.errors import UserError
from trainables.base.contract.predictors import load
from trainables.base.contract.task import Kind, Predictor, RawSplit
from trainables.base.training.outputs import encode_target, prediction_frame, probabilities

ROUNDS = 50  # of greedy selection: weights are multiples of one in this many


class Member(Protocol):
    """A predictor that can be averaged: one of tables or of pictures."""

    task_kind: Kind
    facts: Mapping[str, Any]
    preprocessing: Any

    def outputs(self, inputs: Any) -> np.ndarray:
        """Raw inputs to raw outputs (n, n_outputs): the standardised target, or logits."""


class EnsemblePredictor(Predictor):
    """A weighted mean of predictors of the same task: of the (transformed) target, or of probabilities.

    Args:
        members: at least one.
        weights: positive, one a member, sum 1.
    """

    kind: ClassVar[str] = "ensemble"

    def __init__(self, members: Sequence[Predictor], weights: Sequence[float]) -> None:
        self.members = list(members)
        self.weights = [float(w) for w in weights]
        self._members = [as_member(member) for member in members]
        self.task_kind, self.facts = self._members[0].task_kind, self._members[0].facts
        self.preprocessing = self._members[0].preprocessing

    def outputs(self, inputs: Any) -> np.ndarray:
        """As each member's: standardised target (n, 1), logit of class 1 (n, 1), or log-probabilities (n, classes)."""
        shares = [shares_of(member, member.outputs(inputs)) for member in self._members]
        return outputs_of(np.tensordot(self.weights, shares, axes=1), self._members[0])

    def predict(self, inputs: Any) -> pd.DataFrame:
        """A column ``prediction``; for classes also ``p_<class>``, the probabilities."""
        return prediction_frame(self.task_kind, self.outputs(inputs), self.facts, getattr(inputs, "index", None))

    def save(self, folder: Path) -> None:
        for number, member in enumerate(self.members):
            part = folder / _part(number)
            part.mkdir()
            member.save(part)
        meta = {"predictor": self.kind, "kind": self.task_kind, "weights": self.weights}
        (folder / "predictor.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EnsemblePredictor:
        weights = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))["weights"]
        return cls([load(folder / _part(number)) for number in range(len(weights))], weights)


def as_member(predictor: Predictor) -> Member:
    """The predictor, if it can be averaged; raises ``UserError`` otherwise."""
    if not (hasattr(predictor, "outputs") and hasattr(predictor, "facts") and hasattr(predictor, "task_kind")):
        raise UserError(f"Models of kind '{predictor.kind}' cannot be averaged; leave --ensemble out.")
    return cast(Member, predictor)


def shares_of(member: Member, outputs: np.ndarray) -> np.ndarray:
    """Raw outputs to what is averaged: (n, 1) standardised targets, or (n, classes) probabilities."""
    return outputs.astype(np.float64) if member.task_kind == "regression" else probabilities(outputs)


def outputs_of(shares: np.ndarray, member: Member) -> np.ndarray:
    """The raw outputs that have these shares: undoes ``shares_of``."""
    if member.task_kind == "regression":
        return shares
    tiny = np.finfo(np.float64).tiny
    if member.task_kind == "binary":
        binary: np.ndarray = logit(np.clip(shares[:, 1:], 1e-15, 1 - 1e-15))
        return binary
    logs: np.ndarray = np.log(np.clip(shares, tiny, 1.0))
    return logs


def greedy_weights(
    members: Sequence[Predictor], validation: RawSplit, at_most: int, rounds: int = ROUNDS
) -> tuple[list[float], float]:
    """Weights by greedy selection with replacement (Caruana et al. 2004): again and again the member is added that
    makes the mean's validation loss lowest; the best mean on the way is taken.

    Args:
        members: candidates, the best single one first; it begins.
        validation: raw rows; nothing else is looked at.
        at_most: different members with a weight.
        rounds: how often a member is added.

    Returns:
        A weight for each candidate, sum 1, most of them 0; the mean's validation loss, in the unit of training.
    """
    ready = [as_member(member) for member in members]
    kind, facts = ready[0].task_kind, ready[0].facts
    shares = np.stack([shares_of(member, member.outputs(validation.inputs)) for member in ready])
    target = encode_target(np.asarray(validation.targets), _scored_as(kind), facts)
    counts = np.zeros(len(ready), dtype=np.int64)
    total = np.zeros_like(shares[0])
    best_loss, best_counts = np.inf, counts
    for step in range(1, rounds + 1):
        allowed = np.flatnonzero(counts) if np.count_nonzero(counts) >= at_most else np.arange(len(ready))
        losses = [validation_loss((total + shares[i]) / step, target, kind) for i in allowed]
        pick = int(allowed[int(np.argmin(losses))])
        counts[pick] += 1
        total += shares[pick]
        if min(losses) < best_loss:
            best_loss, best_counts = float(min(losses)), counts.copy()
    return (best_counts / best_counts.sum()).tolist(), best_loss


def validation_loss(shares: np.ndarray, target: np.ndarray, kind: Kind) -> float:
    """The loss that training minimises, of averaged outputs: mean squared error or cross entropy.

    Args:
        shares: as ``shares_of`` gives.
        target: (n,) as ``encode_target`` gives.
    """
    if kind == "regression":
        return float(np.mean((shares[:, 0] - target) ** 2))
    chosen = shares[np.arange(len(target)), target.astype(np.int64)]
    return float(-np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0)).mean())


def _scored_as(kind: Kind) -> Kind:
    return "multiclass" if kind == "images" else kind


def _part(number: int) -> str:
    return f"member-{number}"
