"""Texts with a pretrained encoder: how it is fine-tuned, beside the families that read characters.

Ranges are around those of Devlin et al. 2019, "BERT", whose encoder learned with 2e-5 to 5e-5 for two to four epochs.
"""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace
from search_spaces.text import FAMILIES, suggest_characters


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw ``family`` and the hyperparameters of that family alone."""
    family = trial.suggest_categorical("family", ("ngrams", "encoder", *list(FAMILIES)[1:]))
    return suggest_encoder(trial) if family == "encoder" else suggest_characters(trial, family)


def suggest_encoder(trial: optuna.trial.BaseTrial) -> Config:
    """Draw the last layer's learning rate, the encoder's share of it, and how much of the encoder is frozen."""
    return {
        "family": "encoder",
        "epochs": trial.suggest_int("encoder_epochs", 2, 6),
        "lr": trial.suggest_float("encoder_lr", 1e-4, 5e-3, log=True),
        "encoder_share": trial.suggest_float("encoder_share", 0.005, 0.3, log=True),
        "frozen_layers": trial.suggest_float("frozen_layers", 0.0, 1.0, step=0.25),  # share, counted from the input
        "dropout": trial.suggest_float("encoder_dropout", 0.0, 0.3),
        "weight_decay": trial.suggest_float("encoder_weight_decay", 1e-4, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("encoder_batch_size", (8, 16, 32)),
    }


space = SearchSpace("text_encoder", suggest, branch="family")
