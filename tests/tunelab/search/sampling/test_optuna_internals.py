"""Optuna's private parts: that they are there, and that a study does without them."""

from __future__ import annotations

from importlib.metadata import version

import optuna
import pytest

from search_spaces import get_space
from tunelab.search.sampling.optuna_internals import PARTS, SEEN_WITH, SWITCH, BoundedStudy
from tunelab.search.sampling.study import StudySampler


def test_the_parts_are_there_in_the_version_they_were_seen_with() -> None:
    assert version("optuna") == SEEN_WITH, "try the parts with this version, then note it"
    assert [str(part) for part in PARTS if not part.is_there()] == []


def test_a_switch_does_without_them_and_short_sweeps_draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    patched = StudySampler(get_space("mlp"), "tpe", 5, reference={}, fixed={})
    assert type(patched.study) is BoundedStudy
    monkeypatch.setenv(SWITCH, "0")
    plain = StudySampler(get_space("mlp"), "tpe", 5, reference={}, fixed={})
    assert type(plain.study) is optuna.Study
    assert [patched.suggest(n) for n in range(5)] == [plain.suggest(n) for n in range(5)]
