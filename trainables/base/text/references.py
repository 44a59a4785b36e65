"""The configuration of each family that a search on texts tries first."""

from __future__ import annotations

CHARACTERS: dict[str, bool | int | float | str] = {  # of the space ``text``
    "family": "ngrams",
    "batch_size": 32,
    "longest": 4,
    "log2_buckets": 16,
    "ngrams_width": 16,
    "ngrams_dropout": 0.2,
    "ngrams_lr": 1e-2,
    "ngrams_weight_decay": 1e-2,
    "cell": "gru",
    "recurrent_embedding_size": 32,
    "recurrent_width": 48,
    "recurrent_dropout": 0.2,
    "recurrent_lr": 5e-3,
    "recurrent_weight_decay": 1e-3,
    "attention_width": 64,
    "n_layers": 2,
    "attention_dropout": 0.1,
    "attention_lr": 1e-3,
    "attention_weight_decay": 1e-3,
}
ENCODER: dict[str, bool | int | float | str] = {  # of the space ``text_encoder``, beside the others
    "encoder_epochs": 3,
    "encoder_lr": 1e-3,
    "encoder_share": 0.03,
    "frozen_layers": 0.0,
    "encoder_dropout": 0.1,
    "encoder_weight_decay": 1e-2,
    "encoder_batch_size": 16,
}
