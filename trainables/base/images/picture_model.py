"""The network that a configuration of pictures describes: one trained from scratch, or one pretrained elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from search_spaces.errors import UserError
from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport
from trainables.base.images.backbones import LITE
from trainables.base.images.residual import build_residual_model, picture_changes
from trainables.base.images.transfer import build_transfer_model, fit_transfer
from trainables.base.kinds.kind import Kind
from trainables.base.training.loop import fit_annealed
from trainables.base.training.randomness import seeded

SCRATCH, TRANSFER = "scratch", "transfer"


def build_picture_model(config: Config, facts: Mapping[str, Any]) -> nn.Module:
    """Build the network of a configuration.

    Args:
        config: As ``search_spaces/images.py`` or ``images_transfer.py`` draws it; without a ``family`` from scratch.
        facts: ``TrainingData.facts`` of the data.
    """
    return build_transfer_model(config, facts) if _family(config) == TRANSFER else build_residual_model(config, facts)


def packages_of(config: Config, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages that a configuration's network is built with, beside those that most models are."""
    from_torchvision = _family(config) == TRANSFER and facts["backbone"]["architecture"] != LITE
    return ("torchvision",) if from_torchvision else ()


def fit_pictures(
    config: Config, data: TrainingData, seed: int, *, kind: Kind, max_epochs: int, device: str
) -> Iterator[EpochReport]:
    """Train the network of a configuration, one report an epoch.

    Raises:
        UserError: A family that does not exist, or transfer without pretrained weights.
    """
    if _family(config) == TRANSFER:
        if "backbone" not in data.facts:
            raise UserError("The family 'transfer' needs pretrained weights: --weights FILE.")
        return fit_transfer(config, data, seed, kind=kind, max_epochs=max_epochs, device=device)
    with seeded(seed):
        model = build_residual_model(config, data.facts)
    augment = picture_changes(config)
    return fit_annealed(
        model, data, config, seed, kind=kind, max_epochs=max_epochs, device=device, augment=augment, rows_at_once=64
    )


def _family(config: Config) -> str:
    family = str(config.get("family", SCRATCH))
    if family not in (SCRATCH, TRANSFER):
        raise UserError(f"'family' must be '{SCRATCH}' or '{TRANSFER}', got {family!r}.")
    return family
