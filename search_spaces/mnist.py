"""Digits: a perceptron or a convolutional network, each with its own parameters, and a searched augmentation."""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace

MAX_LAYERS = 3


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw ``family`` first; only the parameters of that family follow, then how it is trained."""
    config: Config = {"family": trial.suggest_categorical("family", ("mlp", "cnn"))}
    if config["family"] == "mlp":
        n_layers = trial.suggest_int("n_layers", 1, MAX_LAYERS)
        config["hidden_sizes"] = [trial.suggest_int(f"width_{i + 1}", 64, 512, log=True) for i in range(n_layers)]
    else:
        config["n_blocks"] = 3
        config["convolutions"] = trial.suggest_int("convolutions", 1, 2)
        config["channels"] = trial.suggest_int("channels", 12, 24, step=4)
        config["hidden"] = trial.suggest_int("hidden", 32, 256, log=True)
        config["batch_norm"] = trial.suggest_categorical("batch_norm", (True, False))
    config |= {
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "lr": trial.suggest_float("lr", 5e-4, 5e-3, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (32, 64, 128)),
        "augment": trial.suggest_categorical("augment", (True, False)),
    }
    if config["augment"]:
        config["shift"] = trial.suggest_float("shift", 1.0, 2.0)  # pixels
        config["rotation"] = trial.suggest_float("rotation", 5.0, 15.0)  # degrees
        config["zoom"] = trial.suggest_float("zoom", 0.05, 0.2)  # share of the size
        config["shear"] = trial.suggest_float("shear", 0.0, 0.3)  # columns a row
    return config


space = SearchSpace("mnist", suggest)
