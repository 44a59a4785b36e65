"""Several trained models as one: a weighted mean of their outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeGuard

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.contract.files.damage import entry, read_object, reading
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.predictors import load, save
from trainables.base.kinds.kind import Kind
from trainables.base.kinds.registry import row_kind

TOLERANCE = 1e-6  # of the sum of weights


class Member(Protocol):
    """A predictor that can be averaged: one of tables or of pictures."""

    task_kind: Kind
    facts: Mapping[str, Any]
    preprocessing: Any

    def encode(self, inputs: Any) -> Any:
        """Prepare raw inputs for the model; depends on ``preprocessing`` and ``facts`` alone."""

    def encoded_outputs(self, encoded: Any) -> np.ndarray:
        """Map what ``encode`` returned to raw outputs (n, n_outputs): the standardised target, or logits."""


class SharedInputs:
    """Raw inputs that are prepared once for all members with the same preprocessing, which costs more than most models.

    Args:
        inputs: As ``Member.encode`` takes them.
    """

    def __init__(self, inputs: Any) -> None:
        self._inputs = inputs
        self._encoded: dict[int, Any] = {}

    def outputs(self, member: Member) -> np.ndarray:
        """Return a member's raw outputs, (n, n_outputs)."""
        key = id(member.preprocessing)
        if key not in self._encoded:
            self._encoded[key] = member.encode(self._inputs)
        return member.encoded_outputs(self._encoded[key])


class EnsemblePredictor(Predictor):
    """A weighted mean of predictors of the same task: of the (transformed) target, or of probabilities.

    Args:
        members: at least one.
        weights: positive, one a member, sum 1.
        facts: of the mean, where they differ from those of the first member; see ``Task.calibration``.
    """

    kind: ClassVar[str] = "ensemble"

    def __init__(
        self, members: Sequence[Predictor], weights: Sequence[float], facts: Mapping[str, Any] | None = None
    ) -> None:
        self.members = list(members)
        self.weights = [float(w) for w in weights]
        self._members = [as_member(member) for member in members]
        self.task_kind = self._members[0].task_kind
        self.facts: Mapping[str, Any] = {**self._members[0].facts, **(facts or {})}
        self.preprocessing = self._members[0].preprocessing
        self.reads, self.columns = self.members[0].reads, self.members[0].columns
        self.packages = tuple(sorted({name for member in self.members for name in member.packages}))

    def read_image(self, content: bytes) -> np.ndarray:
        return self.members[0].read_image(content)

    def outputs(self, inputs: Any) -> np.ndarray:
        """As each member's: standardised target (n, 1), logit of class 1 (n, 1), or log-probabilities (n, classes)."""
        kind = row_kind(self.task_kind)
        shared = SharedInputs(inputs)
        decoded = [kind.decode(shared.outputs(member)) for member in self._members]
        return kind.encode_outputs(np.tensordot(self.weights, decoded, axes=1))

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Predict raw inputs: a column ``prediction``; for classes also ``p_<class>``, the probabilities."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts, getattr(inputs, "index", None))

    def save(self, folder: Path) -> None:
        for number, member in enumerate(self.members):
            part = folder / _part(number)
            part.mkdir()
            save(member, part)
        shared = self._members[0].facts
        own = {name: value for name, value in self.facts.items() if name not in shared or shared[name] != value}
        meta = {"predictor": self.kind, "kind": self.task_kind, "weights": self.weights, "facts": own}
        (folder / "predictor.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> EnsemblePredictor:
        file = folder / "predictor.json"
        meta = read_object(file)
        weights = entry(meta, "weights", list, file)
        facts = entry(meta, "facts", dict, file) if "facts" in meta else {}  # earlier versions wrote none
        with reading(file):
            _check_weights(weights)
            return cls([load(folder / _part(number)) for number in range(len(weights))], weights, facts)

    def trial_input(self) -> Any:
        return self.members[0].trial_input()


def _check_weights(weights: list[Any]) -> None:
    """Raise ``ValueError`` unless these are positive weights whose sum is 1."""
    positive = all(isinstance(weight, float | int) and weight > 0 for weight in weights)
    if not positive or abs(sum(weights) - 1) > TOLERANCE:
        raise ValueError("its weights are not positive numbers whose sum is 1")


def is_member(predictor: Predictor) -> TypeGuard[Member]:
    """Return whether the predictor can be averaged."""
    return all(hasattr(predictor, name) for name in ("encoded_outputs", "facts", "task_kind"))


def as_member(predictor: Predictor) -> Member:
    """Return the predictor, if it can be averaged; raises ``UserError`` otherwise."""
    if not is_member(predictor):
        raise UserError(f"Models of kind '{predictor.kind}' cannot be averaged; leave --ensemble out.")
    return predictor


def _part(number: int) -> str:
    return f"member-{number}"
