"""How fast a setting is, measured apart from the samples: fixed lengths, end token ignored, warm-up kept out.

Times are wall-clock of this machine at this moment; compare rows of one run, not numbers of two runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.generation.decoding.engine import Job, continuation_seed
from benchmarks.generation.decoding.reference import generate_tokens
from benchmarks.generation.measure.writer import Writer
from benchmarks.generation.plan.settings import DecodingSettings
from benchmarks.generation.plan.spec import NamedSetting, Plan
from tunelab.system.machine import peak_memory, reset_peak_memory

LOOP_PROMPTS = 4
ENGINE_JOBS = 1024  # jobs that the engine decodes in the side-by-side measurement
ENGINE_VALUES = 2**24  # ... times vocabulary, so that a large model takes seconds, not minutes


@dataclass(frozen=True)
class Speed:
    """One setting's speed.

    Attributes:
        setting: its name.
        warmup_s: the first run, not part of the rest.
        ttft_ms_p50, ttft_ms_p95: time to the first token of one prompt, reading the prompt included.
        alone_tokens_per_s: one sequence at a time, median run.
        alone_ms_p50, alone_ms_p95: per token of one sequence.
        batch: sequences decoded together in the batched run: as many as asked for, ``rows`` and memory allow; of a beam
            search, whose beams each take a row, fewer.
        batched_tokens_per_s: all sequences together, median run.
        batched_ms_p50, batched_ms_p95: per step of the batch; what runs through ``generate`` is timed by whole runs.
        peak_mib: highest resident memory of the process during the batched runs (GPU: allocated by torch).
    """

    setting: str
    warmup_s: float
    ttft_ms_p50: float
    ttft_ms_p95: float
    alone_tokens_per_s: float
    alone_ms_p50: float
    alone_ms_p95: float
    batch: int
    batched_tokens_per_s: float
    batched_ms_p50: float
    batched_ms_p95: float
    peak_mib: float


@dataclass(frozen=True)
class SideBySide:
    """The engine against a loop of ``generate`` over single prompts, the same model, length and moment.

    Attributes:
        loop_tokens_per_s, engine_tokens_per_s: medians of interleaved runs.
        jobs: continuations that the engine decoded together.
        new_tokens: fixed length of each.
        runs: interleaved pairs.
    """

    loop_tokens_per_s: float
    engine_tokens_per_s: float
    jobs: int
    new_tokens: int
    runs: int

    @property
    def ratio(self) -> float:
        return self.engine_tokens_per_s / self.loop_tokens_per_s


def setting_speed(writer: Writer, plan: Plan, setting: NamedSetting) -> Speed:
    """Measure one setting's speed, after a warm-up."""
    spec = plan.spec.speed
    decoding = replace(setting.decoding, max_new_tokens=spec.new_tokens)
    first = replace(decoding, max_new_tokens=1)
    ids = [writer.prompt_ids(p.text) for p in plan.prompts]
    rows = min(spec.batch, writer.engine.rows_for(max(map(len, ids)) + spec.new_tokens))
    size = max(1, rows // decoding.num_beams)
    many = [ids[i % len(ids)] for i in range(size)]
    warmup = _timed(writer, many, decoding)[0]
    ones = [ids[i % len(ids)] for i in range(spec.repeats)]
    ttft = [_timed(writer, [prompt], first)[0] for prompt in ones]
    alone = [_timed(writer, [prompt], decoding) for prompt in ones]
    _reset_peak(writer.model.device)
    batched = [_timed(writer, many, decoding) for _ in range(spec.repeats)]
    peak = _peak_mib(writer.model.device)
    alone_steps = np.concatenate([steps for _, steps in alone]) * 1000
    batched_steps = np.concatenate([steps for _, steps in batched]) * 1000
    return Speed(
        setting=setting.name,
        warmup_s=warmup,
        ttft_ms_p50=float(np.percentile(ttft, 50)) * 1000,
        ttft_ms_p95=float(np.percentile(ttft, 95)) * 1000,
        alone_tokens_per_s=spec.new_tokens / float(np.median([total for total, _ in alone])),
        alone_ms_p50=float(np.percentile(alone_steps, 50)),
        alone_ms_p95=float(np.percentile(alone_steps, 95)),
        batch=size,
        batched_tokens_per_s=size * spec.new_tokens / float(np.median([total for total, _ in batched])),
        batched_ms_p50=float(np.percentile(batched_steps, 50)),
        batched_ms_p95=float(np.percentile(batched_steps, 95)),
        peak_mib=peak,
    )


def compare_with_loop(writer: Writer, plan: Plan, runs: int = 3) -> SideBySide:
    """Measure tokens a second of the one-prompt loop on the baseline setting and of the engine on all settings."""
    new_tokens = plan.spec.speed.new_tokens
    ids = [writer.prompt_ids(p.text) for p in plan.prompts]
    baseline = replace(_sampled(plan, plan.baseline), max_new_tokens=new_tokens)
    decodings = [replace(s.decoding, max_new_tokens=new_tokens) for s in plan.settings if s.decoding.mode != "beam"]
    decodings = decodings or [baseline]
    limit = min(ENGINE_JOBS, max(64, ENGINE_VALUES // writer.facts.vocab_size))
    keys = [(d, i, r) for r in range(plan.spec.repeats) for d in decodings for i in range(len(ids))][:limit]
    jobs = [Job(ids[i], d, continuation_seed(plan.spec.seed, plan.prompts[i].text, r)) for d, i, r in keys]

    def loop() -> int:
        for prompt in ids[:LOOP_PROMPTS]:
            generate_tokens(writer.model, [prompt], baseline, writer.facts.eos_id, fixed_length=True)
        return new_tokens * len(ids[:LOOP_PROMPTS])

    def engine() -> int:
        writer.engine.generate(jobs, ignore_eos=True)
        return new_tokens * len(jobs)

    loop()  # warm-up
    rates = [(_rate(loop), _rate(engine)) for _ in range(runs)]
    loops, engines = zip(*rates, strict=True)
    return SideBySide(float(np.median(loops)), float(np.median(engines)), len(jobs), new_tokens, runs)


def _timed(writer: Writer, prompts: Sequence[tuple[int, ...]], decoding: DecodingSettings) -> tuple[float, np.ndarray]:
    """Return seconds of one run, and of each of its steps, shape (steps,); the steps of ``generate`` are its mean."""
    begin = time.perf_counter()
    if not writer.with_engine(decoding):
        generate_tokens(writer.model, prompts, decoding, writer.facts.eos_id, fixed_length=True)
        total = time.perf_counter() - begin
        return total, np.array([total / decoding.max_new_tokens])
    marks = [begin]
    jobs = [Job(prompt, decoding, i) for i, prompt in enumerate(prompts)]
    writer.engine.generate(jobs, ignore_eos=True, on_step=lambda *_: marks.append(time.perf_counter()))
    return time.perf_counter() - begin, np.diff(marks)


def _rate(work: Callable[[], int]) -> float:
    begin = time.perf_counter()
    tokens = work()
    return tokens / (time.perf_counter() - begin)


def _sampled(plan: Plan, name: str) -> DecodingSettings:
    """Return the named setting, or plain sampling where that keeps beams."""
    decoding = plan.setting(name).decoding
    return decoding if not decoding.has_beams else DecodingSettings()


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    reset_peak_memory()


def _peak_mib(device: torch.device) -> float:
    """Return the high-water mark in MiB; where it cannot be reset (not Linux), of the whole process's life."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return peak_memory() / 2**20
