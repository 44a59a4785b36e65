"""The multi-layer perceptron of the tables: the module, and its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Tensor, nn

from trainables.base.loop import FitKind, fit_tensors, seeded
from trainables.base.task import Config, EpochReport, TrainingData


class MLP(nn.Module):
    """Linear, ReLU, dropout for each hidden size, then a linear output layer; He initialisation, biases zero.

    Initial weights come from torch's global generator: build it inside ``seeded(seed)``.
    Inputs (rows, n_inputs), outputs (rows, n_outputs).
    """

    def __init__(self, n_inputs: int, hidden_sizes: Sequence[int], n_outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = [n_inputs, *hidden_sizes]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.layers(x)
        return outputs


def fit_mlp(
    config: Config, data: TrainingData, seed: int, *, kind: FitKind, max_epochs: int, device: str = "cpu"
) -> Iterator[EpochReport]:
    """Trains an ``MLP`` on a table; see ``fit_tensors`` for data and reports.

    Args:
        config: ``hidden_sizes`` (list of int), ``dropout``, ``weight_decay``, ``lr``, ``batch_size``.
        data: as for ``fit_tensors``; ``facts`` also holds ``n_inputs`` and ``n_outputs``.
    """
    with seeded(seed):
        model = MLP(data.facts["n_inputs"], config["hidden_sizes"], data.facts["n_outputs"], config["dropout"])
    return fit_tensors(model, data, config, seed, kind=kind, max_epochs=max_epochs, device=device)
