"""The families by name. Each loads when it is asked for: a library that no model uses costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from search_spaces.errors import UserError, unknown
from trainables.base.tables.families.family import Family

FAMILIES = {  # name, the value of ``family`` in a configuration -> module and class
    "mlp": ("mlp", "Perceptron"),
    "embedded": ("embedded", "EmbeddedColumns"),
    "neighbours": ("neighbours", "Neighbours"),
    "boosting": ("boosting", "Boosting"),
    "dlinear": ("sequence", "DLinear"),  # this and the next of series alone
    "lstm": ("sequence", "LSTM"),
    "tcn": ("sequence", "TCN"),
    "patchtst": ("sequence", "PatchTST"),
}
DEFAULT = "mlp"  # of configurations that name none


def family_of(config: Mapping[str, Any]) -> Family:
    """Return the family that a configuration names.

    Raises:
        UserError: there is no such family, or the configuration is of an earlier version's embeddings.
    """
    name = str(config.get("family", DEFAULT))
    if name not in FAMILIES:
        raise unknown("family", name, FAMILIES)
    if name == DEFAULT and "embedding" in config:
        raise UserError("This configuration is of an earlier version (embedding without family). Train it again.")
    module, class_name = FAMILIES[name]
    family: Family = getattr(import_module(f"trainables.base.tables.families.{module}"), class_name)()
    return family
