"""Methods at equal effort: the number of tries is no advantage, and two names of one method are rarely told apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.generation.plan.settings import parse_settings
from benchmarks.generation.scoring.equal_effort import EqualEffort, best_of_weights, compare_methods

PROMPTS = 12
CHOOSING, JUDGING = range(0, PROMPTS, 2), range(1, PROMPTS, 2)


def simulated(rng: np.random.Generator, sizes: tuple[int, ...], means: tuple[float, ...]) -> EqualEffort:
    """A benchmark whose settings differ by prompt, in themselves, and by luck; a method's mean is given."""
    prompts = rng.gamma(2.0, 0.3, PROMPTS)  # some prompts are hard for every setting
    gaps = {
        f"method {m}": {
            f"setting {s}": np.abs(prompts + mean + rng.normal(0, 0.3) + rng.normal(0, 0.3, PROMPTS))
            for s in range(size)
        }
        for m, (size, mean) in enumerate(zip(sizes, means, strict=True))
    }
    return compare_methods(gaps, list(CHOOSING), list(JUDGING), seed=1)


@pytest.mark.parametrize("tries", [1, 2, 4, 5])
def test_best_of_n_is_the_mean_over_all_ways_to_draw_n_settings(tries: int) -> None:
    rng = np.random.default_rng(tries)
    gaps = {f"s{i}": rng.random(PROMPTS) for i in range(5)}
    [curve] = compare_methods({"m": gaps}, list(CHOOSING), list(JUDGING), seed=1).curves
    drawn = [min(names, key=lambda name: gaps[name][CHOOSING].mean()) for names in itertools.combinations(gaps, tries)]
    assert curve.values[tries - 1] == pytest.approx(np.mean([gaps[name][JUDGING].mean() for name in drawn]))
    assert best_of_weights(5, tries).sum() == pytest.approx(1)


@pytest.mark.parametrize("sizes", [(5, 5), (3, 7), (4, 4, 4)], ids=str)
def test_two_names_of_one_method_differ_in_at_most_one_of_twenty_benchmarks(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(20)
    found = [simulated(rng, sizes, (0.0,) * len(sizes)) for _ in range(200)]
    assert all(d.decidable for effort in found for d in effort.differences)
    assert sum(any(d.significant for d in effort.differences) for effort in found) <= 10  # 5 % of 200


def test_a_better_method_is_found() -> None:
    rng = np.random.default_rng(20)
    found = [simulated(rng, (5, 5), (0.0, 1.0)).differences[0] for _ in range(40)]
    assert sum(d.significant and d.difference < 0 for d in found) > 30


def test_more_settings_are_an_advantage_only_where_effort_is_not_equal() -> None:
    rng = np.random.default_rng(20)
    found = [simulated(rng, (2, 12), (0.0, 0.0)) for _ in range(200)]
    unequal = np.array([few.values[-1] - many.values[-1] for few, many in (effort.curves for effort in found)])
    equal = np.array([effort.differences[0].difference for effort in found])
    error = equal.std() / len(equal) ** 0.5
    assert unequal.mean() > 6 * error  # the best of twelve looks better than the best of two of the same method
    assert abs(equal.mean()) < 3 * error


def test_few_settings_are_said_to_decide_nothing() -> None:
    effort = simulated(np.random.default_rng(1), (2, 2, 1), (0.0, 9.0, 0.0))
    assert [(d.first, d.second) for d in effort.differences] == [("method 0", "method 1")]  # one setting: not compared
    assert not effort.differences[0].decidable
    assert not effort.differences[0].significant


@pytest.mark.parametrize(
    ("values", "method"),
    [
        ({"temperature": 0.3, "repetition_penalty": 1.2}, "sampling"),
        ({"top_k": 50, "temperature": 0.9}, "top-k sampling"),
        ({"top_k": 50, "top_p": 0.9}, "top-k and top-p sampling"),
        ({"typical_p": 0.9}, "typical sampling"),
        ({"mode": "greedy", "no_repeat_ngram_size": 3}, "greedy"),
        ({"mode": "beam", "num_beams": 4}, "beam search"),
        ({"mode": "beam_sample", "num_beams": 5, "temperature": 1.5}, "beam sampling"),
    ],
)
def test_the_fields_of_a_setting_say_its_method(values: dict[str, object], method: str) -> None:
    assert parse_settings(values).method == method
