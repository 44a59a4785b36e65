"""The toy task for faults: it is checkpointed after every report, so that a kill meets many checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.toys import Toy
from trainables import EpochReport, TrainingData
from trainables.base import trial

FAULT_TOY = str(Path(__file__))


class Checkpointed(Toy):
    """A toy whose workers checkpoint at every report instead of every half minute."""

    def fit(
        self,
        config: Mapping[str, Any],
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        trial.CHECKPOINT_SECONDS = 0.0  # in the worker's process alone
        yield from super().fit(config, data, seed, max_epochs=max_epochs, device=device, checkpoint=checkpoint)
