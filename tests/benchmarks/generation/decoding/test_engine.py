"""The engine writes what a sequence alone would give, whatever else is in the batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks.generation.decoding.engine import Continuation, Engine, Job, continuation_seed, uniforms
from benchmarks.generation.decoding.log_probabilities import log_probabilities
from benchmarks.generation.decoding.reference import generate_continuations, generate_tokens
from benchmarks.generation.measure.writer import Writer, load_writer
from benchmarks.generation.plan.settings import DecodingSettings
from benchmarks.generation.plan.spec import DEFAULT_SPEC, read_spec, resolve

SETTINGS = [
    DecodingSettings(max_new_tokens=24),
    DecodingSettings(temperature=0.5, top_k=20, max_new_tokens=24),
    DecodingSettings(top_p=0.9, max_new_tokens=9),
    DecodingSettings(repetition_penalty=2.0, max_new_tokens=40),
    DecodingSettings(temperature=0.7, no_repeat_ngram_size=2, max_new_tokens=40),
    DecodingSettings(mode="greedy", max_new_tokens=24),
]
PROMPTS = ("모든 국민은", "대한민국의 주권은 국민에게 있고", "이 법은 공포 후", "국회")


@pytest.fixture(scope="module")
def writer() -> Writer:
    return load_writer(resolve(read_spec(DEFAULT_SPEC)))


@pytest.fixture(scope="module")
def jobs(writer: Writer) -> list[Job]:
    return [
        Job(writer.prompt_ids(prompt), settings, continuation_seed(0, prompt, repeat))
        for settings in SETTINGS
        for prompt in PROMPTS
        for repeat in range(2)
    ]


@pytest.fixture(scope="module")
def made(writer: Writer, jobs: list[Job]) -> list[Continuation]:
    return writer.engine.generate(jobs)


def test_the_same_call_gives_the_same(writer: Writer, jobs: list[Job], made: list[Continuation]) -> None:
    assert writer.engine.generate(jobs) == made


@pytest.mark.parametrize("rows", [1, 5, 32])
def test_batch_size_does_not_matter(writer: Writer, jobs: list[Job], made: list[Continuation], rows: int) -> None:
    other = Engine(writer.model, writer.facts.eos_id, rows).generate(jobs)
    unequal = sum(a.token_ids != b.token_ids for a, b in zip(made, other, strict=True))
    assert unequal <= 1  # of 48: rounding ties turned 1 of 320 when measured


def test_other_jobs_do_not_matter(writer: Writer, jobs: list[Job], made: list[Continuation]) -> None:
    some = list(range(0, len(jobs), 7))
    alone = writer.engine.generate([jobs[i] for i in reversed(some)])
    assert [made[i].token_ids for i in reversed(some)] == [c.token_ids for c in alone]


def test_greedy_is_that_of_generate(writer: Writer) -> None:
    settings = DecodingSettings(mode="greedy", repetition_penalty=1.3, no_repeat_ngram_size=3, max_new_tokens=30)
    prompts = [writer.prompt_ids(text) for text in PROMPTS]
    ours = writer.engine.generate([Job(ids, settings, 0) for ids in prompts])
    theirs = generate_continuations(writer.model, prompts, settings, writer.facts.eos_id)
    assert [(c.token_ids, c.ended) for c in ours] == [(c.token_ids, c.ended) for c in theirs]


def test_beam_sampling_depends_on_a_texts_own_seed_alone(writer: Writer) -> None:
    settings = DecodingSettings(
        mode="beam_sample", num_beams=3, temperature=1.5, repetition_penalty=1.2, max_new_tokens=8
    )
    prompts = [writer.prompt_ids(PROMPTS[0])] * 2 + [writer.prompt_ids(PROMPTS[1])]
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    together = generate_continuations(writer.model, prompts, settings, writer.facts.eos_id, [1, 2, 2**64 - 1])
    assert torch.equal(torch.random.get_rng_state(), before)
    second = generate_continuations(writer.model, prompts[1:2], settings, writer.facts.eos_id, [2])
    assert second[0].token_ids == together[1].token_ids
    assert together[0].token_ids != together[1].token_ids  # repeats differ


def test_log_probabilities_are_those_of_the_whole_text(
    writer: Writer, jobs: list[Job], made: list[Continuation]
) -> None:
    whole = log_probabilities(writer.model, [(j.prompt, c.token_ids) for j, c in zip(jobs, made, strict=True)])
    assert [c.log_probability for c in made] == pytest.approx(whole, abs=1e-3)


def test_lengths_and_ends(writer: Writer, jobs: list[Job], made: list[Continuation]) -> None:
    for job, text in zip(jobs, made, strict=True):
        assert writer.facts.eos_id not in text.token_ids
        assert len(text.token_ids) < job.settings.max_new_tokens if text.ended else True
        assert text.ended or len(text.token_ids) == job.settings.max_new_tokens
    fixed = writer.engine.generate(jobs, ignore_eos=True)
    assert [len(c.token_ids) for c in fixed] == [j.settings.max_new_tokens for j in jobs]


def test_a_longer_limit_goes_on_from_the_shorter(writer: Writer, jobs: list[Job], made: list[Continuation]) -> None:
    longer = [replace(j, settings=replace(j.settings, max_new_tokens=48)) for j in jobs]
    for short, long in zip(made, writer.engine.generate(longer), strict=True):
        assert long.token_ids[: len(short.token_ids)] == short.token_ids


def test_a_prompt_of_one_token(writer: Writer) -> None:
    job = Job((writer.facts.bos_id,), DecodingSettings(mode="greedy", max_new_tokens=5), 0)
    theirs = generate_tokens(writer.model, [job.prompt], job.settings, writer.facts.eos_id)[0]
    ours = writer.engine.generate([job])[0]
    assert list(ours.token_ids) == [t for t in theirs if t != writer.facts.eos_id]
    assert writer.engine.generate([]) == []


def test_seeds_follow_run_prompt_and_repeat() -> None:
    keys = [(run, prompt, repeat) for run in (0, 1) for prompt in ("가", "나") for repeat in (0, 1)]
    assert len({continuation_seed(*key) for key in keys}) == len(keys)
    assert uniforms(7, 40)[:11].tolist() == uniforms(7, 11).tolist()
