"""The second opinion on Korean: what Kiwi reads, what the report shows of it, and what is said without it."""

from __future__ import annotations

import csv
import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.cli.main import app
from benchmarks.generation import run as run_module
from benchmarks.generation.display import Quiet
from benchmarks.generation.plan.spec import parse_spec, resolve
from benchmarks.generation.scoring.morphemes import DEFINITIONS, read_morphemes, reading_figures
from benchmarks.harness.lockfile import read_lock
from benchmarks.harness.verify import verify
from search_spaces.errors import UserError

SPEC: dict[str, Any] = {
    "name": "korean",
    "prompts": {"held_out": 4},
    "settings": [{"mode": "greedy"}, {"temperature": 1.0}],
    "repeats": 1,
    "max_new_tokens": 16,
    "korean": True,
    "speed": {"repeats": 0},
}


def test_repeated_words_and_plausible_order_are_told_from_others() -> None:
    plain, looped, shuffled, empty = read_morphemes(
        [
            "모든 국민은 법률이 정하는 바에 의하여 선거권을 가진다.",
            "법률이 정하는 법률이 정하는 법률이 정하는",
            "가진다 바에 국민은 의하여 모든 선거권을 정하는 법률이.",
            "",
        ]
    )
    assert "국민/NNG" in plain.morphemes
    assert "은/JX" not in plain.content
    assert reading_figures([plain])["repeated_words"] == 0
    assert reading_figures([looped])["repeated_words"] == 1
    assert reading_figures([looped])["repeated_morphemes_4"] > reading_figures([plain])["repeated_morphemes_4"]
    assert reading_figures([shuffled])["kiwi_nll"] > reading_figures([plain])["kiwi_nll"]
    assert math.isnan(reading_figures([empty])["kiwi_nll"])
    both = reading_figures([plain, empty])
    assert both["morphemes"] == len(plain.morphemes) / 2
    assert both["kiwi_nll"] == pytest.approx(-plain.score / len(plain.morphemes))


def test_the_report_has_a_second_opinion_where_it_was_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run_module.run(resolve(parse_spec(SPEC)), folder, Quiet())
    report = (folder / "report.md").read_text("utf-8")
    section = report.partition("## Second opinion on Korean")[2].partition("\n## ")[0]
    assert section.count("human text") >= 1
    assert "kiwi nll" in section
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["morphemes"]) > 0 for row in rows)
    assert set(read_lock(folder)["resolved"]["kiwi"]) == {"kiwipiepy", "kiwipiepy_model"}
    assert verify(folder) == []
    run_module.run(resolve(parse_spec({**SPEC, "korean": False})), tmp_path / "without", Quiet())
    plain = (tmp_path / "without" / "report.md").read_text("utf-8")
    assert not any(name in (tmp_path / "without" / "results.csv").read_text("utf-8") for name in DEFINITIONS)
    assert "Kiwi" not in plain


def test_without_its_package_one_sentence_is_said_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "kiwipiepy" else find(name))
    command = ["generation", "--korean", "--output", str(tmp_path / "out"), "--tracking-uri", "off"]
    with pytest.raises(UserError, match=r"needs the package 'kiwipiepy'\. Install the extra 'korean'"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not (tmp_path / "out").exists()
