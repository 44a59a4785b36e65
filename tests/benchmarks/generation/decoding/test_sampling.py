"""The distribution of the next token is transformers' own, for every filter and mixtures of them in one batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LogitsProcessorList
from transformers.generation import logits_process as hf

from benchmarks.generation.decoding.ngram_ban import NgramBan
from benchmarks.generation.decoding.sampling import RowSettings, choose, filtered, penalised
from benchmarks.generation.plan.settings import DecodingSettings

VOCABULARY = 700
MIXED = [
    DecodingSettings(),
    DecodingSettings(temperature=0.3),
    DecodingSettings(top_k=10),
    DecodingSettings(top_k=2000),
    DecodingSettings(top_p=0.9),
    DecodingSettings(temperature=3.0, top_p=0.99),  # nearly everything
    DecodingSettings(min_p=0.1),
    DecodingSettings(typical_p=0.9),
    DecodingSettings(repetition_penalty=2.0),
    DecodingSettings(temperature=0.9, top_k=50, repetition_penalty=2.0),
    DecodingSettings(temperature=1.2, top_k=40, top_p=0.95, min_p=0.02, typical_p=0.95, repetition_penalty=1.3),
]


def processors(s: DecodingSettings) -> LogitsProcessorList:
    """transformers' classes in the order of its ``generate``."""
    chain = LogitsProcessorList()
    if s.repetition_penalty != 1:
        chain.append(hf.RepetitionPenaltyLogitsProcessor(s.repetition_penalty))
    chain.append(hf.TemperatureLogitsWarper(s.temperature))
    if s.top_k:
        chain.append(hf.TopKLogitsWarper(s.top_k))
    if s.top_p < 1:
        chain.append(hf.TopPLogitsWarper(s.top_p))
    if s.min_p > 0:
        chain.append(hf.MinPLogitsWarper(s.min_p))
    if s.typical_p < 1:
        chain.append(hf.TypicalLogitsWarper(s.typical_p))
    return chain


def distributions(choices: list[DecodingSettings], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ours and transformers' probabilities, shape (settings, vocabulary) each."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(len(choices), VOCABULARY, generator=generator)
    context = torch.randint(VOCABULARY, (len(choices), 30), generator=generator)
    seen = torch.zeros(len(choices), VOCABULARY, dtype=torch.bool).scatter(1, context, True)
    rows = RowSettings.from_settings(choices)
    ours = filtered(penalised(logits, seen, rows), rows).softmax(-1)
    theirs = [processors(s)(context[i : i + 1], logits[i : i + 1].clone()) for i, s in enumerate(choices)]
    return ours, torch.cat(theirs).softmax(-1)


@pytest.mark.parametrize("seed", range(5))
def test_mixed_settings_in_one_batch_have_transformers_distributions(seed: int) -> None:
    ours, theirs = distributions(MIXED, seed)
    assert torch.equal(ours > 0, theirs > 0)
    assert torch.allclose(ours, theirs, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        DecodingSettings,
        temperature=st.floats(0.1, 5),
        top_k=st.integers(0, 800),
        top_p=st.floats(0.05, 1),
        min_p=st.floats(0, 0.5),
        typical_p=st.floats(0.1, 1),
        repetition_penalty=st.floats(1, 3),
    ),
    st.integers(0, 10_000),
)
def test_any_setting_has_transformers_distribution(decoding: DecodingSettings, seed: int) -> None:
    ours, theirs = distributions([decoding], seed)
    # a token exactly at a threshold may fall on either side by rounding; its weight is then all that may differ
    edge = (ours > 0) != (theirs > 0)
    assert int(edge.sum()) <= 1
    assert torch.allclose(ours[~edge], theirs[~edge], atol=float(torch.where(edge, ours + theirs, 0.0).max()) + 1e-5)


def test_uniform_numbers_draw_tokens_in_proportion() -> None:
    choices = [DecodingSettings(temperature=0.7, top_k=20)]
    rows = RowSettings.from_settings(choices)
    scores = filtered(torch.randn(1, VOCABULARY, generator=torch.Generator().manual_seed(0)), rows)
    grid = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    drawn = choose(scores.expand(len(grid), -1), grid, torch.zeros(len(grid), dtype=torch.bool))
    shares = torch.bincount(drawn, minlength=VOCABULARY) / len(grid)
    assert torch.allclose(shares, scores.softmax(-1)[0], atol=1e-4)  # two steps of the grid


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_kept_tokens(uniform: float) -> None:
    scores = torch.full((1, 9), -torch.inf)
    scores[0, [3, 5]] = torch.tensor([0.0, -80.0])
    token = choose(scores, torch.tensor([uniform], dtype=torch.float64), torch.tensor([False]))
    assert torch.isfinite(scores[0, token])


def test_greedy_rows_take_the_likeliest() -> None:
    scores = torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.0, 1.0]])
    chosen = choose(scores, torch.tensor([0.0, 0.0], dtype=torch.float64), torch.tensor([True, False]))
    assert chosen.tolist() == [1, 0]


@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_the_ngram_ban_is_transformers(size: int, tokens: list[int]) -> None:
    banned = hf.NoRepeatNGramLogitsProcessor(size)(torch.tensor([tokens]), torch.zeros(1, 4))
    assert NgramBan(size, tokens).banned() == set(torch.isinf(banned[0]).nonzero().flatten().tolist())
