"""Checkpoints of a fine-tuning, from which it continues bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from search_spaces.errors import UserError
from trainables.base.text.language_models.adaptation import Settings, load_trained, trained_weights
from trainables.base.text.language_models.randomness import Randomness

WEIGHTS, TRAINING, STATE = "weights.safetensors", "training.pt", "state.json"


@dataclass(frozen=True)
class Run:
    """A fine-tuning that is under way: what changes from step to step, and what must be the same to continue.

    Attributes:
        network: The model that is trained.
        optimizer: Of its weights.
        randomness: Order and dropout.
        settings: Of the trial.
        seed: Of the trial.
        max_epochs: Length of the trial.
    """

    network: PreTrainedModel
    optimizer: torch.optim.Optimizer
    randomness: Randomness
    settings: Settings
    seed: int
    max_epochs: int

    def save(self, epoch: int, folder: Path) -> None:
        """Write a checkpoint: weights, the state of the optimizer and of random numbers (tensors only), and the run.

        Args:
            epoch: The last one that is done.
            folder: Created if needed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        weights = trained_weights(self.network, self.settings)
        save_file({name: weight.detach().contiguous() for name, weight in weights.items()}, folder / WEIGHTS)
        torch.save({"optimizer": self.optimizer.state_dict(), "randomness": self.randomness.state()}, folder / TRAINING)
        (folder / STATE).write_text(json.dumps({"epoch": epoch, **self._identity()}, indent=2), "utf-8")

    def restore(self, folder: Path) -> int:
        """Take back what ``save`` wrote, and return the number of epochs that are done.

        Raises:
            UserError: The checkpoint is of another run.
        """
        state = json.loads((folder / STATE).read_text("utf-8"))
        if any(state[name] != value for name, value in self._identity().items()):
            raise UserError(f"The checkpoint '{folder}' is of another run. Use its settings, seed and epochs.")
        load_trained(self.network, self.settings, load_file(folder / WEIGHTS))
        training = torch.load(folder / TRAINING, weights_only=True)
        self.optimizer.load_state_dict(training["optimizer"])
        self.randomness.set_state(training["randomness"])
        return int(state["epoch"])

    def _identity(self) -> dict[str, object]:
        return {"settings": asdict(self.settings), "seed": self.seed, "max_epochs": self.max_epochs}
