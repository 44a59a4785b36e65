"""Metrics on texts whose values can be worked out by hand; statistics on numbers with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.generation.decoding.samples import Sample
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.report.figures import pareto_front
from benchmarks.generation.scoring import metrics as m
from benchmarks.generation.scoring.quality import QualityTable, Row, Scored, measure
from benchmarks.generation.scoring.scorer import CharacterNgram
from benchmarks.generation.scoring.statistics import (
    can_decide,
    compare,
    mean_interval,
    nll_difference_interval,
    sign_flip_p,
)


def test_known_values() -> None:
    assert m.distinct(m.ngrams([1, 1, 2], 1)) == pytest.approx(2 / 3)
    assert m.sequence_repetition([1, 2, 3, 4, 1, 2, 3, 4], 4) == pytest.approx(1 / 5)
    assert m.repeated_share([1, 2, 3, 4, 1, 2, 3, 4], 4) == pytest.approx(2 / 5)
    assert m.zipf_exponent(["a"] * 12 + ["b"] * 6 + ["c"] * 4 + ["d"] * 3) == pytest.approx(1)
    assert m.self_bleu(["모든 국민은 평등하다", "모든 국민은 평등하다"]) == pytest.approx(100)
    assert m.self_bleu(["가나다라마", "바사아자차"]) == 0
    assert m.hangul_share("가a 나b") == 0.5
    assert m.jamo_share("ㅋㅋ 하하") == 0.5
    assert m.broken_share("하\ufffd 나다") == 0.25


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


def test_nearness_to_human_text_is_tested_by_prompt() -> None:
    """One setting is 0.2 nats off on every prompt, the baseline 2 nats, now above and now below: equal on average."""
    items = []
    for prompt in range(12):
        items.append(scored(HUMAN, prompt, 0, (1, 2, 3, 4), 3.0))
        items.append(scored("steady", prompt, 0, (1, 2, 3, 4), 3.2))
        items.append(scored("base", prompt, 0, (1, 2, 3, 4), 5.0 if prompt % 2 else 1.0))
    measured = measure(items, range(12))
    assert measured.row("steady").figures["human_distance"] == pytest.approx(0.2)
    assert measured.row("base").figures["human_distance"] == pytest.approx(0)
    assert measured.row("base").figures["human_gap"] == pytest.approx(2)
    (found,) = compare(measured, "base", 0, ["human_gap"])  # the human text itself is not a setting
    assert found.setting == "steady"
    assert found.difference == pytest.approx(-1.8)
    assert found.significant


def test_the_interval_of_a_distance_is_of_the_figure_that_tables_show() -> None:
    rng = np.random.default_rng(0)
    items = []
    for prompt in range(10):
        for name, nats in ((HUMAN, 3.0), ("a", 3.5)):
            tokens = tuple(range(int(rng.integers(2, 40))))
            items.append(scored(name, prompt, 0, tokens, nats + float(rng.normal(0, 0.3))))
    own, human = measure(items, range(10)).rows[::-1]
    low, high = nll_difference_interval(own, human, 0)
    shown = own.figures["nll"] - human.figures["nll"]
    assert low < shown < high
    assert shown == pytest.approx((low + high) / 2, abs=0.1)


def test_repetition_is_looked_for_in_equal_lengths() -> None:
    """The same loop, written on for longer, repeats no more of its first eight tokens."""
    short, long = (
        [scored(name, p, 0, (1, 2, 3, 4) * rounds, 1.0) for p in range(2)] for name, rounds in (("s", 2), ("l", 9))
    )
    cut, whole = measure([*short, *long], range(2), 8), measure([*short, *long], range(2))
    for metric in ("seq_rep_2", "seq_rep_4", "repeated_4"):
        assert cut.row("s").figures[metric] == cut.row("l").figures[metric]
        assert cut.row("s").by_prompt[metric].tolist() == cut.row("l").by_prompt[metric].tolist()
        assert whole.row("s").figures[metric] < whole.row("l").figures[metric]


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
    quantiles = 2.694 + 0.866  # of Student's t with 15 degrees of freedom at 1 - 0.025 / 3 and at 0.8
    assert found[0].detectable == pytest.approx(quantiles * float(np.std(noise, ddof=1)) / 4, rel=1e-3)


def test_holm_is_never_below_p_and_keeps_the_order() -> None:
    found = compare(table(np.random.default_rng(2).normal(0.3, 1, 12)), "base", 0, ["nll"])
    smallest = min(found, key=lambda c: c.p)
    assert smallest.p_holm == pytest.approx(min(1, 3 * smallest.p))
    assert all(c.p_holm >= c.p for c in found)


def test_what_so_few_prompts_cannot_find_is_not_called_detectable() -> None:
    """Eight prompts and three settings: 3 * 2 / 2**8 is below 5 %; with six prompts it is not."""
    found, hidden = (compare(table(np.linspace(-1, 1, n)), "base", 0, ["nll"]) for n in (8, 6))
    assert all(c.detectable > 0 for c in found)
    assert all(math.isnan(c.detectable) for c in hidden)
    assert not any(c.significant for c in hidden)
    assert [can_decide(8, 17), can_decide(10, 17)] == [False, True]


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
