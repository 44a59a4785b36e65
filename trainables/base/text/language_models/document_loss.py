"""How well a language model foresees documents: nats, tokens, perplexity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from trainables.base.text.language_models.network_parts import shape_of

EVAL_TOKENS = 2048  # padded tokens in one forward pass of an evaluation, and the longest window of a document ...
EVAL_VALUES = 2**27  # ... where their scores over the vocabulary are no more than this (0.5 GB)


@dataclass(frozen=True)
class Tokens:
    """Tokenised documents, one after the other.

    Attributes:
        ids: int64, shape (tokens,): every document with its end token.
        ends: int64, shape (documents,): where each document ends in ``ids``.
        bos_id: begins a stream.
    """

    ids: Tensor
    ends: Tensor
    bos_id: int

    def documents(self) -> list[Tensor]:
        """Return the documents' ids, each of shape (its tokens,)."""
        return list(torch.tensor_split(self.ids, self.ends[:-1]))


@torch.no_grad()
def total_nats(network: PreTrainedModel, tokens: Tokens) -> tuple[float, int]:
    """Return nats of all documents, each on its own after the begin token, and how many tokens that is.

    The loss does not depend on the block length of training. A document longer than the model is read in windows
    that overlap by half, every token scored once; so is one beyond the tokens of a forward pass.
    """
    nats = [_window_nats(network, batch, tokens.bos_id) for batch in _batched(network, tokens)]
    return float(torch.cat(nats).sum()), len(tokens.ids)


def _window_nats(network: PreTrainedModel, windows: Sequence[tuple[Tensor, int]], bos_id: int) -> Tensor:
    """Return nats per window, shape (windows,), in float64; a window is its ids and where counting starts."""
    network.eval()
    length = max(len(ids) for ids, _ in windows)
    inputs = torch.full((len(windows), length), bos_id)
    counted = torch.zeros((len(windows), length), dtype=torch.bool)
    for row, (ids, start) in enumerate(windows):
        inputs[row, : len(ids)] = ids
        counted[row, start : len(ids)] = True
    inputs = inputs.to(network.device)
    logits = network(inputs[:, :-1], use_cache=False).logits.float()
    losses = functional.cross_entropy(logits.flatten(0, 1), inputs[:, 1:].flatten(), reduction="none")
    kept = losses.view(len(windows), length - 1).double() * counted[:, 1:].to(network.device)
    return kept.sum(1).cpu()


def perplexity(nats_per_token: float) -> float:
    """exp, infinite where it overflows."""
    return math.exp(nats_per_token) if nats_per_token < 700 else math.inf


def _batched(network: PreTrainedModel, tokens: Tokens) -> Iterator[list[tuple[Tensor, int]]]:
    """Batch windows of similar length, so that padding costs little."""
    shape = shape_of(network)
    most = min(EVAL_TOKENS, max(1, EVAL_VALUES // shape.vocabulary))
    size = min(shape.context, most) + 1
    windows: list[tuple[Tensor, int]] = []
    for document in tokens.documents():
        ids = torch.cat([torch.tensor([tokens.bos_id]), document])
        windows.append((ids[:size], 1))
        for end in range(size + size // 2, len(ids) + size // 2, size // 2):
            window = ids[end - size : end]
            windows.append((window, size - size // 2))
    windows.sort(key=lambda window: len(window[0]))
    batch: list[tuple[Tensor, int]] = []
    for ids, start in windows:
        if batch and (len(batch) + 1) * len(ids) > most:
            yield batch
            batch = []
        batch.append((ids, start))
    yield batch
