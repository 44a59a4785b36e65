"""Reports: everything in them, from the store alone, the same bytes again, readable where they are opened."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import UserError
from tests.browser import Browser, needs_chromium
from tests.tunelab.conftest import Shelf
from tunelab.analysis.outcome import verdict
from tunelab.analysis.parameter_importance import parameter_importance
from tunelab.analysis.savings import estimate_savings
from tunelab.cli import sweep as sweep_command
from tunelab.cli.commands import load_command
from tunelab.cli.report import command as report
from tunelab.documents.blocks import Document, Figure, Section, Table
from tunelab.documents.markdown import plain
from tunelab.records.assessment.cross_validation import CrossValidation, CrossValidationRow
from tunelab.records.assessment.evaluation import Evaluation
from tunelab.records.assessment.optimism import Optimism
from tunelab.records.best import Best, EnsembleMember
from tunelab.records.result import SweepResult
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.report.repeat import repeat_command
from tunelab.report.report import make_document, to_html, to_markdown
from tunelab.tracking.descriptions import sweep_note
from tunelab.tracking.store import Store

MEGABYTE = 2**20


def trial(number: int, losses: list[float], status: TrialStatus, **params: float | str) -> TrialRecord:
    """A trial of at most 9 epochs of half a second."""
    epochs = tuple(Epoch(i + 1, loss, {}, (i + 1) / 2) for i, loss in enumerate(losses))
    return TrialRecord(number, params, params, number, 9, status, epochs, started=float(number), ended=number + 5.0)


def made_up(result: SweepResult, trials: list[TrialRecord]) -> SweepResult:
    """A result with other trials."""
    best = min((t for t in trials if t.has_result), key=lambda t: t.val_loss, default=None)
    winner = None if best is None else Best(best.number, "", best.val_loss, 1, best.config)
    return replace(
        result,
        trials=tuple(trials),
        best=winner,
        baselines=(),
        evaluation=Evaluation(),
        confirmation=None,
        audit=None,
        test_openings=(),
    )


def test_a_report_shows_the_expected_loss_the_folds_and_what_members_cost(shelf: Shelf) -> None:
    result = shelf.results["wine-random"]
    numbers = [t.number for t in result.ranked()[:2]]
    best = result.best
    assert best is not None
    members = (EnsembleMember(numbers[0], 0.75, 0.5, 2.5, 4_000), EnsembleMember(numbers[1], 0.25, 0.6, 1.5, 2_000))
    folds = [CrossValidationRow(n, (0.4 + i, 0.6 + i), 0.5 + i, 0.1) for i, n in enumerate(numbers)]
    document = make_document(
        replace(
            result,
            best=replace(best, trial=numbers[0], members=tuple(numbers), costs=members),
            optimism=Optimism(0.125, 0.25, 0.1875, 0.375, 36, 0.3125, 5, 5, 0, 100),
            cross_validation=CrossValidation(tuple(folds), numbers[0], "The folds have spoken.", 3.0),
        )
    )
    tables = {s.title: [b for b in s.blocks if isinstance(b, Table)] for s in document.sections}
    assert [row[1:] for row in tables["Loss to be expected"][0].rows] == [
        [0.125, None, None],
        [0.25, 0.1875, 0.375],
        [0.3125, None, None],
    ]
    compared = tables["Cross-validation of the leaders"][0]
    assert compared.rows == [[str(n), 0.5 + i, 0.1, 0.4 + i, 0.6 + i] for i, n in enumerate(numbers)]
    costs = tables["The winner: learning curves and errors"][0]
    assert [row[2:] for row in costs.rows][:2] == [[0.75, 0.5, 2.5, 4.0], [0.25, 0.6, 1.5, 2.0]]
    assert [row[-2:] for row in costs.rows][2] == [4.0, 6.0]  # together
    assert "The folds have spoken." in to_markdown(document)


def test_a_report_says_everything_about_the_sweep(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    text = to_markdown(make_document(result))
    for title in (
        *("Verdict", "Best configurations", "Winner and baselines", "Confirmation on fresh seeds"),
        *("Hyperparameter importance (PED-ANOVA)", "Parallel coordinates", "Slices", "Learning curves", "History"),
        *(
            "What early stopping saved",
            "Audit of early stopping",
            "Test split",
            "All trials",
            "Repeat it",
            "Provenance",
        ),
    ):
        assert f"\n## {title}\n" in text
    assert result.facts.early_stopping in text
    assert result.best is not None
    assert re.search(rf"Trial {result.best.trial}\b.* won of 10 trials", text)
    assert "It was opened once" in text
    assert result.data.digest in text
    assert result.confirmation is not None
    assert plain(result.confirmation.verdict) in text
    assert f"tunelab reproduce {result.best.run_id}" in text
    assert all(baseline.name in text for baseline in result.baselines)


def test_failed_trials_are_told_with_their_reason(shelf: Shelf) -> None:
    result = shelf.results["toy"]
    text = to_markdown(make_document(result))
    failed = [t for t in result.trials if t.status is TrialStatus.FAILED]
    assert failed
    assert "\n## Failures\n" in text
    assert text.count("this configuration cannot be trained") == len(failed)


def test_the_store_gives_the_bytes_that_the_launch_gave(shelf: Shelf) -> None:
    store = Store(shelf.uri)
    for name, live in shelf.results.items():
        loaded = store.load(store.find_sweep(name))
        for render in (to_html, to_markdown):
            assert render(make_document(live, now=1)) == render(make_document(loaded, now=1))
            first, second = (render(make_document(loaded, now=now)).split("\n") for now in (1, 2))
            different = [a for a, b in zip(first, second, strict=True) if a != b]
            assert len(different) == 1
            assert "Report made on" in different[0]


def test_the_page_is_small_and_needs_no_network(shelf: Shelf) -> None:
    html = to_html(make_document(shelf.results["와인"]))
    assert len(html.encode()) < 6 * MEGABYTE
    assert not re.search(r"""<[^>]+\s(src|href)\s*=\s*["'](?!#)""", html)
    assert "와인" in html


