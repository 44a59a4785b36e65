"""A report of very many trials stays small and says what it leaves out."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from trainables import get_task
from tunelab.documents.blocks import Folded, Table
from tunelab.launch.local import search_here
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus
from tunelab.report.limits import every, thinned
from tunelab.report.report import make_document, to_html, to_markdown
from tunelab.report.search.importance import importance_section
from tunelab.report.trials import trials_section

MEGABYTE = 2**20
ERROR = "RuntimeError: " + "no memory is left on the device for this batch " * 5


@pytest.fixture(scope="module")
def base() -> SweepResult:
    task = get_task("wine")
    return search_here(SweepSpec(task="wine", trials=6, max_epochs=2, name="many"), task, task.load())


def many(base: SweepResult, count: int, epochs: int) -> SweepResult:
    """This many trials, an eighth of them whole, a tenth of them failed."""
    draw = random.Random(0)
    trials: list[TrialRecord] = []
    for number in range(count):
        like = base.trials[number % len(base.trials)]
        length = epochs if number % 8 == 0 else 3
        curve = tuple(Epoch(e, 1 / e + draw.random(), {"lr": 1e-3}, e * 0.1) for e in range(1, length + 1))
        status = TrialStatus.FINISHED if length == epochs else TrialStatus.STOPPED
        status = TrialStatus.FAILED if number % 10 == 9 else status
        params = {**like.params, "lr": 10 ** draw.uniform(-4, -2), "dropout": draw.random()}
        error = ERROR if status is TrialStatus.FAILED else ""
        began, run_id = 1e9 + number, f"{number:032x}"
        trial = TrialRecord(number, params, like.config, number, epochs, status, curve, began, began + 1, error, run_id)
        trials.append(trial)
    best = min((t for t in trials if t.has_result), key=lambda t: t.val_loss)
    return replace(base, trials=tuple(trials), best=Best(best.number, best.run_id, best.val_loss, 1, best.config))


def test_a_report_of_ten_thousand_trials_is_small_and_says_what_it_leaves_out(base: SweepResult) -> None:
    document = make_document(many(base, 10_000, 27))
    text = to_markdown(document)
    assert len(to_html(document).encode()) < 4 * MEGABYTE
    assert len(text.encode()) < MEGABYTE
    assert "of 10,000 trials" in text.partition("## All trials")[2]
    assert "tunelab results many --json" in text
    assert "The first 200 of 1,000." in text
    assert "The 300 best of 9,000 trials" in text
    assert text.count("of 9,000 trials: the best half of them, and an even selection of the others.") == 3


def test_a_report_of_long_curves_is_small(base: SweepResult) -> None:
    document = make_document(many(base, 100, 3000))
    text = to_markdown(document)
    assert len(to_html(document).encode()) < 4 * MEGABYTE
    assert "All 100 trials" in text
    assert "an even selection" not in text
    assert "Long curves are drawn through some of their epochs." in text


def test_thinning_keeps_the_best_and_spreads_over_the_rest() -> None:
    assert thinned(range(5), 5) == [0, 1, 2, 3, 4]
    kept = thinned(range(1000), 100)
    assert kept[:50] == list(range(50))
    assert len(kept) == len(set(kept)) == 100
    assert kept == sorted(kept)
    assert kept[-1] > 980
    assert every(range(10), 20) == list(range(10))
    some = every(range(1000), 100)
    assert (some[0], some[-1]) == (0, 999)
    assert len(some) <= 101


def test_the_winner_stands_out_among_all_trials_and_the_numbers_leave_out_what_has_no_share(base: SweepResult) -> None:
    result = many(base, 20, 3)
    assert result.best is not None
    (folded,) = trials_section(result).blocks
    assert isinstance(folded, Folded)
    (table,) = folded.blocks
    assert isinstance(table, Table)
    assert [table.rows[index][0] for index in table.marked] == [str(result.best.trial)]
    section = importance_section(result, {"lr": 0.9, "dropout": 0.1, "width": 0.0})
    assert section is not None
    (numbers,) = [inner for block in section.blocks if isinstance(block, Folded) for inner in block.blocks]
    assert isinstance(numbers, Table)
    assert [row[0] for row in numbers.rows] == ["lr", "dropout"]
    assert numbers.caption == "Hyperparameters without any share: 1."


def test_the_provenance_has_the_rows_of_each_split(base: SweepResult) -> None:
    data = replace(base.data, details={"rows": 10017, "moments": 1730})
    found = make_document(replace(many(base, 20, 3), data=data)).provenance
    assert found["rows"] == "113 train, 29 validation, 36 test"
    assert found["moments"] == "1,730"
