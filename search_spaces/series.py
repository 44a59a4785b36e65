"""Time series: models of sequences that read a window of the past, and every family of models for tables of lags.

Ranges of the models of sequences are those of small networks that a CPU trains in seconds to minutes. Names of
parameters that several families have begin with the family's name; ``window`` and ``windows_a_batch`` mean the same in
all models of sequences, ``relative_to`` in all models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import optuna

from search_spaces.mlp import suggest_mlp
from search_spaces.space import Config, SearchSpace
from search_spaces.tabular import BATCH_SIZES, suggest_boosting, suggest_embedded, suggest_neighbours

FAMILIES = ("dlinear", "boosting", "mlp", "lstm", "tcn", "patchtst", "neighbours", "embedded")  # order of their turns
WINDOW_SHARES = (0.25, 0.5, 1.0)
RELATIVE_TO = ("season before", "season and trend", "last value", "exponential smoothing", "nothing")
HEADS = 4  # of attention; its width is a multiple


def suggest_series(
    trial: optuna.trial.BaseTrial,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    window_batch_sizes: Sequence[int] = (32, 64, 128),
) -> Config:
    """Draw ``family`` and the hyperparameters of that family alone.

    Args:
        trial: What is drawn from.
        batch_sizes: Rows of a batch, of models of tables.
        window_batch_sizes: Windows of a batch, of models of sequences; each has a row for each step of the horizon.
    """
    family = trial.suggest_categorical("family", FAMILIES)
    relative_to = trial.suggest_categorical("relative_to", RELATIVE_TO)
    if family in SEQUENCES:
        config: Config = {
            "window": trial.suggest_categorical("window", WINDOW_SHARES),  # share of the longest one
            "batch_size": trial.suggest_categorical("windows_a_batch", window_batch_sizes),
        }
        return {
            "family": family,
            "relative_to": relative_to,
            **config,
            **SEQUENCES[family](trial),
            **_training(trial, family),
        }
    suggest = {
        "mlp": suggest_mlp,
        "boosting": suggest_boosting,
        "neighbours": suggest_neighbours,
        "embedded": suggest_embedded,
    }[family]
    return {"family": family, "relative_to": relative_to, **suggest(trial, batch_sizes)}


def suggest_dlinear(trial: optuna.trial.BaseTrial) -> Config:
    """Draw how long the moving average is that is split off a window."""
    return {"smoothing": trial.suggest_int("smoothing", 3, 25, step=2)}


def suggest_lstm(trial: optuna.trial.BaseTrial) -> Config:
    """Draw an LSTM."""
    return {
        "width": trial.suggest_int("lstm_width", 16, 96, log=True),
        "n_layers": trial.suggest_int("lstm_layers", 1, 2),
        "dropout": trial.suggest_float("lstm_dropout", 0.0, 0.4),
    }


def suggest_tcn(trial: optuna.trial.BaseTrial) -> Config:
    """Draw dilated causal convolutions; four blocks see 61 steps back."""
    return {
        "width": trial.suggest_int("tcn_width", 8, 64, log=True),
        "blocks": trial.suggest_int("tcn_blocks", 2, 5),
        "dropout": trial.suggest_float("tcn_dropout", 0.0, 0.4),
    }


def suggest_patchtst(trial: optuna.trial.BaseTrial) -> Config:
    """Draw a Transformer encoder on patches."""
    return {
        "patch": trial.suggest_categorical("patch", (4, 8, 16)),
        "heads": HEADS,
        "width": trial.suggest_int("patchtst_width", 16, 64, step=HEADS * 4),
        "n_layers": trial.suggest_int("patchtst_layers", 1, 3),
        "dropout": trial.suggest_float("patchtst_dropout", 0.0, 0.4),
    }


def _training(trial: optuna.trial.BaseTrial, family: str) -> Config:
    return {
        "lr": trial.suggest_float(f"{family}_lr", 2e-4, 2e-2, log=True),
        "weight_decay": trial.suggest_float(f"{family}_weight_decay", 1e-6, 1e-1, log=True),
    }


SEQUENCES: dict[str, Callable[[optuna.trial.BaseTrial], Config]] = {
    "dlinear": suggest_dlinear,
    "lstm": suggest_lstm,
    "tcn": suggest_tcn,
    "patchtst": suggest_patchtst,
}

space = SearchSpace("series", suggest_series, branch="family")
