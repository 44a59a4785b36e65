"""Pictures with pretrained weights: a network from scratch, or the pretrained one with a new last layer.

Names of parameters of the pretrained network begin with ``transfer_`` where the other has the same.
"""

from __future__ import annotations

import optuna

from search_spaces.images import suggest as suggest_scratch
from search_spaces.images import suggest_changes
from search_spaces.space import Config, SearchSpace


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw ``family`` and the hyperparameters of that family alone."""
    family = trial.suggest_categorical("family", ("scratch", "transfer"))
    return {"family": family, **{"scratch": suggest_scratch, "transfer": _transfer}[family](trial)}


def _transfer(trial: optuna.trial.BaseTrial) -> Config:
    """Draw how long only the last layer is trained, how long all of it, and at which rates."""
    config: Config = {
        "frozen_epochs": trial.suggest_int("frozen_epochs", 2, 8),
        "tuned_epochs": trial.suggest_int("tuned_epochs", 0, 12),
        "backbone_share": 0.0,  # of the learning rate
        "lr": trial.suggest_float("transfer_lr", 1e-4, 1e-2, log=True),
        "dropout": trial.suggest_float("transfer_dropout", 0.0, 0.5),
        "weight_decay": trial.suggest_float("transfer_weight_decay", 1e-6, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("batch_size", (16, 32, 64)),
        "augment": False,  # without effect on features that are computed once
    }
    if config["tuned_epochs"]:
        config["backbone_share"] = trial.suggest_float("backbone_share", 1e-2, 1.0, log=True)
        config |= suggest_changes(trial)
    return config


space = SearchSpace("images_transfer", suggest, branch="family")
