"""Fine-tuning a causal language model on documents: blocks, schedule, epochs, evaluation, checkpoints."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from search_spaces.errors import UserError
from trainables.base.contract.task import EpochReport
from trainables.base.text.language_models.document_loss import Tokens, perplexity, total_nats
from trainables.base.text.language_models.lora import Adapters, adapter_weights, add_adapters, set_adapter_weights
from trainables.base.text.language_models.network_parts import blocks_of, own_weights, shape_of
from trainables.base.text.language_models.randomness import Randomness

MAX_GRAD_NORM = 1.0
FULL = "full"  # adaptation of the whole network
BETAS = (0.9, 0.99)  # a shorter memory than 0.999: a fine-tuning has hundreds of steps, not hundreds of thousands
MICRO_TOKENS = {"cpu": 1024, "cuda": 8192}  # tokens in one forward pass; larger batches accumulate gradients


@dataclass(frozen=True)
class Settings:
    """One configuration of the search spaces ``kogpt2`` and ``kogpt2_lora``.

    Attributes:
        lr: peak learning rate.
        batch_size: blocks per optimizer step.
        block_length: tokens per block.
        dropout: everywhere in the network.
        warmup: share of all steps in which the learning rate rises linearly; it then falls linearly to zero.
        weight_decay: of matrices; biases and norms have none.
        frozen_blocks: share of the transformer blocks, counted from the input, that stay as they are. The embedding
            always trains: it is tied to the output layer.
        adaptation: ``"full"``, or ``"lora"`` for adapters beside layers that stay as they are.
        lora_rank, lora_alpha, lora_dropout: of the adapters, see ``lora.Adapters``.
    """

    lr: float
    batch_size: int
    block_length: int
    dropout: float
    warmup: float
    weight_decay: float
    frozen_blocks: float
    adaptation: str = FULL
    lora_rank: int = 8
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0

    @property
    def adapters(self) -> Adapters | None:
        """The adapters that train in place of the network; None where the network trains."""
        if self.adaptation == FULL:
            return None
        return Adapters(self.lora_rank, self.lora_alpha, self.lora_dropout)


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
        network: the model that is trained.
        train: documents to train on.
        validation: documents to measure the loss on.
        settings: of the optimizer, dropout and frozen blocks.
        seed: fixes the order of blocks and dropout.
        max_epochs: the length of the trial, over which the learning rate falls.
        val_characters: characters of the validation documents, for ``val_nats_per_char``.
        checkpoint: a folder that an ``EpochReport.save`` of the same run wrote.

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
    done = _restore(checkpoint, network, optimizer, randomness, settings, seed, max_epochs)
    for epoch in range(done + 1, max_epochs + 1):
        with randomness.own() as order:
            blocks = epoch_blocks(train, block_length, order).to(device)
            first_step = (epoch - 1) * steps_per_epoch
            train_loss, lr = _train_epoch(network, optimizer, blocks, settings.batch_size, schedule, first_step)
        val_loss, metrics = _judge(network, validation, val_characters)
        metrics |= {"train_loss": train_loss, "lr": lr}
        weights = trained_weights(network, settings)
        save = partial(_save, network, optimizer, randomness, settings, seed, max_epochs, epoch)
        yield EpochReport(epoch, val_loss, metrics, weights, save)
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


def prepare(network: PreTrainedModel, settings: Settings, seed: int) -> None:
    """Set dropout, freeze blocks, and add adapters where these train."""
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = settings.dropout
        if isinstance(getattr(module, "attention_dropout", None), float):  # Llama and its relatives keep the rate alone
            module.attention_dropout = settings.dropout
    blocks = blocks_of(network)
    if settings.frozen_blocks and not blocks:
        raise UserError(f"The blocks of a {type(network).__name__} cannot be told apart: fix frozen_blocks at 0.")
    for block in blocks[: int(settings.frozen_blocks * len(blocks))]:
        block.requires_grad_(False)
    if settings.adapters is not None:  # last: their dropout is their own
        add_adapters(network, settings.adapters, seed)


def trained_weights(network: PreTrainedModel, settings: Settings) -> dict[str, Tensor]:
    """Return what a trial keeps: the network's weights, or those of its adapters alone."""
    return own_weights(network) if settings.adapters is None else adapter_weights(network)


def load_trained(network: PreTrainedModel, settings: Settings, weights: Mapping[str, Tensor]) -> None:
    """Give a prepared network what a trial kept."""
    if settings.adapters is None:
        network.load_state_dict(dict(weights), strict=False)  # without tensors that are tied to another
    else:
        set_adapter_weights(network, weights)


def build_optimizer(network: PreTrainedModel, settings: Settings) -> torch.optim.AdamW:
    """Return AdamW over the trained parameters; only matrices get weight decay."""
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=BETAS, fused=True)


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


def _save(
    network: PreTrainedModel,
    optimizer: torch.optim.AdamW,
    randomness: Randomness,
    settings: Settings,
    seed: int,
    max_epochs: int,
    epoch: int,
    folder: Path,
) -> None:
    """Write ``weights.safetensors``, ``training.pt`` (tensors only, read with ``weights_only``) and ``state.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().contiguous() for name, weight in trained_weights(network, settings).items()}
    save_file(weights, folder / "weights.safetensors")
    torch.save({"optimizer": optimizer.state_dict(), "randomness": randomness.state()}, folder / "training.pt")
    run = {"epoch": epoch, "settings": asdict(settings), "seed": seed, "max_epochs": max_epochs}
    (folder / "state.json").write_text(json.dumps(run, indent=2), "utf-8")


def _restore(
    folder: Path | None,
    network: PreTrainedModel,
    optimizer: torch.optim.AdamW,
    randomness: Randomness,
    settings: Settings,
    seed: int,
    max_epochs: int,
) -> int:
    """Restore everything and return the epochs already done; raise ``UserError`` for another run's checkpoint.

    Without a checkpoint, nothing is done yet.
    """
    if folder is None:
        return 0
    run = json.loads((folder / "state.json").read_text("utf-8"))
    if run["settings"] != asdict(settings) or run["seed"] != seed or run["max_epochs"] != max_epochs:
        raise UserError(f"The checkpoint '{folder}' is of another run. Use its settings, seed and epochs.")
    load_trained(network, settings, load_file(folder / "weights.safetensors"))
    training = torch.load(folder / "training.pt", weights_only=True)
    optimizer.load_state_dict(training["optimizer"])
    randomness.set_state(training["randomness"])
    return int(run["epoch"])
