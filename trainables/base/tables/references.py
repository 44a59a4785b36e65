"""The configuration of each family that a search on a table tries first, from measurements on some tables."""

from __future__ import annotations

from collections.abc import Mapping

MLP = {  # the model of the course notes
    "n_layers": 3,
    "width_1": 128,
    "width_2": 64,
    "width_3": 32,
    "dropout": 0.1,
    "lr": 1e-3,
    "weight_decay": 1e-4,
    "batch_size": 64,
}
NEIGHBOURS = {
    "neighbours_n_frequencies": 32,
    "neighbours_frequency_scale": 0.03,
    "neighbours_embedding_size": 16,
    "dim": 96,
    "n_blocks": 0,
    "block_width": 256,  # this and the next with --set n_blocks=1
    "neighbours_dropout": 0.1,
    "candidates": 0.4,
    "neighbours_lr": 0.01,
    "neighbours_weight_decay": 1e-4,
    "neighbours_batch_size": 1024,
}
BOOSTING = {
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.9,
    "lambda_l2": 1.0,
}
# LightGBM's own defaults, without regularisation: the trial is then the baseline of gradient boosting itself.
BOOSTING_DEFAULTS: dict[str, bool | int | float | str] = {
    "family": "boosting",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "lambda_l2": 1e-3,  # the lower end of its range: none
}
EMBEDDED: dict[str, int | float | str] = {
    "embedding": "piecewise",
    "n_bins": 32,
    "n_frequencies": 32,  # this and the next with --set embedding=periodic
    "frequency_scale": 0.05,
    "embedding_size": 16,
    "depth": 2,
    "width": 192,
    "members": 8,
    "embedded_dropout": 0.0,  # slows learning on large tables by far: 797 against 538 $ on diamonds after 40 s
    "embedded_lr": 5e-3,
    "embedded_weight_decay": 1e-3,
    "embedded_batch_size": 256,
}
SMALL = {  # for the space ``tabular_small``
    "neighbours_lr": 7e-3,
    "neighbours_batch_size": 64,
    "embedded_batch_size": 64,
}


def table_reference(mlp: Mapping[str, float] = MLP, *, small: bool = False) -> dict[str, bool | int | float | str]:
    """Return a table's reference: a perceptron, and what the other families try first.

    Args:
        mlp: parameters of the perceptron, as the space ``mlp`` names them.
        small: whether the task's space is ``tabular_small``.
    """
    return {"family": "mlp", **mlp, **NEIGHBOURS, **BOOSTING, **EMBEDDED, **(SMALL if small else {})}
