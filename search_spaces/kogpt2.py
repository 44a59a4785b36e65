"""Fine-tuning a pretrained language model such as KoGPT2."""

from __future__ import annotations

import optuna

from search_spaces.space import Config, SearchSpace

LR = (1e-5, 1e-3)  # around 5e-5, where 125M pretrained models are usually fine-tuned
BATCH_SIZES = (2, 4, 8, 16)
BLOCK_LENGTHS = (64, 128, 256)


def suggest_fine_tuning(trial: optuna.trial.BaseTrial, lr: tuple[float, float] = LR) -> Config:
    """Draw a fine-tuning; ``warmup`` and ``frozen_blocks`` are fractions of the steps and of the transformer's blocks.

    Batch size and block length together set the number of steps in an epoch, which is what matters most on little text.
    """
    return {
        "lr": trial.suggest_float("lr", *lr, log=True),
        "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES),
        "block_length": trial.suggest_categorical("block_length", BLOCK_LENGTHS),
        "dropout": trial.suggest_float("dropout", 0.0, 0.3),
        "warmup": trial.suggest_float("warmup", 0.0, 0.3),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
        "frozen_blocks": trial.suggest_float("frozen_blocks", 0.0, 0.75, step=0.25),
    }


space = SearchSpace("kogpt2", suggest_fine_tuning)
