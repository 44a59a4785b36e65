"""Pictures of any kind: a small residual network and the changes that training pictures go through."""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw the network's width and depth, how it is trained, and how pictures are changed."""
    config: Config = {
        "channels": trial.suggest_int("channels", 8, 32, step=8),
        "stages": trial.suggest_int("stages", 2, 4),
        "blocks": trial.suggest_int("blocks", 1, 2),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "lr": trial.suggest_float("lr", 5e-4, 2e-2, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (16, 32, 64)),
    }
    return config | suggest_changes(trial)


def suggest_changes(trial: optuna.trial.BaseTrial) -> Config:
    """Draw whether and by how much each training picture is changed whenever it is seen."""
    config: Config = {"augment": trial.suggest_categorical("augment", (True, False))}
    if config["augment"]:
        config["flip"] = trial.suggest_categorical("flip", (True, False))  # left and right
        config["shift"] = trial.suggest_float("shift", 0.0, 0.2)  # share of the side
        config["zoom"] = trial.suggest_float("zoom", 0.0, 0.3)  # share of the size
        config["light"] = trial.suggest_float("light", 0.0, 0.4)  # share of brightness and contrast
    return config


space = SearchSpace("images", suggest)
