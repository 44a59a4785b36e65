"""The predictor of a torch task that says how its network is built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from search_spaces.errors import UserError, describe_error
from search_spaces.values import pack, unpack
from trainables.base.contract.arrays import standardised
from trainables.base.contract.files.damage import entry, read_object, reading
from trainables.base.contract.own_code import FILE, OwnClass
from trainables.base.contract.predictor import Predictor
from trainables.base.contract.predictors import trusted_files
from trainables.base.contract.task import Config, Task
from trainables.base.kinds.registry import row_kind

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS = "weights.safetensors"
BATCH = 4096  # rows of a forward pass


class NetworkPredictor(Predictor):
    """A network that ``Task.build`` makes, with the weights of a trial.

    Args:
        task: has ``build``; its class is noted beside the model.
        config: of the trial.
        facts: ``TrainingData.facts``: of the target, and mean and deviation of the inputs where they were standardised.
        weights: state dict.
    """

    kind: ClassVar[str] = "network"

    def __init__(
        self, task: Task, config: Config, facts: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
    ) -> None:
        self.task, self.config, self.facts = task, dict(config), dict(facts)
        self.task_kind = task.facts.kind
        self.preprocessing = None
        with torch.random.fork_rng():
            self.model = task.build(self.config)
        self.model.load_state_dict(dict(weights))
        self.model.eval()

    def encode(self, inputs: Any) -> torch.Tensor:
        """Prepare raw inputs (n, ...) for the network."""
        return torch.from_numpy(standardised(inputs, self.facts))

    def encoded_outputs(self, encoded: torch.Tensor) -> np.ndarray:
        """Return the network's outputs, (n, n_outputs) float32."""
        with torch.inference_mode():
            outputs = torch.cat([self.model(part) for part in torch.split(encoded, BATCH)]).float().numpy()
        found: np.ndarray = outputs.reshape(len(encoded), -1)
        return found

    def outputs(self, inputs: Any) -> np.ndarray:
        """Return the network's outputs for raw inputs, (n, n_outputs) float32."""
        return self.encoded_outputs(self.encode(inputs))

    def predict(self, inputs: Any) -> pd.DataFrame:
        """Return a column ``prediction``, and for classes one ``p_<class>`` a class."""
        return row_kind(self.task_kind).frame(self.outputs(inputs), self.facts, getattr(inputs, "index", None))

    def save(self, folder: Path) -> None:
        save_file({name: value.contiguous() for name, value in self.model.state_dict().items()}, folder / WEIGHTS)
        options = {option.name: getattr(self.task, option.name, None) for option in self.task.options}
        meta = {"predictor": self.kind, "config": pack(self.config), "facts": self.facts, "options": options}
        (folder / "predictor.json").write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")
        own = OwnClass.from_class(type(self.task))
        if own is not None:
            own.save(folder)

    @classmethod
    def load(cls, folder: Path) -> NetworkPredictor:
        file = folder / "predictor.json"
        meta = read_object(file)
        config, facts, options = (entry(meta, key, dict, file) for key in ("config", "facts", "options"))
        with reading(folder / WEIGHTS):
            weights = load_file(folder / WEIGHTS)
        task_class = OwnClass.load(folder / FILE).find(trusted_files())
        if not issubclass(task_class, Task):
            raise UserError(f"The model's class '{task_class.__name__}' is not a Task.")
        try:
            return cls(task_class(**options), unpack(config), facts, weights)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"The task '{task_class.__name__}' cannot build the model's network: {describe_error(error)}."
            ) from error
