"""A generator of digits and its critic: their sizes, their losses and how they keep pace with each other."""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw both networks and how they are trained."""
    return {
        "latent_size": trial.suggest_int("latent_size", 16, 128, log=True),
        "channels": trial.suggest_int("channels", 8, 32, step=8),
        "loss": trial.suggest_categorical("loss", ("logistic", "hinge")),
        "lr": trial.suggest_float("lr", 2e-4, 4e-3, log=True),  # of the generator
        "critic_rate": trial.suggest_float("critic_rate", 0.5, 2.0, log=True),  # the critic's rate as a multiple
        "beta1": trial.suggest_float("beta1", 0.0, 0.7),  # of Adam
        "batch_size": trial.suggest_categorical("batch_size", (32, 64, 128)),
        "critic_dropout": trial.suggest_float("critic_dropout", 0.0, 0.4),
        "smoothing": trial.suggest_float("smoothing", 0.0, 0.2),  # of the target of real pictures
        "averaged_steps": trial.suggest_int("averaged_steps", 1, 256, log=True),  # 1: the last weights are kept
    }


space = SearchSpace("mnist_gan", suggest)
