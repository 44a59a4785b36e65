"""Decodes many continuations of many prompts under many settings together.

Each distinct prompt is read once, its cache row copied to every job on it; rows carry their own settings and their own
random numbers, and a finished row is taken over by the next job. A job's text depends on its prompt, settings and seed
alone, not on what else is in the batch, up to rare ties within float rounding.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache

from benchmarks.generation.decoding.cache import RowCache
from benchmarks.generation.decoding.ngram_ban import NgramBan
from benchmarks.generation.decoding.sampling import RowSettings, choose, filtered, penalised
from benchmarks.generation.plan.settings import DecodingSettings
from trainables.base.text.language_models.network_parts import shape_of

CACHE_BYTES = 2 * 1024**3  # most memory for keys and values; fewer rows are used rather than more memory
LOGIT_VALUES = 128 * 51_200  # rows times vocabulary of one step: at KoGPT2's size larger batches gain nothing more


@dataclass(frozen=True)
class Job:
    """One continuation to make.

    Attributes:
        prompt: token ids, at least one.
        settings: how to decode; beam search and beam sampling are not done here.
        seed: of this continuation alone, from ``continuation_seed``.
    """

    prompt: tuple[int, ...]
    settings: DecodingSettings
    seed: int


@dataclass(frozen=True)
class Continuation:
    """What was generated.

    Attributes:
        token_ids: without prompt and end token.
        ended: whether the model ended the text itself, before ``max_new_tokens``.
        log_probability: of ``token_ids`` given the prompt, under the model at temperature 1 without filters, nats.
    """

    token_ids: tuple[int, ...]
    ended: bool
    log_probability: float


def continuation_seed(run_seed: int, prompt: str, repeat: int) -> int:
    """Return the seed of one continuation, the same for all settings, so that they are compared on equal luck."""
    key = f"{run_seed}\0{repeat}\0{prompt}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little")


def uniforms(seed: int, count: int) -> npt.NDArray[np.float64]:
    """``count`` numbers in [0, 1), one a token; a longer series begins with the shorter one."""
    return np.random.Generator(np.random.Philox(seed)).random(count)


class Engine:
    """A model made ready to decode batches.

    Args:
        model: in evaluation mode.
        eos_id: the token that ends a text.
        rows: most sequences decoded at once; None takes what memory and vocabulary allow.
    """

    def __init__(self, model: PreTrainedModel, eos_id: int, rows: int | None = None) -> None:
        self.model = model
        self.eos_id = eos_id
        self.rows = rows

    @torch.inference_mode()
    def generate(
        self,
        jobs: Sequence[Job],
        *,
        ignore_eos: bool = False,
        on_step: Callable[[int, int], None] | None = None,
    ) -> list[Continuation]:
        """Return the continuations of ``jobs``, in their order.

        Args:
            jobs: any prompts and settings together.
            ignore_eos: the end token does not end a text (for measuring speed at a fixed length).
            on_step: called after every step with the numbers of tokens made and of jobs finished in it.
        """
        batch = _Batch(self, jobs, ignore_eos)
        while batch.active:
            tokens, finished = batch.step()
            if on_step:
                on_step(tokens, finished)
        return [c for c in batch.done if c is not None]

    def rows_for(self, columns: int) -> int:
        """Return the number of sequences of ``columns`` tokens that are decoded at once."""
        if self.rows is not None:
            return self.rows
        shape = shape_of(self.model)
        row_bytes = 2 * columns * 2 * shape.layers * shape.key_width * 4  # two halves of keys and values in float32
        return max(1, min(CACHE_BYTES // row_bytes, LOGIT_VALUES // shape.vocabulary, 1024))


class _Batch:
    """The rows being decoded. Row i of every array belongs to the same sequence; rows past ``active`` are unused."""

    def __init__(self, engine: Engine, jobs: Sequence[Job], ignore_eos: bool) -> None:
        self.model, self.device = engine.model, engine.model.device
        self.eos_id = -1 if ignore_eos else engine.eos_id
        self.jobs = jobs
        self.done: list[Continuation | None] = [None] * len(jobs)
        self.waiting = deque(range(len(jobs)))
        self.active = 0
        if not jobs:
            return
        longest = max(job.settings.max_new_tokens for job in jobs)
        columns = max(len(job.prompt) for job in jobs) + longest
        rows = min(engine.rows_for(columns), len(jobs))
        self.prompts = {prompt: i for i, prompt in enumerate(dict.fromkeys(job.prompt for job in jobs))}
        self.prefill = self._read_prompts()
        self.cache = RowCache(self.prefill, rows, columns)
        kinds = {settings: i for i, settings in enumerate(dict.fromkeys(job.settings for job in jobs))}
        self.kinds, self.table = kinds, RowSettings.from_settings(list(kinds), self.device)
        self.kind = torch.zeros(rows, dtype=torch.int64)
        self.job = np.zeros(rows, dtype=np.int64)
        self.count = torch.zeros(rows, dtype=torch.int64)  # tokens made
        self.limit = torch.zeros(rows, dtype=torch.int64)
        self.position = torch.zeros(rows, dtype=torch.int64)
        self.last = torch.zeros(rows, dtype=torch.int64)
        self.tokens = torch.zeros(rows, longest, dtype=torch.int64)
        self.uniforms = torch.zeros(rows, longest, dtype=torch.float64)
        self.log_probability = torch.zeros(rows, dtype=torch.float64)
        self.bans: list[NgramBan | None] = [None] * rows
        penalties = any(settings.repetition_penalty != 1 for settings in kinds)
        vocabulary = shape_of(self.model).vocabulary if penalties else 0
        self.seen = torch.zeros(rows, vocabulary, dtype=torch.bool, device=self.device)
        self.active = rows
        for row in range(rows):
            self._admit(row)
        self._settle()

    def step(self) -> tuple[int, int]:
        """Make one token for every row; return the number of tokens made and of jobs finished."""
        n = self.active
        logits = self._forward()
        scores = penalised(logits, self.seen[:n], self.settings)
        scores = filtered(self._banned(scores, logits), self.settings)
        numbers = self.uniforms[:n].gather(1, self.count[:n, None]).squeeze(1).to(self.device)
        chosen = choose(scores, numbers, self.settings.greedy)
        log_p = logits.gather(1, chosen[:, None]).squeeze(1) - logits.logsumexp(-1)
        if self.seen.shape[1]:
            self.seen[torch.arange(n, device=self.device), chosen] = True
        finished = self._record(chosen.cpu(), log_p.cpu())
        self._replace(finished)
        return n, len(finished)

    def _read_prompts(self) -> DynamicCache:
        """Return keys and values of the prompts, left-padded, without their last tokens (the first step reads them)."""
        width = max(1, *(len(prompt) - 1 for prompt in self.prompts))
        ids = torch.zeros(len(self.prompts), width, dtype=torch.int64)
        real = torch.zeros(len(self.prompts), width, dtype=torch.bool)
        for prompt, i in self.prompts.items():
            begin = width - len(prompt) + 1
            ids[i, begin:] = torch.tensor(prompt[:-1], dtype=torch.int64)
            real[i, begin:] = True
        # padding attends to itself alone, so that no row of the softmax is empty, and nothing attends to padding
        mask = (torch.ones(width, width, dtype=torch.bool).tril() & real[:, None, :]) | torch.eye(
            width, dtype=torch.bool
        )
        cache = DynamicCache()
        self.model.base_model(  # without the output layer
            input_ids=ids.to(self.device),
            attention_mask=mask[:, None].to(self.device),
            position_ids=(real.cumsum(1) - 1).clamp_min(0).to(self.device),
            past_key_values=cache,
            use_cache=True,
        )
        return cache

    def _admit(self, row: int) -> None:
        """Give the row to the next waiting job."""
        index = self.waiting.popleft()
        job = self.jobs[index]
        length = len(job.prompt) - 1
        self.cache.admit(row, self.prefill, self.prompts[job.prompt], length)
        limit = job.settings.max_new_tokens
        self.kind[row], self.job[row] = self.kinds[job.settings], index
        self.count[row], self.limit[row], self.position[row] = 0, limit, length
        self.last[row] = job.prompt[-1]
        self.uniforms[row, :limit] = torch.from_numpy(uniforms(job.seed, limit))
        self.log_probability[row] = 0
        size = job.settings.no_repeat_ngram_size
        self.bans[row] = NgramBan(size, job.prompt) if size else None
        if self.seen.shape[1]:
            self.seen[row] = False
            self.seen[row, list(job.prompt)] = True

    def _settle(self) -> None:
        """Set the columns of settings after rows changed."""
        self.settings = self.table.take(self.kind[: self.active].to(self.device))

    def _forward(self) -> Tensor:
        """Return logits of the next token, shape (active, vocabulary), float32."""
        n = self.active
        mask = self.cache.open_step()
        output = self.model(
            input_ids=self.last[:n, None].to(self.device),
            position_ids=self.position[:n, None].to(self.device),
            attention_mask=mask.to(self.device),
            past_key_values=self.cache,
            use_cache=True,
        )
        self.cache.close_step()
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _banned(self, scores: Tensor, logits: Tensor) -> Tensor:
        pairs = [(row, token) for row in range(self.active) if (ban := self.bans[row]) for token in ban.banned()]
        if not pairs:
            return scores
        scores = scores.clone() if scores is logits else scores
        rows, tokens = zip(*pairs, strict=True)
        scores[list(rows), list(tokens)] = -torch.inf
        return scores

    def _record(self, chosen: Tensor, log_p: Tensor) -> list[int]:
        """Append the tokens and return the finished rows."""
        n = self.active
        ended = chosen == self.eos_id
        self.tokens[torch.arange(n), self.count[:n]] = chosen
        self.log_probability[:n] += torch.where(ended, 0.0, log_p.double())
        self.count[:n] += 1
        self.position[:n] += 1
        self.last[:n] = chosen
        for row in range(n):
            if ban := self.bans[row]:
                ban.append(int(chosen[row]))
        finished: list[int] = (ended | (self.count[:n] >= self.limit[:n])).nonzero().flatten().tolist()
        for row in finished:
            made = self.tokens[row, : int(self.count[row]) - int(ended[row])].tolist()
            self.done[self.job[row]] = Continuation(tuple(made), bool(ended[row]), float(self.log_probability[row]))
        return finished

    def _replace(self, finished: list[int]) -> None:
        """Give finished rows to waiting jobs; without any, move the last rows into their places."""
        for row in reversed(finished):  # from the back, so that the row that moves is never a finished one
            if self.waiting:
                self._admit(row)
            else:
                self._drop(row)
        if finished:
            self._settle()

    def _drop(self, row: int) -> None:
        self.cache.drop(row)
        last = self.active = self.active - 1
        if row == last:
            return
        for column in (
            self.kind, self.count, self.limit, self.position, self.last, self.tokens, self.uniforms,
            self.log_probability, self.seen,
        ):  # fmt: skip
            column[row] = column[last]
        self.job[row] = self.job[last]
        self.bans[row] = self.bans[last]
