"""The training loop of the documentation's examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from trainables import TrainingData
from trainables.base.training.mlp import MLP


def documented_epochs(config: dict[str, Any], data: TrainingData, max_epochs: int, device: str) -> Iterator[float]:
    """Train as the documentation's examples do (``DataLoader``, ``AdamW``) and yield the validation loss an epoch."""
    torch.set_num_threads(1)
    facts, arrays = data.facts, {name: torch.tensor(array) for name, array in data.arrays.items()}
    model = MLP(facts["n_inputs"], config["hidden_sizes"], 1, config["dropout"]).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])
    loss_function = torch.nn.MSELoss()
    loaders = [
        DataLoader(
            TensorDataset(arrays[f"x_{part}"], arrays[f"y_{part}"].reshape(-1, 1)),
            batch_size=config["batch_size"],
            shuffle=part == "train",
        )
        for part in ("train", "val")
    ]
    for _ in range(max_epochs):
        model.train()
        for x, y in loaders[0]:
            optimizer.zero_grad()
            loss = loss_function(model(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
        model.eval()
        total = 0.0
        with torch.no_grad():
            for x, y in loaders[1]:
                total += loss_function(model(x.to(device)), y.to(device)).item() * len(x)
        yield total / len(arrays["y_val"])
