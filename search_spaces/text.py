"""Texts: character sequences, a recurrent network or attention, each with its own hyperparameters.

Ranges are those of small networks that a CPU trains in minutes. Names of parameters that several families have begin
with the family's name.
"""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace

BATCH_SIZES = (16, 32, 64, 128)
HEADS = 4  # of attention; its width is a multiple


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw ``family`` and the hyperparameters of that family alone."""
    return suggest_characters(trial, trial.suggest_categorical("family", tuple(FAMILIES)))


def suggest_characters(trial: optuna.trial.BaseTrial, family: str) -> Config:
    """Draw the hyperparameters of a family that reads characters."""
    config = FAMILIES[family](trial)
    return {"family": family, **config, "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES)}


def _ngrams(trial: optuna.trial.BaseTrial) -> Config:
    """Draw a bag of character sequences: how long they are, how many rows its table has, and a hidden layer or none."""
    return {
        "longest": trial.suggest_int("longest", 2, 5),
        "log2_buckets": trial.suggest_int("log2_buckets", 13, 17),
        "width": trial.suggest_categorical("ngrams_width", (0, 16, 64)),  # 0: a linear model
        "dropout": trial.suggest_float("ngrams_dropout", 0.0, 0.5),
        "lr": trial.suggest_float("ngrams_lr", 1e-3, 1e-1, log=True),
        "weight_decay": trial.suggest_float("ngrams_weight_decay", 1e-6, 1e-1, log=True),
    }


def _recurrent(trial: optuna.trial.BaseTrial) -> Config:
    """Draw a GRU or LSTM that reads in both directions."""
    return {
        "cell": trial.suggest_categorical("cell", ("gru", "lstm")),
        "embedding_size": trial.suggest_int("recurrent_embedding_size", 16, 64, log=True),
        "width": trial.suggest_int("recurrent_width", 16, 96, log=True),
        "dropout": trial.suggest_float("recurrent_dropout", 0.0, 0.5),
        "lr": trial.suggest_float("recurrent_lr", 5e-4, 2e-2, log=True),
        "weight_decay": trial.suggest_float("recurrent_weight_decay", 1e-6, 1e-1, log=True),
    }


def _attention(trial: optuna.trial.BaseTrial) -> Config:
    """Draw a Transformer encoder."""
    return {
        "heads": HEADS,
        "width": trial.suggest_int("attention_width", 32, 96, step=HEADS * 4),
        "n_layers": trial.suggest_int("n_layers", 1, 3),
        "dropout": trial.suggest_float("attention_dropout", 0.0, 0.4),
        "lr": trial.suggest_float("attention_lr", 2e-4, 5e-3, log=True),
        "weight_decay": trial.suggest_float("attention_weight_decay", 1e-6, 1e-1, log=True),
    }


FAMILIES = {"ngrams": _ngrams, "recurrent": _recurrent, "attention": _attention}

space = SearchSpace("text", suggest, branch="family")
