"""The configuration of each family that a search on series tries first."""

from __future__ import annotations

from trainables.base.tables.references import BOOSTING_DEFAULTS, table_reference

SEQUENCES: dict[str, int | float | str] = {
    "window": 1.0,
    "windows_a_batch": 32,
    "smoothing": 25,  # as in the paper of DLinear
    "dlinear_lr": 2e-3,
    "dlinear_weight_decay": 1e-4,
    "lstm_width": 48,
    "lstm_layers": 1,
    "lstm_dropout": 0.1,
    "lstm_lr": 5e-3,
    "lstm_weight_decay": 1e-4,
    "tcn_width": 32,
    "tcn_blocks": 4,
    "tcn_dropout": 0.1,
    "tcn_lr": 2e-3,
    "tcn_weight_decay": 1e-4,
    "patch": 8,
    "patchtst_width": 32,
    "patchtst_layers": 2,
    "patchtst_dropout": 0.2,
    "patchtst_lr": 1e-3,
    "patchtst_weight_decay": 1e-4,
}

FURTHER_REFERENCES = ({**BOOSTING_DEFAULTS, "relative_to": "nothing"},)  # the baseline of gradient boosting itself


def series_reference(*, small: bool, relative_to: str) -> dict[str, bool | int | float | str]:
    """Return a series' reference: a linear map of the window, and what the other families try first.

    Args:
        small: Whether the task's space is ``series_small``.
        relative_to: The naive forecast whose error it learns, see ``naive_map``.
    """
    batch = {"windows_a_batch": 8} if small else {}
    return {**table_reference(small=small), **SEQUENCES, **batch, "relative_to": relative_to, "family": "dlinear"}
