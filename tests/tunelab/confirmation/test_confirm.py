"""Confirmation: its statistics, who is compared with whom, when it is made unasked, and whose model is kept."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from trainables import get_task
from tunelab.analysis.caveats import caveats
from tunelab.confirmation.audit import audit
from tunelab.confirmation.confirm import candidates, choose_winner, confirm_count, confirm_with
from tunelab.confirmation.statistics import compare, dunnett, holm, mean_interval, paired_p, permutation_p, seeds_p
from tunelab.confirmation.verdict import NO_TRIAL, decide_verdict
from tunelab.evaluation.evaluate import evaluate
from tunelab.evaluation.weights import LeadingWeights
from tunelab.figures.worker import FigureProcess
from tunelab.launch.local import search_here
from tunelab.launch.resources import Resources
from tunelab.launch.retraining import retrain_here, train_with_weights
from tunelab.records.assessment.confirmation import Confirmation, ConfirmationRow
from tunelab.records.best import Best
from tunelab.records.result import SweepResult
from tunelab.records.spec import SweepSpec
from tunelab.records.tracking_store import NullStore
from tunelab.records.trial import Epoch, TrialRecord, TrialStatus

RNG = np.random.default_rng(0)


def trial(number: int, losses: list[float], config: Any, status: TrialStatus = TrialStatus.FINISHED) -> TrialRecord:
    """A trial of at most 20 epochs of half a second."""
    epochs = tuple(Epoch(i + 1, loss, {}, (i + 1) / 2) for i, loss in enumerate(losses))
    return TrialRecord(number, {}, config, number, 20, status, epochs)


def test_holm_multiplies_by_what_is_left() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_dunnett_is_the_chance_of_the_best_of_many_that_share_a_reference() -> None:
    draws = (RNG.normal(size=(200_000, 24)) + RNG.normal(size=(200_000, 1))) / math.sqrt(2)
    p = 0.002
    assert dunnett(p, 24) == pytest.approx((draws.max(axis=1) > stats.norm.isf(p)).mean(), abs=0.002)
    assert dunnett(p, 1) == pytest.approx(p)
    assert dunnett(1e-12, 50) == pytest.approx(50e-12, rel=0.01)
    assert p < dunnett(p, 24) < 24 * p


def test_intervals_and_paired_tests_are_the_known_ones() -> None:
    values = [1.0, 2.0, 4.0, 5.0]
    mean, half_width = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))
    assert mean_interval([2.0]) == (2.0, math.inf)
    assert mean_interval([0.1] * 3)[1] == 0.0  # whose standard deviation is 1.7e-17
    (same,) = compare(
        [[0.1] * 3], [0.3 - 0.2] * 3, searched=1, candidate_rows=[None], reference_rows=None, constant_rows=None
    )
    assert (same.mean, same.half_width, same.is_better) == (0.0, 0.0, False)
    a, b = RNG.normal(size=30), RNG.normal(size=30) + 0.3
    assert paired_p(a, b) == pytest.approx(stats.ttest_rel(a, b, alternative="less").pvalue)
    assert paired_p(a, a) == 1.0


def test_over_seeds_a_bad_one_hides_no_difference() -> None:
    a, b = [0.20, 0.21, 0.22, 0.21, 0.20], [0.6, 0.7, 0.8, 1.0, 3.9]
    assert permutation_p(a, b) == pytest.approx(1 / 252)
    assert seeds_p(a, b) == pytest.approx(2 / 252)
    assert seeds_p(b, a) == 1.0
    same = [0.5, 0.6, 0.7, 0.8, 0.9]
    assert permutation_p(same, same) > 0.5
    welch = stats.ttest_ind(a[:3], [0.3, 0.31, 0.29], equal_var=False, alternative="less").pvalue
    assert seeds_p(a[:3], [0.3, 0.31, 0.29]) == pytest.approx(2 * welch)  # three seeds: 20 deals tell too little
    assert permutation_p(list(range(20)), list(range(20))) == 1.0


def rows(mean: float, n: int = 200) -> np.ndarray:
    return RNG.normal(mean, 0.3, n)


def test_better_must_hold_over_seeds_over_rows_and_against_a_constant() -> None:
    good, reference = [1.0, 1.01, 0.99, 1.0, 1.02], [2.0, 2.02, 1.99, 2.0, 2.01]
    same = [1.99, 2.03, 2.0, 1.98, 2.02]
    shared: dict[str, Any] = {"searched": 20, "reference_rows": rows(2.0)}
    candidate: dict[str, Any] = {"candidate_rows": [rows(1.0), rows(2.0)], "constant_rows": rows(3.0)}
    first, second = compare([good, same], reference, **candidate, **shared)
    assert first.is_better
    assert first.mean == pytest.approx(-1.0, abs=0.01)
    assert not second.is_better
    no_signal = {**candidate, "constant_rows": rows(1.0)}  # a constant predicts as well
    assert not compare([good, same], reference, **no_signal, **shared)[0].is_better
    few_rows = {**candidate, "candidate_rows": [rows(1.9), rows(2.0)]}  # seeds agree, rows do not
    assert not compare([good, same], reference, **few_rows, **shared)[0].is_better


def test_the_verdict_names_the_winner_and_says_when_it_is_not_better() -> None:
    good, reference = [1.0, 1.01, 0.99], [2.0, 2.02, 1.99]
    per_row = {3: rows(1.0), 0: rows(2.0)}
    found = decide_verdict({3: good, 0: reference}, per_row, 0, rows(3.0), 20)
    assert (found.winner, found.reference, found.better) == (3, 0, True)
    assert "trial 3 is better than the reference" in found.verdict
    assert [row.name for row in found.rows] == ["trial 3", "reference"]

    worse = decide_verdict({3: reference, 0: good}, {3: per_row[0], 0: per_row[3]}, 0, rows(3.0), 20)
    assert (worse.winner, worse.better) == (0, False)
    assert "No trial is better than the reference" in worse.verdict

    alike = decide_verdict({3: [1.99, 2.01, 2.0], 0: reference}, {3: rows(2.0), 0: rows(2.0)}, 0, rows(3.0), 20)
    assert alike.better is False
    assert "No difference to the reference is shown" in alike.verdict

    failed = decide_verdict({3: [1.0], 5: [1.1, 1.2, 1.1], 0: reference}, {3: None, 5: None, 0: None}, 0, None, 20)
    assert failed.winner == 5  # whose every run has a result
    alone = decide_verdict({3: good}, {3: None}, None, None, 20)
    assert (alone.better, alone.reference) == (None, None)
    assert "no reference to compare with" in alone.verdict


def test_a_reference_that_no_trial_had_can_be_best_but_not_win() -> None:
    found = decide_verdict(
        {3: [2.0, 2.1, 2.0], NO_TRIAL: [1.0, 1.1, 1.0]}, {3: None, NO_TRIAL: None}, NO_TRIAL, None, 9
    )
    assert (found.winner, found.reference, found.better) == (3, None, False)
    assert [row.trial for row in found.rows] == [None, 3]
    assert "No trial is better than the reference" in found.verdict


@pytest.fixture(scope="module")
def searched() -> SweepResult:
    """A search on wine whose first trial was the reference and some of whose trials were stopped."""
    task = get_task("wine")
    return search_here(SweepSpec(task="wine", trials=9, max_epochs=9, grace_period=1), task, task.load())


def test_the_reference_is_the_tasks_own_configuration_whoever_had_it(searched: SweepResult) -> None:
    task = get_task("wine")
    own = task.space().config(task.reference)
    assert [t.number for t in candidates(searched, task, 2)][-1] == 0
    others = tuple(replace(t, config={**t.config, "lr": 0.01}) for t in searched.trials)  # as with --set lr=0.01
    chosen = candidates(replace(searched, trials=others), task, 2)
    assert [t.number for t in chosen[:2]] == [t.number for t in searched.ranked()[:2]]
    assert (chosen[2].number, chosen[2].config, chosen[2].epochs) == (NO_TRIAL, own, ())
    task.reference = {}
    assert len(candidates(searched, task, 2)) == 2


def test_confirmation_is_made_unasked_only_where_it_is_cheap(searched: SweepResult) -> None:
    task = get_task("wine")
    own = task.space().config(task.reference)
    reference = trial(0, [1.0] * 20, own)
    good = [trial(n, [0.5 + n / 100] * 4, {"x": n}) for n in (1, 2, 3)]  # stopped improving after 4 of 20 epochs
    many = [trial(n, [2.0], {"x": n}, TrialStatus.STOPPED) for n in range(4, 1000)]

    def top(count: int, **changes: Any) -> int:
        trials = (reference, *good, *many[:count])
        spec = searched.spec.model_copy(update={"deterministic": changes.pop("deterministic", False)})
        result = replace(searched, trials=trials, spec=spec, concurrency=2, fit_seconds=0.0, **changes)
        return confirm_count(result, task, None, 5)

    assert top(10) == 0  # a small sweep
    assert top(300) == 0
    assert top(460) == 1  # 5 x (20 + 4) epochs are under a quarter of 492
    assert top(700) == 3  # 5 x (20 + 4 + 4 + 4) epochs of 732
    assert top(300, deterministic=True) == 0
    assert top(460, deterministic=True) == 1
    assert confirm_count(searched, task, 7, 5) == 7
    assert confirm_count(searched, task, 0, 5) == 0


def test_a_stopped_trial_is_finished_the_way_it_began(searched: SweepResult) -> None:
    task = get_task("wine")
    data = task.load().training
    stopped = next(t for t in searched.trials if t.status is TrialStatus.STOPPED)
    whole, weights = train_with_weights(stopped, task, data)
    last = stopped.epochs[-1].epoch
    assert [(e.epoch, e.val_loss) for e in whole.epochs[:last]] == [(e.epoch, e.val_loss) for e in stopped.epochs]
    assert whole.status is TrialStatus.FINISHED
    assert len(whole.epochs) > last
    assert whole.val_loss <= stopped.val_loss
    assert weights


def test_the_real_reference_is_trained_where_no_trial_had_it(searched: SweepResult, tmp_path: Path) -> None:
    task = get_task("wine")
    splits = task.load()
    trials = tuple(replace(t, config={**t.config, "lr": 0.02}, max_epochs=3) for t in searched.trials)
    seen: list[dict[str, Any]] = []

    def train(plans: Any) -> list[TrialRecord]:
        seen.extend(dict(plan.config) for plan in plans)
        return retrain_here(plans, task, splits.training)

    found = confirm_with(
        train, replace(searched, trials=trials), task, splits, top=1, seeds=2, storage=str(tmp_path / "confirm")
    )
    own = task.space().config(task.reference)
    assert [config == own for config in seen] == [False, False, True, True]
    assert found.reference is None
    assert {row.name for row in found.rows} == {"reference", f"trial {found.winner}"}
    assert all(p is not None for row in found.rows if row.trial is not None for p in (row.p_seeds, row.p_rows))
    assert not list((tmp_path / "confirm").rglob("*.safetensors"))


@pytest.fixture
def stopped_winner(searched: SweepResult) -> SweepResult:
    """A sweep whose confirmation chose a trial that the search had stopped."""
    last = [t for t in searched.ranked() if t.status is TrialStatus.STOPPED][-1]
    task = get_task("wine")
    seeds = [11, 12, 13]
    losses = [train_with_weights(replace(last, seed=seed), task, task.load().training)[0].val_loss for seed in seeds]
    row = ConfirmationRow(last.number, f"trial {last.number}", tuple(losses), 0, *mean_interval(losses))
    return replace(searched, confirmation=Confirmation((row,), last.number, None, None, None, "", tuple(seeds)))


def test_the_model_of_a_winner_that_was_stopped_comes_from_its_whole_run(
    stopped_winner: SweepResult, tmp_path: Path, figure_process: FigureProcess
) -> None:
    task = get_task("wine")
    steps: list[str] = []
    weights = LeadingWeights(str(tmp_path), 5)
    found = evaluate(
        stopped_winner, task, task.load(), weights, NullStore(), figure_process, steps.append, lambda moment: None
    )
    winner, best, confirmation = choose_winner(stopped_winner), found.best, stopped_winner.confirmation
    assert confirmation is not None
    assert best is not None
    assert best.trial == winner.number == confirmation.winner
    assert f"training trial {winner.number}, which the search had stopped, to its end" in steps
    assert best.val_loss == sorted(confirmation.rows[0].val_losses)[1]
    assert best.seed in confirmation.seeds
    assert best.epoch > winner.epochs[-1].epoch
    assert best.validation["log_loss"] == pytest.approx(best.val_loss, abs=1e-6)  # the model is the one reported

    unconfirmed = replace(stopped_winner, confirmation=None)
    best = evaluate(
        unconfirmed, task, task.load(), weights, NullStore(), figure_process, steps.append, lambda moment: None
    ).best
    assert best is not None
    assert best.seed is None
    assert best.val_loss == unconfirmed.ranked()[0].val_loss


def test_the_audit_compares_with_a_whole_run_of_the_winner(
    stopped_winner: SweepResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tunelab.confirmation.audit.retrain_on_ray", lambda plans, task, data, *rest: retrain_here(plans, task, data)
    )
    steps: list[str] = []
    task, winner, confirmation = get_task("wine"), choose_winner(stopped_winner), stopped_winner.confirmation
    assert confirmation is not None
    splits = task.load()
    found = audit(stopped_winner, task, splits, Resources(1.0, 0.0, None, None), count=9, log=steps.append)
    assert found is not None
    assert found.winner_val_loss == sorted(confirmation.rows[0].val_losses)[1]
    audited = [row.trial for row in found.rows]
    stopped = [t.number for t in stopped_winner.trials if t.status is TrialStatus.STOPPED]
    assert sorted([*audited, winner.number]) == stopped

    finished = replace(stopped_winner, trials=stopped_winner.trials[:1], confirmation=None)
    assert audit(finished, task, splits, Resources(1.0, 0.0, None, None), count=2, log=steps.append) is None
    assert steps[-1] == "--audit 2: no trial was stopped early, so there is nothing to finish"


def test_a_sweep_that_was_not_confirmed_says_so_and_what_it_would_cost(searched: SweepResult) -> None:
    first = searched.ranked()[0]
    result = replace(searched, best=Best(first.number, "", first.val_loss, 1, {}))
    assert re.search(r"^Not confirmed on fresh seeds: .* --confirm-top 3 would take about \d+ s", caveats(result)[0])
    confirmed = Confirmation((), first.number, None, None, None, "Better.")
    assert not any("Not confirmed" in line for line in caveats(replace(result, confirmation=confirmed)))
