"""Fine-tuning a language model in full, or by low-rank adapters beside its layers (LoRA, Hu et al. 2021)."""

from __future__ import annotations

import optuna

from search_spaces.kogpt2 import BATCH_SIZES, BLOCK_LENGTHS, suggest_fine_tuning
from search_spaces.space import Config, SearchSpace

LR = (1e-4, 1e-2)  # ten times those of full fine-tuning, as adapters begin at zero and are few
RANKS = (2, 4, 8, 16, 32)
ALPHAS = (4.0, 64.0)  # adapters are scaled by alpha / rank


def suggest(trial: optuna.trial.BaseTrial) -> Config:
    """Draw ``adaptation`` and the hyperparameters of that alone."""
    if trial.suggest_categorical("adaptation", ("full", "lora")) == "full":
        return suggest_fine_tuning(trial)  # the configurations of ``kogpt2``, its reference among them
    return {
        "adaptation": "lora",
        "lora_rank": trial.suggest_categorical("lora_rank", RANKS),
        "lora_alpha": trial.suggest_float("lora_alpha", *ALPHAS, log=True),
        "lora_dropout": trial.suggest_float("lora_dropout", 0.0, 0.3),
        "lr": trial.suggest_float("lora_lr", *LR, log=True),
        "batch_size": trial.suggest_categorical("batch_size", BATCH_SIZES),
        "block_length": trial.suggest_categorical("block_length", BLOCK_LENGTHS),
        "warmup": trial.suggest_float("warmup", 0.0, 0.3),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
    }


space = SearchSpace("kogpt2_lora", suggest, branch="adaptation")
