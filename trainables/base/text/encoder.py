"""The family ``encoder`` of the task ``text``: fine-tuning of a pretrained encoder, and the model that comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from trainables.base.contract.data import TrainingData
from trainables.base.contract.files.damage import reading
from trainables.base.contract.task import Config, EpochReport
from trainables.base.kinds.kind import Kind
from trainables.base.text.encoder_folder import EncoderFolder
from trainables.base.text.encoder_network import EncoderNetwork
from trainables.base.text.text_predictor import TextPredictor
from trainables.base.text.tokens import Tokens
from trainables.base.training.loop import AutogradTrainer, HalfCosine, Validation, run_epochs
from trainables.base.training.model_files import load_meta, load_weights
from trainables.base.training.randomness import seeded
from trainables.base.training.restoring import restore
from trainables.base.training.tensors import tensor_view

FAMILY = "encoder"
INPUTS = "tokens"  # name of the arrays before _train and _val
PART = "encoder/"  # before the names of the pretrained weights among the arrays
FACT = "encoder"  # of the data: what the network is built from
AT_ONCE = 64  # texts of a forward pass without gradients


def encoder_facts(encoder: EncoderFolder) -> dict[str, Any]:
    """Return what a network is built from, JSON values."""
    return {FACT: {"name": encoder.name, "sha256": encoder.sha256, "config": dict(encoder.config)}}


def encoder_arrays(encoder: EncoderFolder) -> dict[str, np.ndarray]:
    """Return the pretrained weights as arrays of the training data, so that workers need no file."""
    return {f"{PART}{name}": value.numpy() for name, value in encoder.weights.items()}


def build_encoder(config: Config, facts: Mapping[str, Any]) -> EncoderNetwork:
    """Build the network of a configuration, its weights not yet those of the pretraining.

    Args:
        config: ``dropout``.
        facts: ``n_outputs`` and ``encoder``.
    """
    return EncoderNetwork(facts[FACT]["config"], int(facts["n_outputs"]), float(config["dropout"]))


def fit_encoder(
    config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
) -> Iterator[EpochReport]:
    """Fine-tune a pretrained encoder with a new last layer; the learning rates fall along a half cosine.

    The last layer learns with ``lr``, the encoder with its share of it (Howard and Ruder 2018, "Universal Language
    Model Fine-tuning for Text Classification", discriminative fine-tuning); the first layers may stay as they are.

    Args:
        config: ``epochs``, ``lr``, ``encoder_share``, ``frozen_layers`` (share of the blocks), ``dropout``,
            ``weight_decay``, ``batch_size``.
        data: Arrays ``tokens_train``, ``tokens_val`` and the pretrained weights.
        seed: Fixes the last layer, batch order and dropout.
        kind: Of the target.
        max_epochs: Number of epochs at most.
        device: Of torch.

    Yields:
        Reports with the weights of the whole network.
    """
    with seeded(seed):
        network = build_encoder(config, data.facts)
    arrays = data.arrays
    pretrained = {name.removeprefix(PART): tensor_view(arrays[name]) for name in arrays if name.startswith(PART)}
    network.backbone.load_state_dict(pretrained, strict=False)  # without a pooler, where the file has none
    network.freeze(float(config["frozen_layers"]))
    parts: tuple[tuple[nn.Module, float], ...] = (
        (network.head, 1.0),
        (network.backbone, float(config["encoder_share"])),
    )
    trainer = AutogradTrainer(
        network,
        data,
        config,
        seed,
        kind=kind,
        device=device,
        rows_at_once=AT_ONCE,
        inputs=INPUTS,
        parts=parts,
    )
    epochs = min(int(config["epochs"]), max_epochs)
    return run_epochs(trainer, Validation(kind, data), HalfCosine(float(config["lr"]), epochs), max_epochs=epochs)


class EncoderPredictor(TextPredictor):
    """Tokenizer and fine-tuned encoder of one trial."""

    kind: ClassVar[str] = "encoder"
    packages: tuple[str, ...] = ("transformers", "tokenizers")
    rows_at_once: ClassVar[int] = AT_ONCE

    def _network(self, weights: Mapping[str, Tensor]) -> nn.Module:
        layers = int(self.facts[FACT]["config"].get("num_hidden_layers", 0))
        build = partial(build_encoder, self.config, self.facts)
        return restore(build, {**self.config, "n_layers": layers}, weights, computed=True)

    @classmethod
    def load(cls, folder: Path) -> EncoderPredictor:
        meta, weights, tokens = load_meta(folder), load_weights(folder), Tokens.load(folder)
        with reading(meta.path):
            return cls(meta.kind, meta.config, meta.facts, weights, tokens)
