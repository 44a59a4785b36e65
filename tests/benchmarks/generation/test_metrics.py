"""Metrics on texts whose values can be worked out by hand; statistics on numbers with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generation import metrics as m
from benchmarks.generation.figures import pareto_front
from benchmarks.generation.quality import HUMAN, QualityTable, Row, Scored, measure
from benchmarks.generation.samples import Sample
from benchmarks.generation.scorer import CharacterNgram
from benchmarks.generation.statistics import compare, mean_interval, sign_flip_p


def test_known_values() -> None:
    assert m.distinct(m.ngrams([1, 1, 2], 1)) == pytest.approx(2 / 3)
    assert m.sequence_repetition([1, 2, 3, 4, 1, 2, 3, 4], 4) == pytest.approx(1 / 5)
    assert m.repeated_share([1, 2, 3, 4, 1, 2, 3, 4], 4) == pytest.approx(2 / 5)
    assert m.zipf_exponent(["a"] * 12 + ["b"] * 6 + ["c"] * 4 + ["d"] * 3) == pytest.approx(1)
    assert m.self_bleu(["모든 국민은 평등하다", "모든 국민은 평등하다"]) == pytest.approx(100)
    assert m.self_bleu(["가나다라마", "바사아자차"]) == 0
    assert m.hangul_share("가a 나b") == 0.5
    assert m.jamo_share("ㅋㅋ 하하") == 0.5


def test_undefined_is_nan_not_zero() -> None:
    undefined = [m.distinct([]), m.sequence_repetition([1], 2), m.self_bleu(["하나"]), m.zipf_exponent([1, 1])]
    assert all(math.isnan(value) for value in undefined)


@given(st.lists(st.text("가나다 ab", max_size=30), min_size=2, max_size=4))
def test_measures_stay_in_their_range(texts: list[str]) -> None:
    assert 0 <= m.self_bleu(texts) <= 100 + 1e-9
    grams = m.pooled_ngrams(texts, 2)
    assert len(grams) == sum(len(m.ngrams(t, 2)) for t in texts)
    assert not grams or 0 < m.distinct(grams) <= 1


def scored(setting: str, prompt: int, repeat: int, tokens: tuple[int, ...], nats: float) -> Scored:
    text = "".join(chr(ord("가") + t) for t in tokens)
    return Scored(Sample(setting, prompt, repeat, 0, True, -nats * len(tokens), tokens, text), 2.0, len(tokens), 0)


def test_diversity_is_compared_at_equal_counts() -> None:
    """Twice the text of the same kind must not look less diverse."""
    rng = np.random.default_rng(0)
    items = [
        scored(name, prompt, repeat, tuple(int(t) for t in rng.integers(0, 30, length)), 3.0)
        for name, length in (("short", 20), ("long", 80))
        for prompt in range(8)
        for repeat in range(3)
    ]
    short, long = measure(items, range(8)).rows
    assert short.figures["distinct_1"] == pytest.approx(long.figures["distinct_1"], abs=0.05)
    assert short.figures["distinct_2"] == pytest.approx(long.figures["distinct_2"], abs=0.08)


def test_human_text_gives_distances_only_where_it_is_known_for_all_prompts() -> None:
    items = [scored("a", p, r, (1, 2, 3, 4), 2.0) for p in (0, 1) for r in (0, 1)]
    items.append(scored(HUMAN, 0, 0, (1, 2, 3, 5), 3.5))
    assert measure(items, [0]).row("a").figures["human_distance"] == pytest.approx(1.5)
    assert measure(items, [0, 1]).human is None
    assert "human_distance" not in measure(items, [0, 1]).row("a").figures


def test_perplexity_is_per_token_over_all_texts() -> None:
    items = [scored("a", 0, 0, (1,), 1.0), scored("a", 0, 1, (1, 2, 3), 3.0)]
    assert measure(items, [0]).row("a").figures["perplexity"] == pytest.approx(math.exp((1 + 9) / 4))


def table(differences: np.ndarray) -> QualityTable:
    rows = [Row("base", 1, {}, {"nll": np.zeros(len(differences))})]
    rows += [Row(f"s{i}", 1, {}, {"nll": differences + i}) for i in range(3)]
    return QualityTable(tuple(range(len(differences))), tuple(rows), {})


def test_a_clear_difference_is_found_and_none_is_not() -> None:
    noise = np.random.default_rng(1).normal(0, 0.3, 16)
    found = compare(table(noise - noise.mean()), "base", 0, ["nll"])
    assert [c.p_holm < 0.05 for c in found] == [False, True, True]
    assert found[1].low < 1 < found[1].high
    assert found[0].detectable == pytest.approx(2.8 * float(np.std(noise, ddof=1)) / 4)


def test_holm_is_never_below_p_and_keeps_the_order() -> None:
    found = compare(table(np.random.default_rng(2).normal(0.3, 1, 12)), "base", 0, ["nll"])
    smallest = min(found, key=lambda c: c.p)
    assert smallest.p_holm == pytest.approx(min(1, 3 * smallest.p))
    assert all(c.p_holm >= c.p for c in found)


def test_few_prompts_are_indicative() -> None:
    assert all(c.indicative for c in compare(table(np.array([1.0, 1.1, 0.9, 1.2, 1.0])), "base", 0, ["nll"]))


def test_false_positives_keep_their_rate() -> None:
    """200 comparisons without a difference: at most 5 % + three standard errors are called different."""
    rng = np.random.default_rng(3)
    hits = sum(sign_flip_p(rng.normal(0, 1, 10), 0) < 0.05 for _ in range(200))
    assert hits <= 200 * (0.05 + 3 * math.sqrt(0.05 * 0.95 / 200))


def test_equal_differences_give_a_point() -> None:
    assert mean_interval(np.full(5, 0.25), 0) == (0.25, 0.25)


def test_pareto_front() -> None:
    assert pareto_front([(1, 3), (2, 2), (3, 1), (3, 3), (math.nan, 0)]) == [0, 1, 2]


def test_the_character_model_is_a_distribution_and_prefers_its_own_text() -> None:
    model = CharacterNgram(["모든 국민은 법 앞에 평등하다", "모든 국민은 신체의 자유를 가진다"], "two sentences")
    alphabet = list(model.counts[""])
    assert sum(model.probability("국민은 ", c) for c in alphabet) == pytest.approx(1, abs=0.05)  # rest: unseen ones
    (known, n), (odd, k) = model.score([("모든", " 국민은 법"), ("모든", " 튛녀븅 룹")])
    assert known / n < odd / k
