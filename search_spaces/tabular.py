"""Tables: a family of models first, then its own hyperparameters.

Ranges follow the papers of the families (see ``trainables.base.tables.families``), narrowed to what a CPU trains in
minutes. Names of parameters that several families have begin with the family's name, but for ``mlp``.
"""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from search_spaces.mlp import suggest_mlp
from search_spaces.space import Config, SearchSpace

FAMILIES = ("mlp", "boosting", "neighbours", "embedded")  # in the order of their turns: the cheap ones first
BATCH_SIZES = (64, 128, 256, 512)
LEAST_L2 = 1e-3  # of LightGBM: the lower end of the range means none at all, as at its defaults
SHARED_BY = 4  # times as many rows in a batch of ``neighbours``, which share the cost of embedding the candidates


def suggest_table(trial: optuna.trial.BaseTrial, batch_sizes: Sequence[int] = BATCH_SIZES) -> Config:
    """Draw ``family`` and the hyperparameters of that family alone."""
    family = trial.suggest_categorical("family", FAMILIES)
    if family == "mlp":
        return {"family": family, **suggest_mlp(trial, batch_sizes)}
    suggest = {"neighbours": suggest_neighbours, "boosting": suggest_boosting, "embedded": suggest_embedded}[family]
    return {"family": family, **suggest(trial, batch_sizes)}


def suggest_neighbours(trial: optuna.trial.BaseTrial, batch_sizes: Sequence[int]) -> Config:
    """Draw a ModernNCA: the embedding of numbers, the encoder of rows, the share of training rows a batch meets."""
    config: Config = {
        "embedding": "periodic",
        "n_frequencies": trial.suggest_int("neighbours_n_frequencies", 16, 64, log=True),
        "frequency_scale": trial.suggest_float("neighbours_frequency_scale", 0.005, 0.5, log=True),
        "embedding_size": trial.suggest_int("neighbours_embedding_size", 8, 32, log=True),
        "dim": trial.suggest_int("dim", 32, 192, log=True),
        "n_blocks": trial.suggest_int("n_blocks", 0, 1),
    }
    if config["n_blocks"]:
        config["block_width"] = trial.suggest_int("block_width", 64, 384, log=True)
        config["dropout"] = trial.suggest_float("neighbours_dropout", 0.0, 0.5)
    return config | {
        "candidates": trial.suggest_float("candidates", 0.2, 0.8),
        "lr": trial.suggest_float("neighbours_lr", 1e-3, 5e-2, log=True),
        "weight_decay": trial.suggest_float("neighbours_weight_decay", 1e-6, 1e-2, log=True),
        "batch_size": trial.suggest_categorical("neighbours_batch_size", [SHARED_BY * size for size in batch_sizes]),
    }


def suggest_boosting(trial: optuna.trial.BaseTrial, batch_sizes: Sequence[int]) -> Config:
    """Draw LightGBM's parameters; the number of trees follows from early stopping."""
    config: Config = {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 1, 100, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1.0),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
    }
    lambda_l2 = trial.suggest_float("lambda_l2", LEAST_L2, 30.0, log=True)
    return config | {"lambda_l2": lambda_l2 if lambda_l2 > LEAST_L2 else 0.0}


def suggest_embedded(trial: optuna.trial.BaseTrial, batch_sizes: Sequence[int]) -> Config:
    """Draw a TabM: the embedding of numbers, a perceptron of one width, how many members share it."""
    embedding = trial.suggest_categorical("embedding", ("piecewise", "periodic"))
    config: Config = {"embedding": embedding}
    if embedding == "piecewise":
        config["n_bins"] = trial.suggest_int("n_bins", 8, 64, log=True)
    else:
        config["n_frequencies"] = trial.suggest_int("n_frequencies", 8, 64, log=True)
        config["frequency_scale"] = trial.suggest_float("frequency_scale", 0.01, 2.0, log=True)
    config["embedding_size"] = trial.suggest_int("embedding_size", 8, 32, log=True)
    depth, width = trial.suggest_int("depth", 1, 3), trial.suggest_int("width", 64, 256, log=True)
    return config | {
        "hidden_sizes": [width] * depth,
        "members": trial.suggest_categorical("members", (1, 8, 16, 32)),
        "dropout": trial.suggest_float("embedded_dropout", 0.0, 0.3),
        "lr": trial.suggest_float("embedded_lr", 1e-4, 2e-2, log=True),
        "weight_decay": trial.suggest_float("embedded_weight_decay", 1e-6, 1e-1, log=True),
        "batch_size": trial.suggest_categorical("embedded_batch_size", batch_sizes),
    }


space = SearchSpace("tabular", suggest_table, branch="family")