def test_a_second_opening_of_the_test_split_is_a_warning(shelf: Shelf) -> None:
    result = replace(shelf.results["와인"], test_openings=(1.0, 2.0))
    html, text = to_html(make_document(result)), to_markdown(make_document(result))
    assert re.search(r'class="note warning">The test split was opened 2 times', html)
    assert "**Warning:** The test split was opened 2 times" in text

    assert "opened 2 times" in sweep_note(result)
    assert "opened" not in sweep_note(shelf.results["와인"])


def test_openings_of_the_test_split_are_counted_on_the_sweeps_run(shelf: Shelf) -> None:
    for name, openings in (("와인", 1), ("toy", 0)):
        run = Store(shelf.uri).run(shelf.results[name].parent_run_id)
        assert run.data.tags["tunelab.test_openings"] == str(openings)


def test_the_verdict_says_in_its_one_sentence_what_fresh_seeds_say(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    confirmation = result.confirmation
    assert confirmation is not None
    assert result.best is not None
    usual = confirmation.winner_row.mean  # with a lucky loss, the objection would be a sentence of its own
    result = replace(result, best=replace(result.best, val_loss=usual))
    sentences: dict[str, bool | None] = {
        "better than the reference on fresh seeds": True,
        "not shown to be better than the reference on fresh seeds": False,
        "with no reference to compare with": None,
    }
    for sentence, better in sentences.items():
        changed = replace(result, confirmation=replace(confirmation, better=better))
        text = verdict(changed)
        assert f", {sentence}; " in text or f", trained again on fresh seeds, {sentence}; " in text
        assert text.count(". ") == 0
        assert plain(text) in sweep_note(changed)
    assert "not confirmed on fresh seeds" in verdict(replace(result, confirmation=None))
    assert result.best is not None
    same = replace(confirmation, winner=0, reference=0, better=False)
    text = verdict(replace(result, best=replace(result.best, trial=0), confirmation=same))
    assert "(it is the reference configuration), and no other came out better on fresh seeds; " in text
    assert "--confirm-top 3 would take about" in to_markdown(make_document(replace(result, confirmation=None)))


def test_an_ensemble_is_told_as_what_it_is(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    assert result.best is not None
    members = tuple(t.number for t in result.ranked()[:3])
    mean = replace(result, best=replace(result.best, trial=members[0], members=members, seed=None))
    assert f"The mean of trials {', '.join(map(str, members))} won of 10 trials" in verdict(mean)
    assert "itself not confirmed on fresh seeds" in verdict(mean)
    text = to_markdown(make_document(mean))
    assert "Fresh seeds judged single trials" in text
    repeated = text.partition("## Repeat it")[2]
    assert all(f"tunelab reproduce {t.run_id}" in repeated for t in result.trials if t.number in members)


def test_a_winner_that_was_finished_after_the_search_is_told_so(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    assert result.best is not None
    finished = replace(result, best=replace(result.best, seed=7))
    text = to_markdown(make_document(finished))
    assert f"Trial {result.best.trial}, stopped by the search and trained to its end since, won" in text
    assert "The winner as far as the search trained it" in text


def test_the_command_reports_and_logs(shelf: Shelf, in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report("wine-random", tracking_uri=shelf.uri)
    names = capsys.readouterr().out.split()
    assert names == ["wine-random-report.html", "wine-random-report.md"]
    store = Store(shelf.uri)
    run_id = store.find_sweep("wine-random")
    for name, logged in zip(names, ("report/report.html", "report/report.md"), strict=True):
        mine, theirs = (in_folder / name).read_text().split("\n"), store.artifact(run_id, logged).decode().split("\n")
        assert [line for line in mine if "Report made on" not in line] == [
            line for line in theirs if "Report made on" not in line
        ]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nope", r"No sweep 'nope'. There are: .*toy"),
        ("", r"'' fits 3 sweeps: .*wine-random \(wine,"),
        ("{trial}", r"is a trial of sweep '와인'; this takes a sweep"),
        ("{other}", r"is of another tool; this takes a sweep"),
    ],
)
def test_what_is_not_a_sweep_is_refused(shelf: Shelf, in_folder: Path, wanted: str, message: str) -> None:
    store = Store(shelf.uri)
    other = store.client.create_run("0").info.run_id
    ids = {"trial": shelf.results["와인"].trials[0].run_id, "other": other}
    with pytest.raises(UserError, match=message):
        report(wanted.format(**ids), tracking_uri=shelf.uri)
    assert not list(in_folder.glob("*.html"))


def test_a_running_sweep_and_an_empty_one_are_refused(shelf: Shelf, store_uri: str) -> None:
    store = Store(store_uri)
    empty = replace(shelf.results["toy"], trials=(), best=None, name="empty")
    empty = replace(empty, parent_run_id=store.start_sweep(empty, "empty", print))
    with pytest.raises(UserError, match="still running"):
        report("empty", tracking_uri=store_uri)
    store.log_sweep(empty)
    store.end_sweep(empty.parent_run_id, "FINISHED")
    with pytest.raises(UserError, match="has no trials yet"):
        report("empty", tracking_uri=store_uri)


@pytest.mark.parametrize(
    ("path", "message"), [("r.pdf", "must end in .html"), ("no/r.html", "does not exist"), ("d.html", "is a folder")]
)
def test_an_output_that_cannot_be_written_is_refused(in_folder: Path, path: str, message: str) -> None:
    (in_folder / "d.html").mkdir()
    with pytest.raises(UserError, match=message):
        report("any", output=Path(path), tracking_uri="sqlite:///never-opened.db")


def test_sweeps_without_results_variation_or_positive_losses_are_reported(shelf: Shelf) -> None:
    base = shelf.results["toy"]
    cases = {
        "failed": [trial(0, [], TrialStatus.FAILED, x=0.1, idle="a")],
        "diverged": [trial(0, [float("nan")], TrialStatus.DIVERGED, x=0.1, idle="a")],
        "single": [trial(0, [1.0, 0.5], TrialStatus.FINISHED, x=0.1, idle="a")],
        "negative": [trial(n, [-1.0 * n], TrialStatus.FINISHED, x=n / 9, idle="b") for n in range(6)],
        "equal": [trial(n, [0.0], TrialStatus.STOPPED, x=0.5, idle="b") for n in range(6)],
        "outside": [trial(n, [1.0 + n], TrialStatus.FINISHED, x=1.5, idle="b") for n in range(6)],
    }
    for trials in cases.values():
        result = made_up(base, trials)
        assert "Verdict" in to_html(make_document(result))
        assert "Verdict" in to_markdown(make_document(result))
    assert "The trial has no result: 1 failed." in to_markdown(make_document(made_up(base, cases["failed"])))


def test_the_ledger_counts_what_stopping_saved(shelf: Shelf) -> None:
    spec = shelf.results["toy"].spec.model_copy(update={"scheduler": "asha", "max_epochs": 9})
    trials = [
        trial(0, [1.0] * 9, TrialStatus.FINISHED, x=0.1),
        trial(1, [1.0] * 7, TrialStatus.FINISHED, x=0.1),  # stopped improving by itself
        trial(2, [1.0], TrialStatus.STOPPED, x=0.1),
        trial(3, [1.0] * 3, TrialStatus.STOPPED, x=0.1),
        trial(4, [1.0] * 2, TrialStatus.FAILED, x=0.1),
    ]
    savings = estimate_savings(replace(made_up(shelf.results["toy"], trials), spec=spec))
    assert savings.epochs_spent == 22
    assert savings.epochs_saved == 8 + 6
    assert savings.seconds_saved == pytest.approx(7.0)  # half a second an epoch
    assert savings.epochs_unused == 2
    assert [(r.level, r.reached, r.stopped) for r in savings.rungs] == [(1, 4, 1), (3, 3, 1)]
    assert savings.fraction_saved == pytest.approx(14 / 36)


def test_the_parameter_that_decides_is_the_important_one(shelf: Shelf) -> None:
    xs = [((7 * n) % 40) / 40 for n in range(40)]
    trials = [trial(n, [(x - 0.3) ** 2 + 0.01], TrialStatus.STOPPED, x=x, idle="ab"[n % 2]) for n, x in enumerate(xs)]
    shares = parameter_importance(made_up(shelf.results["toy"], trials))
    assert list(shares) == ["x", "idle"]
    assert shares["x"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)
    assert parameter_importance(made_up(shelf.results["toy"], trials[:3])) == {}


def test_the_command_to_repeat_gives_the_same_settings(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    changes = {"deterministic": True, "fixed": {"lr": 0.003}, "time_budget": 90.0, "ensemble": 3}
    options = {"data": "a b.csv", "target": "값", "ignore": ["id", "at"]}
    spec = result.spec.model_copy(update={**changes, "task_options": options})
    words = shlex.split(repeat_command(replace(result, spec=spec)))
    assert words[:3] == ["tunelab", "sweep", "wine"]
    given_values = spec_of_words(words[2:])
    for key in ("task", "trials", "max_epochs", "seed", "confirm_top", "confirm_seeds", "audit", "deterministic"):
        assert given_values[key] == getattr(spec, key)
    assert given_values["set"] == {"lr": "0.003"}
    assert given_values["time_budget"] == 90
    assert given_values["task_options"] == options
    assert given_values["concurrency"] == result.concurrency
    assert given_values["name"] is None


def spec_of_words(words: list[str]) -> dict[str, Any]:
    """What a command line asks for, plain values."""
    context = load_command("sweep", words).make_context("sweep", words)
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in context.params.items()}
    return sweep_command.spec_of(given).to_json()


def test_options_of_a_users_own_task_are_repeated(shelf: Shelf) -> None:
    result = shelf.results["toy"]
    assert result.spec.task_options
    text = to_markdown(make_document(result))
    assert repeat_command(result) in text
    assert "--bad" in text
    assert spec_of_words(shlex.split(repeat_command(result))[2:])["task_options"] == result.spec.task_options


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=3))
def test_no_text_breaks_a_markdown_table(rows: list[list[str]]) -> None:
    document = Document("t", "s", [Section("Table", [Table(["a", "b"], rows)])])
    table = to_markdown(document).partition("## Table\n\n")[2].rstrip("\n").split("\n")
    assert len(table) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in table)


