"""The loss to expect on new rows: bias removed and intervals kept, where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trainables.base.kinds.registry import row_kind
from tunelab.confirmation.row_losses import block_losses
from tunelab.evaluation.optimism import (
    Chosen,
    Selection,
    Unseen,
    chosen_optimism,
    deconvolve,
    row_noise,
    single_optimism,
)
from tunelab.records.assessment.optimism import Optimism

TRIALS, ROWS = 24, 100
NOTHING = Unseen(np.zeros(1), False)


def draw(rng: np.random.Generator, truth: np.ndarray, rows: int) -> np.ndarray:
    """Return losses (trials, rows) around true means, correlated within a row."""
    shared, own = rng.standard_normal(rows), rng.standard_normal((len(truth), rows))
    return np.asarray(truth[:, None] + 0.9 * shared + 0.44 * own)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_most_of_the_bias_is_removed_and_intervals_hold_the_truth(spread: float) -> None:
    before, after, covered = [], [], 0
    for number in range(60):
        rng = np.random.default_rng(number)
        truth = 5 + spread * np.abs(rng.standard_normal(TRIALS))
        losses = draw(rng, truth, ROWS)
        order = losses.mean(axis=1).argsort()
        selection = Selection(losses[order[:12]], losses.mean(axis=1)[order[12:]].tolist())
        found = single_optimism(selection, NOTHING, 120, number)
        gap = draw(rng, truth, 120)[order[0]].mean() - losses[order[0]].mean()
        before.append(gap)
        after.append(gap - found.bias)
        covered += found.low <= gap <= found.high
    assert np.mean(before) > 0.05
    assert abs(np.mean(after)) < 0.5 * np.mean(before)  # 60 draws: their own noise is a third of the bias
    assert covered >= 52


def test_rows_that_depend_on_their_neighbours_are_drawn_in_blocks_and_make_wider_intervals() -> None:
    rows, length, covered = 200, 10, {True: 0, False: 0}
    blocks = np.arange(rows) // length
    for number in range(40):
        rng = np.random.default_rng(number)
        level = 0.9 * np.repeat(rng.standard_normal(2 * rows // length), length)  # what neighbours share
        losses = 5 + level + 0.3 * rng.standard_normal((4, 2 * rows))
        seen = losses[:, :rows]
        order = seen.mean(axis=1).argsort()
        gap = losses[order[0], rows:].mean() - seen[order[0]].mean()
        for drawn in (True, False):
            known = block_losses(seen[order], blocks) if drawn else seen[order]
            found = single_optimism(Selection(known), NOTHING, rows // length if drawn else rows, number)
            covered[drawn] += found.low <= gap <= found.high
    assert covered[True] >= 34  # of 40
    assert covered[False] <= 28


def test_blocks_are_named_in_the_sentence() -> None:
    by_itself = Optimism(0.1, 0.2, 0.1, 0.3, 140, 0.25, 5, 5, 0, 100)
    assert "for a test split of 140 rows: 0.1" in by_itself.sentence
    in_blocks = replace(by_itself, blocks=10)
    assert "of 140 rows, drawn in 10 blocks of consecutive moments: 0.1" in in_blocks.sentence


def test_a_clear_winner_has_next_to_no_bias() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.0, 9.0, 9.1, 9.2])
    found = single_optimism(Selection(draw(rng, truth, ROWS)), NOTHING, ROWS)
    assert abs(found.bias) < 0.02


def test_the_choice_of_the_epoch_adds_to_the_bias() -> None:
    rng = np.random.default_rng(1)
    losses = draw(rng, np.array([5.0, 9.0]), ROWS)
    curve = np.stack([losses[0], *(draw(rng, np.array([5.0]), ROWS)[0] for _ in range(20))])
    alone = single_optimism(Selection(losses), NOTHING, ROWS)
    assert single_optimism(Selection(losses, curves={0: curve}), NOTHING, ROWS).bias > alone.bias + 0.05


def test_rows_that_are_all_predicted_right_do_not_promise_it_for_new_rows() -> None:
    losses = np.stack([np.full(30, 1e-9), np.append(np.full(29, 0.01), 4.0)])
    blind = single_optimism(Selection(losses), NOTHING, 36)
    number = single_optimism(Selection(losses), Unseen(np.array([4.0]), False), 36)
    assert number.high > 0.1
    assert number.bias == blind.bias
    sure = row_kind("binary").contradicted_losses(np.full((30, 1), 8.0))  # p = 0.9997 for every row
    assert sure is not None
    classes = single_optimism(Selection(losses), Unseen(sure, True), 36)
    assert classes.bias - blind.bias == pytest.approx(8 / 31, rel=0.15)  # one row in n + 1 costs 8 nats
    assert classes.high > 0.2


def test_the_lucky_members_of_an_ensemble_move_towards_the_others() -> None:
    rng = np.random.default_rng(4)
    losses = draw(rng, np.full(TRIALS, 5.0), ROWS)
    means, noise = losses.mean(axis=1), row_noise(losses)
    lucky = means.argsort()[:4]
    chosen = Chosen(losses[lucky].mean(axis=0), means[lucky].tolist(), [0.25] * 4)
    found = chosen_optimism(chosen, means, noise, NOTHING, ROWS)
    assert found.bias == pytest.approx(means.mean() - means[lucky].mean(), rel=0.3)  # all are alike in truth
    assert found.low < 0 < found.high


def test_a_winner_chosen_by_other_means_moves_towards_the_others() -> None:
    rng = np.random.default_rng(2)
    losses = draw(rng, np.full(TRIALS, 5.0), ROWS)
    means = losses.mean(axis=1)
    low, high = means.argmin(), means.argmax()
    noise = row_noise(losses)
    for index, sign in ((low, 1), (high, -1)):
        chosen = Chosen(losses[index], [means[index]], [1.0])
        assert sign * chosen_optimism(chosen, means, noise, NOTHING, ROWS).bias > 0


def test_deconvolution_finds_one_mean_or_two() -> None:
    rng = np.random.default_rng(3)
    one = 5 + 0.1 * rng.standard_normal(200)
    prior = deconvolve(one, 0.1)
    assert (prior.posterior(one) @ prior.grid).std() < 0.05
    two = np.append(np.full(50, 1.0), np.full(50, 2.0))
    prior = deconvolve(two, 0.05)
    grid, posterior = prior.grid, prior.posterior(two)
    assert posterior[0] @ grid == pytest.approx(1.0, abs=0.02)
    assert posterior[-1] @ grid == pytest.approx(2.0, abs=0.02)
