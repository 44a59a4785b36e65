"""The log-probabilities that a causal language model gives to continuations of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from trainables.base.text.language_models.network_parts import shape_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAX_BATCH = 32  # sequences in one forward pass ...
MAX_VALUES = 2**28  # ... where their scores over the vocabulary are no more than this (1 GB)


@torch.inference_mode()
def log_probabilities(model: PreTrainedModel, sequences: Sequence[tuple[Ids, Ids]]) -> list[float]:
    """Return log P(continuation | prompt) in nats, of (prompt ids, continuation ids) pairs; prompts are not empty."""
    found = [0.0] * len(sequences)
    order = sorted(range(len(sequences)), key=lambda i: sum(map(len, sequences[i])))
    longest = max((sum(map(len, pair)) for pair in sequences), default=1)
    batch = max(1, min(MAX_BATCH, MAX_VALUES // (longest * shape_of(model).vocabulary)))
    for begin in range(0, len(order), batch):
        part = order[begin : begin + batch]
        rows = [torch.tensor([*sequences[i][0], *sequences[i][1]]) for i in part]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(model.device)
        # padding is on the right, where no earlier token looks; without a mask, transformers would warn of it
        read = ids[:, :-1]
        log_p = model(input_ids=read, attention_mask=torch.ones_like(read)).logits.float().log_softmax(-1)
        picked = log_p.gather(2, ids[:, 1:, None]).squeeze(2).double().cpu()
        for row, i in enumerate(part):
            head, tail = map(len, sequences[i])
            found[i] = float(picked[row, head - 1 : head - 1 + tail].sum())
    return found


Ids = tuple[int, ...]
