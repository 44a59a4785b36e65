"""The MLP space for tables of some hundred rows: the same, with smaller batches."""

from __future__ import annotations

import optuna

from search_spaces.mlp import suggest_mlp
from search_spaces.space import Config, SearchSpace


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """As ``suggest_mlp`` with batches of 16 to 128, so that an epoch still takes several steps."""
    return suggest_mlp(trial, batch_sizes=(16, 32, 64, 128))


space = SearchSpace("mlp_small", suggest)
