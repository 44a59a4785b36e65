"""Multilayer perceptrons on tables: depth and widths, dropout, weight decay, learning rate, batch size."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from search_spaces.space import Config, SearchSpace

MAX_LAYERS = 4
WIDTHS = (8, 512)


def suggest_mlp(trial: optuna.trial.BaseTrial, batch_sizes: Sequence[int] = (64, 128, 256, 512)) -> Config:
    """Draw an MLP and how it is trained; widths of layers that do not exist are not drawn."""
    n_layers = trial.suggest_int("n_layers", 1, MAX_LAYERS)
    return {
        "hidden_sizes": [trial.suggest_int(f"width_{i + 1}", *WIDTHS, log=True) for i in range(n_layers)],
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "lr": trial.suggest_float("lr", 1e-4, 3e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", batch_sizes),
    }


space = SearchSpace("mlp", suggest_mlp)
