"""The kinds of targets by name; a new kind is one more object here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from search_spaces.errors import UserError, unknown
from trainables.base.kinds.classification import Binary, Images, Multiclass
from trainables.base.kinds.kind import Kind, RowKind, TargetKind
from trainables.base.kinds.regression import Regression

KINDS: dict[str, TargetKind] = {
    kind.name: kind
    for kind in (
        Regression(),
        Binary(),
        Multiclass(),
        Images(),
        TargetKind(
            "generator",
            loss_text="kernel distance to unseen rows: unbiased squared MMD with the kernel (x·y/d + 1)³ of a fixed "
            "classifier's d features (KID, Bińkowski et al. 2018)",
        ),
        TargetKind("language_model", costly=True, loss_text="mean cross entropy of a token, −ln p(token), nats"),
        TargetKind("function", loss_text="as the function reports it", has_data=False),
    )
}
assert set(KINDS) == set(get_args(Kind))


def kind_of(name: str) -> TargetKind:
    """Return the kind of a name, e.g. ``TaskFacts.kind``; raise ``UserError`` when there is no such kind."""
    if name not in KINDS:
        raise unknown("kind", name, KINDS)
    return KINDS[name]


def row_kind(name: str) -> RowKind:
    """Return the kind of a name whose models give outputs for each row.

    Raises:
        UserError: there is no such kind, or its models have no outputs a row (language models, functions).
    """
    kind = kind_of(name)
    if not isinstance(kind, RowKind):
        raise UserError(f"Models of kind '{name}' have no outputs for each row.")
    return kind


def kind_of_classes(count: int) -> RowKind:
    """Return the kind of a target with a number of classes."""
    return row_kind("binary" if count == 2 else "multiclass")


def kind_from_facts(facts: Mapping[str, Any]) -> RowKind:
    """Return the kind of the target that a table's facts describe (see ``RowKind.target_facts``)."""
    if "classes" not in facts:
        return row_kind("regression")
    return row_kind("binary" if int(facts["n_outputs"]) == 1 else "multiclass")
