"""The generation engine against transformers' ``generate``: speed and texts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.generation.decoding.engine import Engine, Job
from benchmarks.generation.decoding.reference import generate_continuations, generate_tokens
from benchmarks.generation.plan.settings import DecodingSettings
from benchmarks.gpu_check.row import Measured, Setting
from trainables.base.text.language_models.language_model import load_model

PROMPTS = ("오늘 날씨는", "우리 학교는", "서울에서 부산까지", "아침에 일어나서")
RUNS = 3  # interleaved, after one that warms up


def compare_generation(setting: Setting) -> Measured:
    """Decode greedily with the stand-in: tokens a second of both, and how many texts are identical.

    Texts may end early and are compared as they are; speed is measured at a fixed length, all texts together.
    """
    model, tokenizer, facts = load_model(device=setting.device)
    ids = [(facts.bos_id, *tokenizer(text, add_special_tokens=False).input_ids) for text in PROMPTS]
    prompts = [ids[i % len(ids)] for i in range(setting.prompts)]
    greedy = DecodingSettings(mode="greedy", max_new_tokens=setting.new_tokens)
    jobs, engine = [Job(prompt, greedy, 0) for prompt in prompts], Engine(model, facts.eos_id)
    ours = engine.generate(jobs[: len(ids)])
    theirs = generate_continuations(model, prompts[: len(ids)], greedy, facts.eos_id)
    same = sum(a.token_ids == b.token_ids for a, b in zip(ours, theirs, strict=True))

    def run_engine() -> None:
        engine.generate(jobs, ignore_eos=True)

    def run_generate() -> None:
        generate_tokens(model, prompts, greedy, facts.eos_id, fixed_length=True)

    times = [(_seconds(run_engine), _seconds(run_generate)) for _ in range(RUNS + 1)][1:]
    tokens = len(prompts) * setting.new_tokens
    own, reference = (tokens / statistics.median(column) for column in zip(*times, strict=True))
    return Measured(
        f"{own:.0f} tokens/s, generate {reference:.0f} tokens/s; {same} of {len(ours)} texts identical",
        {"engine_tokens_per_s": own, "generate_tokens_per_s": reference, "identical": same, "texts": len(ours)},
    )


def _seconds(run: Callable[[], None]) -> float:
    """Return the wall seconds of a call that ends with its tokens on the CPU, so that nothing is left on the card."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
