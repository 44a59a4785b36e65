"""The benchmark of confirmation: shuffled labels, the same sweeps again, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.confirmation.report import make_confirmation_document, verdict
from benchmarks.confirmation.run import RESULTS, ConfirmationResults, run
from benchmarks.confirmation.simulate import Simulated, shuffled, simulate, wilson
from benchmarks.confirmation.spec import NOISE, PLANTED, ConfirmationSpec, check
from benchmarks.harness.verify import verify
from search_spaces import UserError
from tests.korean import english
from trainables import get_task
from tunelab.report.report import to_html

SMALL = ConfirmationSpec(("wine",), sweeps=1, planted=1, trials=4, max_epochs=3, seeds=2, top=1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ConfirmationResults]:
    folder = tmp_path_factory.mktemp("bench") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda pid: {0})  # no processes to start
        return folder, run(SMALL, folder, lambda text: None)


def test_shuffled_labels_are_the_same_labels_elsewhere() -> None:
    splits = get_task("wine").load()
    noise = shuffled(splits, 1)
    before, after = splits.training.arrays, noise.training.arrays
    assert np.array_equal(before["x_train"], after["x_train"])
    together = [np.concatenate([arrays["y_train"], arrays["y_val"]]) for arrays in (before, after)]
    assert np.array_equal(np.sort(together[0]), np.sort(together[1]))
    assert (together[0] != together[1]).mean() > 0.5
    assert np.array_equal(after["y_val"], shuffled(splits, 1).training.arrays["y_val"])


def test_every_case_is_simulated_and_reported(
    finished: tuple[Path, ConfirmationResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, results = finished
    assert [(s.task, s.case) for s in results.sweeps] == [("wine", case) for case in (NOISE, *PLANTED)]
    assert results.sweeps[2].reference > results.sweeps[2].winner
    assert to_html(make_confirmation_document(results)) == (folder / "report.html").read_text()
    assert "Where labels are noise, 0 of 1 sweeps" in verdict(results.sweeps)
    monkeypatch.setenv("TUNELAB_LANGUAGE", "ko")
    assert english(make_confirmation_document(results)) == []


def test_verify_finds_identical_sweeps_and_any_change(
    finished: tuple[Path, ConfirmationResults], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})
    folder, _ = finished
    original = (folder / RESULTS).read_text()
    content = json.loads(original)
    content[0]["winner"] += 1e-9
    (folder / RESULTS).write_text(json.dumps(content))
    of_file, of_sweep, *others = verify(folder)
    (folder / RESULTS).write_text(original)
    assert "its sha256 is not the lock's" in of_file
    assert "wine, noise, sweep 0: winner was" in of_sweep
    assert all(text.startswith("machine's ") for text in others)  # what is said where anything differs


def test_an_interrupted_benchmark_goes_on(finished: tuple[Path, ConfirmationResults], tmp_path: Path) -> None:
    folder = tmp_path / "again"

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda pid: {0})
        with pytest.raises(KeyboardInterrupt):
            run(SMALL, folder, interrupt)
        assert len((folder / "sweeps.jsonl").read_text().splitlines()) == 1
        again = run(SMALL, folder, lambda text: None)
    assert [replace(s, seconds=0.0) for s in again.sweeps] == [replace(s, seconds=0.0) for s in finished[1].sweeps]


def test_the_verdict_tells_when_confirmation_errs_too_often() -> None:
    one = Simulated("wine", NOISE, 0, True, True, True, False, 1.0, 1.0, 1.0, 9, 1.0)
    good = [replace(one, better=i < 5) for i in range(100)]
    assert "5 of 100" in verdict(good)
    assert "at most 5 % on every task" in verdict(good)
    assert "MORE THAN 5 %" in verdict([replace(one, better=i < 6) for i in range(100)])


def test_wilson_intervals_are_those_of_the_literature() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (low, high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 100) == pytest.approx((0.0, 0.0370), abs=1e-4)


@pytest.mark.slow
def test_on_noise_at_most_one_sweep_in_twenty_is_called_better() -> None:
    spec = ConfirmationSpec(("heart_disease",), trials=12, max_epochs=9)
    found = [simulate(spec, "heart_disease", NOISE, number) for number in range(40)]
    assert sum(s.searched_better for s in found) > 20  # what a search alone would have claimed
    assert sum(s.better for s in found) <= 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ConfirmationSpec(tasks=("wime",)), "Unknown table 'wime'. Did you mean 'wine'"),
        (ConfirmationSpec(tasks=("mnist",)), "Unknown table 'mnist'"),
        (ConfirmationSpec(sweeps=0), "--sweeps must be 1 or more, got 0"),
        (ConfirmationSpec(max_epochs=0), "--max-epochs must be 1 or more, got 0"),
    ],
)
def test_what_cannot_be_simulated_is_refused(spec: ConfirmationSpec, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(spec)
