"""A task whose second trial asks for twice the card's memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import optuna

from benchmarks.speed.instant import Instant
from search_spaces.space import Config as Drawn
from search_spaces.space import SearchSpace
from trainables.base.contract.data import TrainingData
from trainables.base.contract.task import Config, EpochReport

HUNGRY_TRIAL = 1


class Hungry(Instant):
    """Curves from the configuration alone; one trial runs out of the GPU's memory in its first epoch."""

    def space(self, name: str | None = None) -> SearchSpace:
        return SearchSpace("hungry", _suggest)

    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        import torch

        if config["hungry"]:
            total = torch.cuda.get_device_properties(device).total_memory
            torch.empty(2 * total, dtype=torch.uint8, device=device)
        yield from super().fit(config, data, seed, max_epochs=max_epochs, device=device, checkpoint=checkpoint)


def _suggest(trial: optuna.trial.BaseTrial) -> Drawn:
    return {
        "lr": trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "hungry": trial.number == HUNGRY_TRIAL,
    }
