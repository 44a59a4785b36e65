"""Classes: cross entropy of logits, one logit for two classes and one a class for more."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from trainables.base.kinds.kind import GradientBuffers, Kind, RowKind, TargetTransform
from trainables.base.kinds.metrics import binary_metrics, calibration_error, multiclass_metrics

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

RARE = 0.1  # share of the rarer of two classes below which accuracy says little
THRESHOLD = "threshold"  # fact of a model of rare positives: the probability above which it says yes
_EPSILON = float(np.finfo(np.float64).eps)  # probabilities are kept away from 0 by it, as scikit-learn does
CROSS_ENTROPY = "mean cross entropy of a row, −ln p(true class), nats"
_LEAST_SHARE = 1e-7  # of a class that no training row, or none of those averaged, has


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """Convert (n, 1) logits of class 1, or (n, classes) logits, to (n, classes) float64 that sum to 1."""
    from scipy.special import expit, softmax

    logits = outputs.astype(np.float64)
    if logits.shape[1] == 1:
        one = expit(logits)
        return np.concatenate([1 - one, one], axis=1)
    found: np.ndarray = softmax(logits, axis=1)
    return found


def _logit(logs: Tensor) -> Tensor:
    """Convert logarithms of the probabilities of two classes (n, 2) to logits of the second (n, 1)."""
    return logs[:, 1:] - logs[:, :1]


@dataclass(frozen=True)
class Classification(RowKind):
    """What two and more classes have in common; ``facts["classes"]`` holds the classes in the order of the outputs."""

    classifies: ClassVar[bool] = True
    score: ClassVar[str] = "accuracy"
    score_direction: ClassVar[Literal["minimize", "maximize"]] = "maximize"

    @abstractmethod
    def n_outputs(self, classes: int) -> int:
        """Return the number of raw outputs for a number of classes."""

    def target_facts(self, train: np.ndarray, every: np.ndarray, transform: TargetTransform) -> dict[str, Any]:
        import pandas as pd

        classes = sorted(pd.unique(pd.Series(every)).tolist())
        return {"n_outputs": self.n_outputs(len(classes)), "classes": classes}

    def positions(self, targets: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        """Return the position of each raw target's class, (n,) int64."""
        position = {value: i for i, value in enumerate(facts["classes"])}
        return np.array([position[value] for value in targets.tolist()], dtype=np.int64)

    def encode_target(self, targets: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        return self.positions(targets, facts)

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        return probabilities(outputs)

    def decoded_loss(self, decoded: np.ndarray, target: np.ndarray) -> float:
        chosen = decoded[np.arange(len(target)), target.astype(np.int64)]
        return float(-np.log(np.clip(chosen, _EPSILON, 1.0)).mean())

    def outputs_of_means(self, means: Tensor) -> Tensor:
        return (means + _LEAST_SHARE).log()

    def contradicted_losses(self, outputs: np.ndarray) -> np.ndarray:
        second = np.partition(probabilities(outputs), -2, axis=1)[:, -2]  # of the most likely class but the predicted
        losses: np.ndarray = -np.log(np.clip(second, _EPSILON, 1.0))
        return losses

    def scores(self, outputs: np.ndarray, targets: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        return self.metrics(outputs, self.encode_target(targets, facts), facts)

    def frame(self, outputs: np.ndarray, facts: Mapping[str, Any], index: pd.Index | None = None) -> pd.DataFrame:
        import pandas as pd

        classes, found = facts["classes"], probabilities(outputs)
        frame = pd.DataFrame(found, columns=[f"p_{c}" for c in classes], index=index)
        frame.insert(0, "prediction", [classes[i] for i in self.chosen(found, facts)])
        return frame

    def chosen(self, found: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        """Return the position of the class that is predicted for each row, (n,) int64, from its probabilities."""
        positions: np.ndarray = found.argmax(axis=1)
        return positions


@dataclass(frozen=True)
class Binary(Classification):
    """Two classes; raw outputs (n, 1) are the logit of the second, targets are 0 and 1 as float32.

    The second is the later one in their order, or the rare one. A model of a rare class may have a ``threshold`` among
    its facts, the probability above which it is predicted.
    """

    name: Kind = "binary"
    loss_text: str = CROSS_ENTROPY
    n_classes: ClassVar[int | None] = 2

    def score_for(self, targets: pd.Series) -> str:
        """Return ``average_precision`` where a class is rare: accuracy says little there."""
        return "average_precision" if float(targets.value_counts(normalize=True).min()) < RARE else self.score

    def n_outputs(self, classes: int) -> int:
        return 1

    def target_facts(self, train: np.ndarray, every: np.ndarray, transform: TargetTransform) -> dict[str, Any]:
        import pandas as pd

        facts = super().target_facts(train, every, transform)
        first = float(np.mean(pd.Series(train) == facts["classes"][0]))
        return facts | ({"classes": facts["classes"][::-1]} if first < RARE else {})  # a rare class is the positive one

    def chosen(self, found: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        yes: np.ndarray = found[:, 1] > facts.get(THRESHOLD, 0.5)
        return yes.astype(np.int64)

    def encode_target(self, targets: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        return self.positions(targets, facts).astype(np.float32)

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        import torch
        from torch.nn import functional as F

        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32)).reshape(-1)
        return F.binary_cross_entropy_with_logits(outputs, target.to(outputs.dtype))

    def output_gradient(self, outputs: Tensor, target: Tensor, work: GradientBuffers) -> Tensor:
        import torch

        return torch.sigmoid(outputs, out=work.output_gradient).sub_(target).mul_(work.per_row)

    def row_losses(self, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        z, y = outputs[:, 0].astype(np.float64), np.asarray(target).reshape(-1)
        losses: np.ndarray = np.logaddexp(0, z) - y * z
        return losses

    def constant_outputs(self, target: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        share = np.clip(np.asarray(target, dtype=np.float64).mean(), _LEAST_SHARE, 1 - _LEAST_SHARE)
        return np.array([np.log(share / (1 - share))])

    def encode_outputs(self, decoded: np.ndarray) -> np.ndarray:
        from scipy.special import logit

        logits: np.ndarray = logit(np.clip(decoded[:, 1:], 1e-15, 1 - 1e-15))
        return logits

    def average(self, scores: Tensor) -> Tensor:
        import torch
        from torch.nn import functional as F

        return _logit(torch.cat([F.logsigmoid(-scores), F.logsigmoid(scores)], dim=2).logsumexp(dim=0))

    def outputs_of_means(self, means: Tensor) -> Tensor:
        return _logit(super().outputs_of_means(means))

    def metrics(self, outputs: np.ndarray, target: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        threshold = facts.get(THRESHOLD)
        scores = binary_metrics(target.reshape(-1), probabilities(outputs)[:, 1], threshold or 0.5)
        return scores if threshold is None else {**scores, THRESHOLD: threshold}


@dataclass(frozen=True)
class Multiclass(Classification):
    """Three classes or more; raw outputs (n, classes) are logits, targets class positions as int64."""

    name: Kind = "multiclass"
    loss_text: str = CROSS_ENTROPY

    def n_outputs(self, classes: int) -> int:
        return classes

    def loss(self, outputs: Tensor, target: Tensor) -> Tensor:
        import torch
        from torch.nn import functional as F

        return F.cross_entropy(outputs.to(torch.promote_types(outputs.dtype, torch.float32)), target)

    def output_gradient(self, outputs: Tensor, target: Tensor, work: GradientBuffers) -> Tensor:
        import torch

        gradient = torch.softmax(outputs, 1, out=work.output_gradient)
        return gradient.scatter_add_(1, target, work.minus_ones).mul_(work.per_row)

    def row_losses(self, outputs: np.ndarray, target: np.ndarray) -> np.ndarray:
        from scipy.special import log_softmax

        y = np.asarray(target).reshape(-1).astype(np.int64)
        losses: np.ndarray = -log_softmax(outputs.astype(np.float64), axis=1)[np.arange(len(y)), y]
        return losses

    def constant_outputs(self, target: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
        counts = np.bincount(np.asarray(target).reshape(-1).astype(np.int64), minlength=int(facts["n_outputs"]))
        logs: np.ndarray = np.log(np.clip(counts / counts.sum(), _LEAST_SHARE, 1.0))
        return logs

    def encode_outputs(self, decoded: np.ndarray) -> np.ndarray:
        logs: np.ndarray = np.log(np.clip(decoded, np.finfo(np.float64).tiny, 1.0))
        return logs

    def average(self, scores: Tensor) -> Tensor:
        return scores.log_softmax(dim=2).logsumexp(dim=0) - math.log(len(scores))

    def metrics(self, outputs: np.ndarray, target: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        return multiclass_metrics(target.reshape(-1), probabilities(outputs))


@dataclass(frozen=True)
class Images(Multiclass):
    """Pictures of several classes: as ``Multiclass``, with the expected calibration error among the scores."""

    name: Kind = "images"

    def scores(self, outputs: np.ndarray, targets: np.ndarray, facts: Mapping[str, Any]) -> dict[str, float]:
        error = calibration_error(self.encode_target(targets, facts), probabilities(outputs))
        return {**super().scores(outputs, targets, facts), "ece": error}
