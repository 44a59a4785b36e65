"""What MLflow shows of a sweep: verdict first, scores beside baselines, counts as tags, the winner marked."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml
from markdown_it import MarkdownIt

from tests.tunelab.conftest import Shelf
from tunelab.records.spec import make_spec
from tunelab.tracking.descriptions import sweep_note, version_note, version_tags, winner_note
from tunelab.tracking.store import Store
from tunelab.tracking.ui_views import experiment_tags


def test_a_sweeps_run_has_its_scores_beside_those_of_baselines(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    assert result.best is not None
    data = Store(shelf.uri).run(result.parent_run_id).data
    scores = {model.name: model.test["accuracy"] for model in result.baselines}
    assert data.metrics["best_val_loss"] == result.best.val_loss
    assert data.metrics["reference_test_accuracy"] == scores["reference"]
    assert data.metrics["baseline_logistic_test_accuracy"] == scores["logistic"]
    assert not {"trials", "epochs", "test_openings"} & set(data.metrics)
    assert (data.tags["tunelab.trials"], data.tags["tunelab.test_openings"]) == ("10", "1")
    assert data.tags["tunelab.score"].startswith("accuracy ")
    assert "beat" in data.tags["tunelab.verdict"]
    assert "tunelab.stopped" not in data.tags  # it would be an empty mark on the page


def test_the_winner_is_marked_and_described_and_losers_say_how_they_ended(shelf: Shelf) -> None:
    store, result = Store(shelf.uri), shelf.results["와인"]
    assert result.best is not None
    runs = store.children(result.parent_run_id)
    for trial in result.trials:
        name = runs[trial.number].info.run_name
        assert name.startswith(f"와인 #{trial.number:03d}")
        assert ("★" in name) == (trial.number == result.best.trial)
        assert ("(stopped early)" in name) == (trial.status.label == "stopped early")
    note = runs[result.best.trial].data.tags["mlflow.note.content"]
    assert "The winner of the sweep [와인]" in note


def test_what_a_store_keeps_is_english_in_every_language(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    result = shelf.results["와인"]
    english = sweep_note(result, "7"), winner_note(result, "7"), version_note(result), version_tags(result)
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert (sweep_note(result, "7"), winner_note(result, "7"), version_note(result), version_tags(result)) == english


def test_a_sweep_says_its_verdict_first_and_links_to_what_it_made(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    assert result.best is not None
    note = sweep_note(result, "7")
    assert "won of 10 trials" in note.partition("\n")[0]
    assert f"(#/experiments/7/runs/{result.best.run_id})" in note
    assert f"(#/experiments/7/runs/{result.parent_run_id}/artifacts/report/report.html)" in note
    assert f"(#/models/tunelab-wine/versions/{result.best.version})" in note
    params = next(trial.params for trial in result.trials if trial.number == result.best.trial)
    assert all(f"{name}=" in note for name in params)


def test_a_version_names_its_sweep_its_score_and_the_verdict(shelf: Shelf) -> None:
    store, result = Store(shelf.uri), shelf.results["와인"]
    assert result.best is not None
    version = store.client.get_model_version("tunelab-wine", result.best.version)
    assert version.tags["tunelab.sweep"] == "와인"
    assert version.tags["tunelab.test_accuracy"]
    assert "of the sweep `와인`" in version.description


def test_a_sweep_keeps_the_file_that_repeats_it(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    text = Store(shelf.uri).artifact(result.parent_run_id, "sweep.yaml").decode()
    spec = make_spec(yaml.safe_load(text))
    for name in ("task", "trials", "max_epochs", "confirm_top", "confirm_seeds", "audit", "seed"):
        assert getattr(spec, name) == getattr(result.spec, name)
    assert spec.name is None


def kinds(content: str) -> list[str]:
    """The elements that a page makes of Markdown, texts apart."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(content)
    inner = [child for token in tokens for child in (token.children or []) if child.type != "text"]
    return [token.type for token in tokens] + [child.type for child in inner if child.type != "softbreak"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=alert(1)>",
        "**bold** _x_ `code` [link](http://example.org) | a ~~gone~~",
        "```\n# heading\n- item",
        "\x1b[2J\u202etxet",
    ],
)
def test_no_name_of_a_users_becomes_markup_in_a_note(shelf: Shelf, hostile: str) -> None:
    """Titles made of columns and files, notes of tasks, units, values of hyperparameters, names of baselines."""

    def notes(text: str) -> list[str]:
        result = shelf.results["와인"]
        facts = replace(result.facts, title=text, source=text, licence=text, note=text, unit=text)
        found = replace(
            result,
            facts=facts,
            trials=tuple(replace(t, params={text: text}, config={text: text}) for t in result.trials),
            baselines=tuple(replace(model, name=f"{text} {i}") for i, model in enumerate(result.baselines)),
        )
        experiment = experiment_tags(found)["mlflow.note.content"]
        return [sweep_note(found, "7"), winner_note(found, "7"), version_note(found), experiment]

    assert list(map(kinds, notes(hostile))) == list(map(kinds, notes("harmless")))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", "".join(notes(hostile)))