@needs_chromium
@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_browser_draws_every_figure_offline(shelf: Shelf, tmp_path: Path, dark: bool) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(make_document(shelf.results["와인"])), encoding="utf-8")
    with Browser(390, 900, dark=dark) as browser:  # a phone
        browser.call(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        browser.open(path.as_uri())
        figures = "document.querySelectorAll('.plot').length"
        browser.wait_until(f"{figures} > 5 && document.querySelectorAll('.plot .main-svg').length >= {figures}")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390  # nothing but tables scrolls sideways
        paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = [int(part) for part in re.findall(r"\d+", paper)[:3]]
        assert (max(brightness) < 80) if dark else (min(brightness) > 200)
        assert "와인" in browser.text()
        browser.screenshot(f"report-{'dark' if dark else 'light'}")


def test_a_report_shows_the_winner_and_how_to_use_it(shelf: Shelf) -> None:
    result = shelf.results["와인"]
    assert result.best is not None
    text = to_markdown(make_document(result))
    winner = text.partition("## The winner: learning curves and errors")[2].partition("\n## ")[0]
    assert "Learning curves of trial" in winner
    assert "Confusion matrix" in winner
    assert "Calibration" in winner
    used = text.partition("## Use it")[2].partition("\n## ")[0]
    assert f"tunelab predict {result.name}" in used
    assert f'mlflow.pyfunc.load_model("models:/tunelab-wine/{result.best.version}")' in used
    assert "--set " in used
    assert "Other tools use other methods" in text
    assert all(trial.run_id in text for trial in result.trials)


def test_very_many_hyperparameters_stay_readable(shelf: Shelf) -> None:
    names = [f"p{i}" for i in range(40)]
    trials = [
        trial(n, [1.0 + n], TrialStatus.FINISHED, **{name: (n * 7 + i) % 11 / 11 for i, name in enumerate(names)})
        for n in range(24)
    ]
    base = made_up(shelf.results["toy"], trials)
    uniform = next(value for value in base.space.values() if "choices" not in value["attributes"])
    document = make_document(replace(base, space=dict.fromkeys(names, uniform)))
    sections = {section.title: section.blocks for section in document.sections}
    (parallel, *_) = sections["Parallel coordinates"]
    assert isinstance(parallel, Figure)
    assert len(parallel.data[0]["dimensions"]) == 11  # ten hyperparameters and the loss
    best = next(block for block in sections["Best configurations"] if isinstance(block, Table))
    assert "configuration" in best.columns
    assert len(best.columns) < 8
