"""Names of parameters in the store: MLflow's own check takes every one, and different ones stay different."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_param_name

from tunelab.tracking.names import stored_names


@given(st.lists(st.text(max_size=300), unique=True, max_size=5))
@example(["width[0]", "width(0)", "width_0_"])
@example(["a=b,c", "lr (log10)", "/x", "a//b", "..", ".", "", "x/../y", "%s", "<b>", "한 글"])
def test_any_names_are_stored_under_different_ones_that_mlflow_takes(names: list[str]) -> None:
    stored = stored_names(names)
    assert list(stored) == names
    assert len(set(stored.values())) == len(names)
    for name in stored.values():
        _validate_param_name(name)


@pytest.mark.parametrize("name", ["lr", "width_1", "n layers", "a/b", "x.y-z"])
def test_names_that_mlflow_takes_stay(name: str) -> None:
    assert stored_names([name]) == {name: name}
