"""The benchmark of search methods: statistics against known values, the same searches again, refusals."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.verify import verify
from benchmarks.search.report import make_search_document, verdict
from benchmarks.search.run import RESULTS, SearchResults, run
from benchmarks.search.schedulers import Verdict
from benchmarks.search.spec import Method, SearchSpec, check, parse_method
from benchmarks.search.statistics import critical_difference, needed_repetitions, rank
from benchmarks.search.trace import Search, run_search
from search_spaces import UserError
from tests.korean import HANGUL, english
from tests.toys import Toy
from trainables.wine import Wine
from tunelab.records.trial import Epoch
from tunelab.report.report import to_html, to_markdown

SMALL = SearchSpec(("wine",), ("tpe+asha", "random+none", "QMCSampler+MedianPruner"), seeds=2, full_trials=1)
EPOCHS = 30


@pytest.fixture(scope="module", autouse=True)
def short_trials() -> Iterator[None]:
    """A tenth of the epochs that a trial of wine may train, and so of a search's budget."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wine, "facts", replace(Wine.facts, max_epochs=EPOCHS))
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResults]:
    folder = tmp_path_factory.mktemp("bench") / "out"
    return folder, run(SMALL, folder, lambda text: None)


def test_critical_differences_are_those_of_the_literature() -> None:
    # Demšar 2006, section 3.2.2 and table 5: 4 classifiers on 14 data sets, q = 2.569, CD = 1.25
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(2, 10) == pytest.approx(1.960 * math.sqrt(6 / 60), abs=0.001)


def test_ranks_share_ties_and_tell_a_clear_winner() -> None:
    rng = np.random.default_rng(0)
    tasks = ["a"] * 10 + ["b"] * 10
    losses = rng.normal(size=(20, 3)) * 0.01 + np.array([1.0, 0.0, 1.0])
    losses[:, 2] = losses[:, 0]  # the first and the last are the same
    ranking = rank(["x", "y", "z"], tasks, losses, 0)
    assert ranking.methods == ("y", "x", "z")
    assert ranking.ranks == (1.0, 2.5, 2.5)
    assert ranking.wins == (20, 0, 0)
    assert ranking.friedman_p < 1e-6
    assert ranking.groups() == [(1, 2)]
    assert ranking.low[0] == ranking.high[0] == 1.0
    assert "it is better than x, z by more than the critical difference" in verdict(ranking)


def test_methods_that_are_alike_are_not_told_apart() -> None:
    losses = np.random.default_rng(1).normal(size=(12, 4))
    ranking = rank(list("abcd"), ["t"] * 12, losses, 0)
    assert "no difference between the methods is shown" in verdict(ranking)
    assert ranking.groups() == [(0, 3)]
    equal = rank(["a", "b", "c"], ["t"] * 3, np.ones((3, 3)), 0)
    assert equal.friedman_p == 1.0


def test_every_search_spends_the_same_budget_and_its_best_only_falls(finished: tuple[Path, SearchResults]) -> None:
    results = finished[1]
    assert len(results.traces) == 6
    assert {p.epochs for p in results.traces} == {results.budgets["wine"]} == {EPOCHS}
    for p in results.traces:
        losses = [loss for _, loss in p.steps]
        assert losses == sorted(losses, reverse=True)
        assert len(p.seconds) == len(p.steps) + 1
    whole = [p for p in results.traces if p.method == "random+none"]
    assert all(p.trials >= SMALL.full_trials for p in whole)


FURTHER = (
    *("tpe+MedianStoppingRule", "tpe+AsyncHyperBandScheduler", "tpe+HyperBandScheduler", "tpe+HyperBandForBOHB"),
    *("OptunaSearch+asha", "NSGAIISampler+none"),
)


@pytest.mark.parametrize("name", FURTHER)
def test_methods_of_ray_and_optuna_search_the_same_way_again(name: str) -> None:
    task, method = Toy(), parse_method(name)
    data = task.load().training
    first, second = (run_search(task, data, method, 0, 0, 20 * task.facts.max_epochs) for _ in range(2))
    assert first.steps == second.steps
    assert (first.epochs, first.trials) == (180, second.trials)
    assert first.trials > 20 if method.scheduler != "none" else first.trials == 20  # stopping makes room for more


def test_a_grace_period_lets_every_trial_train_that_long() -> None:
    task = Toy()
    data, budget = task.load().training, 20 * task.facts.max_epochs
    trials = [run_search(task, data, parse_method(f"random+asha@{g}"), 0, 0, budget).trials for g in (1, 3, 99)]
    assert trials[0] > trials[1] > trials[2] == 20  # a grace period beyond the full length stops nothing


def test_a_paused_trial_goes_on_where_it_was() -> None:
    """Hyperband trains the trials of a bracket side by side, and each epoch of each only once."""
    task = Toy()
    search = Search(task, task.load().training, Method("random", "HyperBandForBOHB"), 0, 200)
    seen: dict[int, list[int]] = {}
    order: list[int] = []
    judge = search._scheduler.judge

    def watch(number: int, curve: list[Epoch]) -> Verdict:
        seen.setdefault(number, []).append(curve[-1].epoch)
        order.append(number)
        return judge(number, curve)

    search._scheduler.judge = watch  # type: ignore[method-assign]
    search.run()
    assert all(epochs == list(range(1, len(epochs) + 1)) for epochs in seen.values())
    turns = [number for number, before in zip(order, [-1, *order], strict=False) if number != before]
    assert len(turns) > len(set(turns))


