"""Perceptrons on tables with embeddings of the numeric columns, one or many in a model (``--space extended``)."""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace

MAX_LAYERS = 3
WIDTHS = (64, 384)
MEMBERS = (1, 4, 8)  # an epoch's time grows with them, and with the width squared


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draws the embedding and its parameters first, then a perceptron of one width.

    See ``trainables.base.training.embeddings`` for the embeddings.

    Ranges follow the published tuning of these models, narrowed to what a CPU trains in minutes.
    """
    embedding = trial.suggest_categorical("embedding", ("piecewise", "periodic"))
    config: Config = {"embedding": embedding}
    if embedding == "piecewise":
        config["n_bins"] = trial.suggest_int("n_bins", 8, 64, log=True)
    else:
        config["n_frequencies"] = trial.suggest_int("n_frequencies", 8, 64, log=True)
        config["frequency_scale"] = trial.suggest_float("frequency_scale", 0.05, 2.0, log=True)
        config["embedding_size"] = trial.suggest_int("embedding_size", 8, 32, log=True)
    n_layers = trial.suggest_int("depth", 1, MAX_LAYERS)
    width = trial.suggest_int("width", *WIDTHS, log=True)
    config |= {
        "hidden_sizes": [width] * n_layers,
        "members": trial.suggest_categorical("members", MEMBERS),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "lr": trial.suggest_float("lr", 3e-4, 1e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (64, 128, 256)),
    }
    return config


space = SearchSpace("mlp_extended", suggest)
