"""Comparisons: what differed, what came out, and a link with exactly these runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from search_spaces import UserError
from tests.tunelab.conftest import Shelf
from tunelab.analysis.progress import best_so_far
from tunelab.cli.compare import command as compare_command
from tunelab.cli.compare import print_comparison
from tunelab.report.comparison import compare, make_comparison_document
from tunelab.report.report import to_html, to_markdown
from tunelab.tracking.store import Store
from tunelab.tracking.ui_views import compare_link


def test_sweeps_stand_side_by_side_with_the_settings_that_differ(shelf: Shelf) -> None:
    wine, other = shelf.results["와인"], shelf.results["wine-random"]
    comparison = compare([wine, other])
    assert comparison.names == ["와인", "wine-random"]
    settings = dict(comparison.settings)
    assert settings["sampler"] == ["curves", "random"]
    assert settings["trials"] == ["10", "5"]
    assert "seed" not in settings
    outcome = dict(comparison.outcome)
    assert wine.best is not None
    assert other.best is not None
    assert outcome["best val_loss"] == [wine.best.val_loss, other.best.val_loss]
    assert outcome["test accuracy"] == [wine.best.test["accuracy"], other.best.test["accuracy"]]
    assert wine.confirmation is not None
    assert outcome["better than the reference on fresh seeds"] == [wine.confirmation.better, None]
    winner = next(row for row in wine.confirmation.rows if row.trial == wine.confirmation.winner)
    assert outcome["winner on fresh seeds, val_loss"] == [winner.mean, None]
    assert dict(comparison.winners).keys() >= {"family"}
    assert comparison.notes == ()


def test_an_average_is_compared_as_one(shelf: Shelf) -> None:
    wine, other = shelf.results["와인"], shelf.results["wine-random"]
    assert other.best is not None
    first, second = other.ranked()[:2]
    mean = replace(other, best=replace(other.best, members=(first.number, second.number)))
    comparison = compare([wine, mean])
    assert dict(comparison.outcome)["winner"][1] == f"mean of trials {first.number}, {second.number}"
    families = dict(comparison.winners)["family"]
    assert families[1] == f"{first.params['family']} / {second.params['family']}"


def test_tasks_data_and_test_openings_that_do_not_compare_are_said(shelf: Shelf) -> None:
    wine = shelf.results["와인"]
    other_data = replace(
        wine, parent_run_id="1", name="old", data=replace(wine.data, digest="0"), test_openings=(1.0, 2.0)
    )
    notes = " ".join(compare([wine, other_data, shelf.results["toy"]]).notes)
    assert "saw 2 different data sets or splits" in notes
    assert "2 tasks: losses and scores compare within a task only." in notes
    assert "old: the test split was opened 2 times" in notes


def test_the_command_prints_tables_or_json_and_writes_a_page(
    shelf: Shelf, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweeps = ["와인", "wine-random", "toy"]
    compare_command(sweeps, output=Path("c.html"), tracking_uri=shelf.uri, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [s["name"] for s in found["sweeps"]] == sweeps
    assert found["outcome"]["trials"] == {"와인": 10, "wine-random": 5, "toy": 6}
    page, text = (in_folder / "c.html").read_text(), (in_folder / "c.md").read_text()
    assert all(name in page and name in text for name in sweeps)
    assert found["link"] in text
    assert f'<a href="{escape(found["link"])}">' in page
    assert shelf.results["와인"].confirmation is not None
    confirmed = shelf.results["와인"].confirmation.verdict
    assert found["verdicts"]["와인"][1] == confirmed
    assert confirmed in page

    compare_command(sweeps, tracking_uri=shelf.uri)
    shown = capsys.readouterr().out
    assert "Settings that differ" in shown
    assert confirmed in shown
    assert found["link"] in shown


def test_a_comparison_is_in_korean(
    shelf: Shelf, in_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    compare_command(["와인", "wine-random", "toy"], output=Path("c.html"), tracking_uri=shelf.uri)
    shown = capsys.readouterr().out
    assert "참고: 과제가 2개입니다" in shown
    outcome = shown[shown.index("결과") : shown.index("서로 다른 설정")].splitlines()[4:]
    assert [row for row in outcome if row.strip() and not re.match("[±]?[(]?.*[가-힣]", row.partition("   ")[0])] == []
    assert [line for line in shown.splitlines() if re.search("[a-z]+ [a-z]+ [a-z]+", line)] == []
    page = (in_folder / "c.md").read_text(encoding="utf-8")
    assert [text for text in ("Outcome", "Best so far", "Repeat them", "In MLflow") if text in page] == []


def test_no_sweep_is_left_out_in_a_narrow_window(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wine, other = shelf.results["와인"], shelf.results["wine-random"]
    names = ["california_housing-20261129-134321-31cf", "california_housing-20261128-101112-0abc"]
    comparison = compare([replace(wine, name=names[0]), replace(other, name=names[1])])
    monkeypatch.setattr("tunelab.cli.output.tables.UNLIMITED", 80)
    print_comparison(comparison)
    outcome = capsys.readouterr().out.partition("Settings that differ")[0]
    assert "in a wider window" not in outcome
    assert outcome.count("california_housing-") == 2
    assert "20261128-101112-0abc" in outcome
    assert max(map(len, outcome.splitlines())) <= 80


def test_the_link_names_exactly_these_runs(shelf: Shelf) -> None:
    link = compare_link("http://host:5000/", [("1", "aa"), ("2", "bb"), ("1", "cc")])
    address, _, query = link.partition("?")
    assert address == "http://host:5000/#/compare-runs"
    values = parse_qs(query)
    assert json.loads(values["runs"][0]) == ["aa", "bb", "cc"]
    assert json.loads(values["experiments"][0]) == ["1", "2"]


def test_live_and_loaded_sweeps_compare_alike(shelf: Shelf) -> None:
    store = Store(shelf.uri)
    live = list(shelf.results.values())
    loaded = [store.load(r.parent_run_id) for r in live]
    pages = [to_html(make_comparison_document(compare(some), "link", "")) for some in (live, loaded)]
    assert pages[0] == pages[1]
    assert "Best so far" in to_markdown(make_comparison_document(compare(live), "link", ""))


def test_best_so_far_only_falls_and_counts_every_epoch(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    steps = best_so_far(result)
    losses = [step.val_loss for step in steps]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == result.ranked()[0].val_loss
    assert steps[-1].epochs == result.epochs


@pytest.mark.parametrize(
    ("sweeps", "message"),
    [
        (["와인"], "two or more sweeps, got '와인' alone"),
        (["와인", "와인"], "two or more different sweeps, got 와인, 와인"),
        (["와인", "nope"], "No sweep 'nope'"),
    ],
)
def test_what_cannot_be_compared_is_refused(shelf: Shelf, sweeps: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare_command(sweeps, tracking_uri=shelf.uri)
