"""A second model's opinion on texts of any length, whatever its tokenizer makes of the seam to the prompt."""

from __future__ import annotations

import pytest
import torch

from benchmarks.generation.scoring.scorer import ModelScorer, split_ids
from trainables.base.text.korean import bundled
from trainables.base.text.language_models.language_model import load_model
from trainables.base.text.language_models.model_folder import STANDIN


@pytest.fixture(scope="module")
def scorer() -> ModelScorer:
    return ModelScorer(str(STANDIN))


def test_a_text_that_fits_has_the_model_s_own_loss(scorer: ModelScorer) -> None:
    model, tokenizer, facts = load_model()
    prompt, continuation = "모든 국민은", " 법률이 정하는 바에 의하여 납세의 의무를 진다."
    ((nats, units),) = scorer.score([(prompt, continuation)])
    head = [facts.bos_id, *tokenizer(prompt, add_special_tokens=False).input_ids]
    whole = [facts.bos_id, *tokenizer(prompt + continuation, add_special_tokens=False).input_ids]
    labels = torch.tensor([[-100] * len(head) + whole[len(head) :]])
    assert units == len(whole) - len(head)
    assert nats == pytest.approx(float(model(torch.tensor([whole]), labels=labels).loss.detach()) * units, rel=1e-4)


def test_every_token_of_a_long_text_is_scored(scorer: ModelScorer) -> None:
    """Prompt and continuation are each longer than the model; a part that fits is not scored otherwise for that."""
    text = " ".join(document.text for document in bundled().train[:30])
    short, *long = scorer.score([(text[:20], text[20:200]), (text[:20], text[20:1200]), (text[:1200], text[1200:2000])])
    units = [len(split_ids(scorer.tokenizer, text[:a], text[a:b])[1]) for a, b in ((20, 1200), (1200, 2000))]
    assert units[0] > scorer.longest
    assert [found for _, found in long] == units
    assert all(0 < nats / found < 12 for nats, found in (short, *long))
    assert long[0][0] > short[0]


def test_a_token_that_lies_in_both_belongs_to_the_continuation(scorer: ModelScorer) -> None:
    head, tail = split_ids(scorer.tokenizer, "모든 국", "민은 평등하다")
    assert scorer.tokenizer.decode(head, clean_up_tokenization_spaces=False).strip() in ("모든", "모든 국")
    assert [*head, *tail] == scorer.tokenizer("모든 국민은 평등하다", add_special_tokens=False).input_ids
    assert split_ids(scorer.tokenizer, "모든 국민은", "") == (tuple(scorer.tokenizer("모든 국민은").input_ids), ())
    assert scorer.score([("모든 국민은", "")]) == [(0.0, 0)]
