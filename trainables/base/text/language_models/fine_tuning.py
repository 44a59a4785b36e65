"""Fine-tuning a causal language model on documents: blocks, schedule, epochs, evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from trainables.base.contract.task import EpochReport
from trainables.base.text.language_models.adaptation import (
    Settings,
    build_optimizer,
    prepare,
    trained_weights,
)
from trainables.base.text.language_models.checkpoint import Run
from trainables.base.text.language_models.document_loss import Tokens, perplexity, total_nats
from trainables.base.text.language_models.network_parts import shape_of
from trainables.base.text.language_models.randomness import Randomness

MAX_GRAD_NORM = 1.0
MICRO_TOKENS = {"cpu": 1024, "cuda": 8192}  # tokens in one forward pass; larger batches accumulate gradients


def fine_tune(
    network: PreTrainedModel,
    train: Tokens,
    validation: Tokens,
    settings: Settings,
    seed: int,
    *,
    max_epochs: int,
    val_characters: int,
    checkpoint: Path | None = None,
) -> Iterator[EpochReport]:
    """Train ``network`` in place and report after every epoch.

    A run that continues from a checkpoint yields bit for bit what the uninterrupted run would have yielded. The run's
    random numbers (order, dropout) are its own: neither it nor the rest of the process disturbs the other.

    Args:
        network: The model that is trained.
        train: Documents to train on.
        validation: Documents to measure the loss on.
        settings: Of the optimizer, dropout and frozen blocks.
        seed: Fixes the order of blocks and dropout.
        max_epochs: Length of the trial, over which the learning rate falls.
        val_characters: Number of characters of the validation documents, for ``val_nats_per_char``.
        checkpoint: A folder that an ``EpochReport.save`` of the same run wrote; None to begin.

    Yields:
        ``val_loss`` in nats per token; ``train_loss``, ``lr`` (of the last step), ``val_perplexity`` and
        ``val_nats_per_char`` (comparable across tokenizers). A diverged epoch is the last one.
    """
    device = network.device
    prepare(network, settings, seed)
    block_length, steps_per_epoch = _lengths(network, train, settings)
    schedule = Schedule(settings.lr, settings.warmup, max_epochs * steps_per_epoch)
    optimizer = build_optimizer(network, settings)
    randomness = Randomness(seed, device)
    run = Run(network, optimizer, randomness, settings, seed, max_epochs)
    done = 0 if checkpoint is None else run.restore(checkpoint)
    for epoch in range(done + 1, max_epochs + 1):
        with randomness.own() as order:
            blocks = epoch_blocks(train, block_length, order).to(device)
            first_step = (epoch - 1) * steps_per_epoch
            train_loss, lr = _train_epoch(network, optimizer, blocks, settings.batch_size, schedule, first_step)
        val_loss, metrics = _judge(network, validation, val_characters)
        metrics |= {"train_loss": train_loss, "lr": lr}
        weights = trained_weights(network, settings)
        yield EpochReport(epoch, val_loss, metrics, weights, partial(run.save, epoch))
        if not (math.isfinite(val_loss) and math.isfinite(train_loss)):
            return


def _lengths(network: PreTrainedModel, train: Tokens, settings: Settings) -> tuple[int, int]:
    """Return the length of a block in tokens, and that of an epoch in steps of the optimizer."""
    block_length = min(settings.block_length, shape_of(network).context, len(train.ids))
    return block_length, math.ceil(len(train.ids) // block_length / settings.batch_size)


def _judge(network: PreTrainedModel, validation: Tokens, characters: int) -> tuple[float, dict[str, float]]:
    """Return the validation loss in nats per token, and the metrics that follow from it."""
    nats, count = total_nats(network, validation)
    val_loss = nats / count
    return val_loss, {"val_perplexity": perplexity(val_loss), "val_nats_per_char": nats / characters}


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up to ``peak``, then linear decay to zero at the last step."""

    peak: float
    warmup: float
    steps: int

    def __call__(self, step: int) -> float:
        """Return the learning rate of a 0-based step."""
        rising = max(1, round(self.warmup * self.steps))
        if step < rising:
            return self.peak * (step + 1) / rising
        return self.peak * (self.steps - step) / max(1, self.steps - rising + 1)


def epoch_blocks(tokens: Tokens, length: int, order: torch.Generator) -> Tensor:
    """Return the documents in a new order, packed and cut: shape (blocks, length + 1), neighbours share one token.

    Row ``b`` holds the inputs ``[:-1]`` and the targets ``[1:]``; the rest that fills no block is left out this epoch.
    """
    documents = tokens.documents()
    shuffled = [documents[i] for i in torch.randperm(len(documents), generator=order).tolist()]
    stream = torch.cat([torch.tensor([tokens.bos_id]), *shuffled])
    return stream.unfold(0, length + 1, length)


def _train_epoch(
    network: PreTrainedModel,
    optimizer: torch.optim.AdamW,
    blocks: Tensor,
    batch_size: int,
    schedule: Schedule,
    first_step: int,
) -> tuple[float, float]:
    """Return the mean loss in nats per token, and the last step's learning rate."""
    network.train()
    trained = [p for p in network.parameters() if p.requires_grad]
    micro = max(1, MICRO_TOKENS[network.device.type] // blocks.shape[1])
    losses = torch.zeros((), device=blocks.device)
    lr = 0.0
    for step, batch in enumerate(torch.split(blocks, batch_size), start=first_step):
        lr = schedule(step)
        for group in optimizer.param_groups:
            group["lr"] = lr
        for part in torch.split(batch, micro):
            loss = _loss(network, part) * (len(part) / len(batch))
            loss.backward()  # type: ignore[no-untyped-call]
            losses += loss.detach() * (len(batch) / len(blocks))
        torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    network.eval()
    return float(losses), lr


def _loss(network: PreTrainedModel, blocks: Tensor) -> Tensor:
    kind = blocks.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda" or torch.is_autocast_enabled(kind)):
        logits = network(blocks[:, :-1], use_cache=False).logits
    return functional.cross_entropy(logits.float().flatten(0, 1), blocks[:, 1:].flatten())
