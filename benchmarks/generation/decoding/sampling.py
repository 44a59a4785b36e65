"""The next token of many sequences at once, each with its own decoding settings.

Every filter is a threshold on the logit (``typical_p`` is a mask), in transformers' order: repetition penalty, n-gram
ban, temperature, top_k, top_p, min_p, typical_p. One pass then draws by the inverse of the cumulative distribution in
the order of token ids, from one uniform number a row: the same number meets nearly the same token under nearly the same
settings (common random numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.generation.plan.settings import DecodingSettings


@dataclass(frozen=True)
class RowSettings:
    """The settings of n rows as columns, and which rows need which filter.

    Attributes:
        temperature, top_k, top_p, min_p, typical_p, penalty: shape (n,), float32 but top_k int64.
        greedy: shape (n,) bool.
        with_top_k, with_top_p, with_min_p, with_typical_p, with_penalty: row numbers, int64.
    """

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    min_p: Tensor
    typical_p: Tensor
    penalty: Tensor
    greedy: Tensor
    with_top_k: Tensor
    with_top_p: Tensor
    with_min_p: Tensor
    with_typical_p: Tensor
    with_penalty: Tensor

    @classmethod
    def from_settings(cls, settings: Sequence[DecodingSettings], device: torch.device | str = "cpu") -> RowSettings:
        def column(name: str, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.tensor([getattr(s, name) for s in settings], dtype=dtype, device=device)

        return cls._of_columns(
            temperature=column("temperature"),
            top_k=column("top_k", torch.int64),
            top_p=column("top_p"),
            min_p=column("min_p"),
            typical_p=column("typical_p"),
            penalty=column("repetition_penalty"),
            greedy=torch.tensor([s.mode == "greedy" for s in settings], device=device),
        )

    def take(self, index: Tensor) -> RowSettings:
        """Return the settings of rows chosen by number, shape (m,), repeats allowed."""
        names = ("temperature", "top_k", "top_p", "min_p", "typical_p", "penalty", "greedy")
        return self._of_columns(**{name: getattr(self, name)[index] for name in names})

    @classmethod
    def _of_columns(cls, **columns: Tensor) -> RowSettings:
        return cls(
            **columns,
            with_top_k=(columns["top_k"] > 0).nonzero().flatten(),
            with_top_p=(columns["top_p"] < 1).nonzero().flatten(),
            with_min_p=(columns["min_p"] > 0).nonzero().flatten(),
            with_typical_p=(columns["typical_p"] < 1).nonzero().flatten(),
            with_penalty=(columns["penalty"] != 1).nonzero().flatten(),
        )


def penalised(logits: Tensor, seen: Tensor, rows: RowSettings) -> Tensor:
    """Return logits after the repetition penalty (Keskar et al. 2019, CTRL).

    Args:
        logits: shape (n, vocabulary).
        seen: bool of the same shape: tokens already in the prompt or the continuation.
        rows: settings of the n rows.
    """
    index = rows.with_penalty
    if not len(index):
        return logits
    part, penalty = logits[index], rows.penalty[index, None]
    scaled = torch.where(part < 0, part * penalty, part / penalty)
    return logits.index_copy(0, index, torch.where(seen[index], scaled, part))


def filtered(logits: Tensor, rows: RowSettings) -> Tensor:
    """Return logits over temperature, -inf where a filter removes a token. Shape (n, vocabulary), as the argument."""
    scores = logits / rows.temperature[:, None]
    for index, keep in (
        (rows.with_top_k, _top_k),
        (rows.with_top_p, _top_p),
        (rows.with_min_p, _min_p),
        (rows.with_typical_p, _typical_p),
    ):
        if len(index) == len(scores):  # the usual case of one kind of setting needs no copy of rows
            scores = scores.masked_fill(~keep(scores, rows, index), -torch.inf)
        elif len(index):
            part = scores[index]
            scores[index] = part.masked_fill(~keep(part, rows, index), -torch.inf)
    return scores


def choose(scores: Tensor, uniforms: Tensor, greedy: Tensor) -> Tensor:
    """Token ids, shape (n,): the likeliest for greedy rows, else the inverse cumulative distribution at ``uniforms``.

    Args:
        scores: filtered logits, shape (n, vocabulary); every row has a finite one.
        uniforms: one number in [0, 1) a row, shape (n,), float64.
        greedy: rows that take the likeliest token, shape (n,) bool.
    """
    top = scores.max(-1)
    mass = (scores - top.values[:, None]).exp_().cumsum(-1)  # accumulated in double, whatever the type
    total = mass[:, -1]
    target = (uniforms * total).to(mass.dtype)
    target = torch.minimum(target, torch.nextafter(total, torch.zeros_like(total)))
    drawn = torch.searchsorted(mass, target[:, None], right=True).squeeze(-1)
    return torch.where(greedy, top.indices, drawn)


def _top_k(scores: Tensor, rows: RowSettings, index: Tensor) -> Tensor:
    place = scores.shape[-1] - rows.top_k[index].clamp_max(scores.shape[-1])
    return scores >= _ascending(scores, place).gather(1, place[:, None])


def _top_p(scores: Tensor, rows: RowSettings, index: Tensor) -> Tensor:
    """Holtzman et al. 2020: the least likely tokens go as long as their sum is at most 1 - top_p."""
    best = _ascending(scores)
    mass = (best - best[:, -1:]).exp_().cumsum(-1)
    removed = (mass <= (1 - rows.top_p[index, None]) * mass[:, -1:]).sum(-1, keepdim=True)
    return scores >= best.gather(1, removed.clamp_max(scores.shape[-1] - 1))


def _ascending(scores: Tensor, places: Tensor | None = None) -> Tensor:
    """Sort rows; with ``places``, only these are sure to hold what they hold in sorted rows.

    On CPU numpy sorts values 25 times as fast as torch, which carries indices along.
    """
    if scores.device.type != "cpu":
        return scores.sort(-1).values
    values = scores.numpy()
    kept = np.sort(values, axis=-1) if places is None else np.partition(values, sorted(set(places.tolist())), axis=-1)
    return torch.from_numpy(kept)


def _min_p(scores: Tensor, rows: RowSettings, index: Tensor) -> Tensor:
    return scores >= scores.amax(-1, keepdim=True) + rows.min_p[index, None].log()


def _typical_p(scores: Tensor, rows: RowSettings, index: Tensor) -> Tensor:
    """Meister et al. 2023, *Locally typical sampling*: tokens whose surprise is nearest the entropy."""
    log_p = scores.log_softmax(-1)
    entropy = -(log_p.exp() * log_p).nansum(-1, keepdim=True)
    order = (-log_p - entropy).abs().sort(-1)
    mass = log_p.gather(1, order.indices).exp_().cumsum(-1)
    last = (mass < rows.typical_p[index, None]).sum(-1, keepdim=True).clamp_max(scores.shape[-1] - 1)
    return (-log_p - entropy).abs() <= order.values.gather(1, last)
