"""A benchmark's folder that someone else wrote: its lock names no model that is loaded unasked, and may be damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.lockfile import NAME, SCHEMA
from benchmarks.harness.verify import verify
from search_spaces import UserError


@pytest.fixture(autouse=True)
def unknown_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was named before."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def write_lock(folder: Path, **values: Any) -> Path:
    lock = {"kind": "generation", "schema": SCHEMA, "status": "complete", "results": {}, "provenance": {}}
    (folder / NAME).write_text(json.dumps({**lock, **values}))
    return folder


@pytest.mark.parametrize("key", ["model", "scorer"])
@pytest.mark.parametrize("model", ["someone/elses-model", "{folder}"])
def test_a_lock_names_no_model_that_is_loaded_unasked(tmp_path: Path, key: str, model: str) -> None:
    name = model.format(folder=tmp_path)
    write_lock(tmp_path, resolved={"spec": {key: name}})
    with pytest.raises(UserError, match=f"names the model '{name}', which you have not run before.*--trust"):
        verify(tmp_path)
    with pytest.raises(UserError, match=r"benchmark file|damaged"):  # vouched for, it is read further
        verify(tmp_path, [name])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"resolved": None},
        {"resolved": {"spec": None}},
        {"resolved": {"spec": {"model": 5}}},
        {"kind": "search", "resolved": {"spec": {}}},
        {"kind": "confirmation", "resolved": []},
        {"kind": []},
    ],
)
def test_a_damaged_lock_is_a_sentence(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        verify(write_lock(tmp_path, **values))