def test_the_report_shows_ranks_and_curves(finished: tuple[Path, SearchResults]) -> None:
    folder, results = finished
    text = to_markdown(make_search_document(results))
    assert all(name.replace("_", "\\_") in text for name in SMALL.methods)
    assert to_html(make_search_document(results)) == (folder / "report.html").read_text()


def test_the_report_in_korean_has_no_sentence_of_ours_in_english(
    finished: tuple[Path, SearchResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert english(make_search_document(finished[1]), SMALL.tasks) == []
    assert HANGUL.search(needed_repetitions(4, 4, 5))


def test_verify_finds_identical_searches_and_any_change(finished: tuple[Path, SearchResults]) -> None:
    folder, _ = finished
    original = (folder / RESULTS).read_text()
    content = json.loads(original)
    content["searches"][0]["steps"][-1][1] += 1e-9
    (folder / RESULTS).write_text(json.dumps(content))
    of_file, of_search, *others = verify(folder)
    (folder / RESULTS).write_text(original)
    assert "its sha256 is not the lock's" in of_file
    assert "wine, tpe+asha, repetition 0: loss" in of_search
    assert all(text.startswith("machine's ") for text in others)  # what is said where anything differs


def test_an_interrupted_benchmark_goes_on(finished: tuple[Path, SearchResults], tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shown: list[str] = []

    def interrupt(text: str) -> None:
        shown.append(text)
        if len(shown) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(SMALL, folder, interrupt)
    with (folder / "searches.jsonl").open("a") as file:
        file.write('{"task": "wine", "meth')  # what a kill leaves
    results = run(SMALL, folder, shown.append)
    assert len(shown) == 6
    assert [p.steps for p in results.traces] == [p.steps for p in finished[1].traces]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SearchSpec(tasks=("wime",)), "Unknown task 'wime'. Did you mean 'wine'"),
        (SearchSpec(methods=("tpe+asha",)), "two or more different methods"),
        (SearchSpec(methods=("tpe+asha", "tpe+asha")), "two or more different methods"),
        (SearchSpec(methods=("tpe", "random+none")), "must be SAMPLER"),
        (SearchSpec(methods=("tpe+ash", "random+none")), "Unknown scheduler 'ash'. Did you mean 'asha'"),
        (
            SearchSpec(methods=("tpe+asha@0", "random+none")),
            "only asha takes a grace period, in epochs, e.g. tpe+asha@3",
        ),
        (SearchSpec(methods=("tpe+none@2", "random+none")), "only asha takes a grace period"),
        (SearchSpec(methods=("GPSample+asha", "random+none")), "Unknown sampler 'GPSample'. Did you mean 'GPSampler'"),
        (SearchSpec(methods=("BaseGASampler+asha", "random+none")), "Unknown sampler 'BaseGASampler'"),
        (SearchSpec(methods=("BayesOptSearch+asha", "random+none")), "BayesOptSearch cannot be made"),
        (SearchSpec(methods=("tpe+PB2", "random+none")), "PB2 cannot be compared here, for it changes configurations"),
        (SearchSpec(methods=("OptunaSearch+MedianPruner", "random+none")), "MedianPruner looks at Optuna's trials"),
        (SearchSpec(seeds=1), "--seeds must be 2 or more, got 1"),
        (SearchSpec(full_trials=0), "--full-trials must be 1 or more, got 0"),
    ],
)
def test_what_cannot_be_run_is_refused(spec: SearchSpec, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("+", r"\+")):
        check(spec)


def test_a_method_whose_package_is_missing_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    monkeypatch.setattr("ray.tune.search.hyperopt.hyperopt_search.hpo", None)
    for sampler, message in (("CmaEsSampler", "needs a package"), ("HyperOptSearch", "cannot be made: HyperOpt must")):
        with pytest.raises(UserError, match=f"{sampler} {message}"):
            run(SearchSpec(("wine",), (f"{sampler}+asha", "random+none")), tmp_path / "out", lambda text: None)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(finished: tuple[Path, SearchResults], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds another benchmark"):
        run(SearchSpec(("wine",), seeds=3), finished[0], lambda text: None)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no benchmark"):
        run(SMALL, tmp_path, lambda text: None)


def test_before_it_runs_a_benchmark_says_how_many_repetitions_its_question_needs() -> None:
    text = needed_repetitions(4, 4, 5)
    assert f"less than {critical_difference(4, 20):.2f} apart" in text
    needed = int(text.rpartition("--seeds ")[2].rstrip("."))
    assert critical_difference(4, 4 * needed) <= 0.5 < critical_difference(4, 4 * (needed - 1))
    assert "--seeds" not in needed_repetitions(4, 4, needed)
