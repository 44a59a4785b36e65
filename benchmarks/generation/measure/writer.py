"""A loaded model that turns places of a plan into samples and texts into scored samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from benchmarks.generation.decoding.engine import Continuation, Engine, Job
from benchmarks.generation.decoding.fast_path import reason_against
from benchmarks.generation.decoding.log_probabilities import log_probabilities
from benchmarks.generation.decoding.reference import generate_continuations
from benchmarks.generation.decoding.samples import Sample, Slot
from benchmarks.generation.plan.settings import DecodingSettings
from benchmarks.generation.plan.spec import HUMAN, Plan, Prompt, find_models
from benchmarks.generation.scoring.morphemes import read_morphemes, require_kiwi
from benchmarks.generation.scoring.quality import Scored
from benchmarks.generation.scoring.scorer import Scorer, split_ids
from search_spaces.errors import UserError
from trainables.base.text.language_models.language_model import ModelFacts, load_model
from trainables.base.text.language_models.model_folder import find_model
from trainables.base.text.language_models.network_parts import shape_of
from trainables.base.text.language_models.pretrained import WEIGHT_BYTES
from trainables.base.text.language_models.tokenizer import load_tokenizer
from trainables.base.text.language_models.unpacked import unpacked_note
from tunelab.system.language import tr
from tunelab.system.texts import tr_text

SMALL_MODEL = 10_000_000  # parameters below which starting threads costs more than they save


@dataclass(frozen=True)
class Writer:
    """A model with its tokenizer, ready to write.

    Attributes:
        model, tokenizer, facts: as ``load_model`` gives them.
        engine: on the model.
        slower: why ``generate`` writes everything, one text at a time, instead of the engine; None where it does not.
        unpacked: where the numbers of a GGUF file are kept; empty where they are not.
        begin: token ids before every prompt.
        threads: CPU threads that torch is to use, see ``cpu_threads``.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    facts: ModelFacts
    engine: Engine
    begin: tuple[int, ...]
    threads: int
    slower: str | None = None
    unpacked: str = ""

    def with_engine(self, decoding: DecodingSettings) -> bool:
        """Return whether the engine decodes with a setting, many texts together."""
        return self.slower is None and not decoding.has_beams

    def described(self) -> str:
        """Return what writes, its limits, where it is kept, and whether it is slower than it could be, a line each."""
        facts, shape = self.facts, shape_of(self.model)
        told = tr(
            "Model: {name}, {count:,} parameters ({size:.1f} GB), {shape}",
            name=facts.name,
            count=facts.parameters,
            size=facts.parameters * WEIGHT_BYTES / 1e9,
            shape=tr_text(shape.described()),
        )
        unpacked = [tr("GGUF file: {told}", told=tr_text(self.unpacked))] if self.unpacked else []
        slower = [] if self.slower is None else [self.slower_note]
        return "\n".join([told, *unpacked, *slower])

    @property
    def slower_note(self) -> str:
        """The sentence on ``generate``, where it has to take the engine's place."""
        return tr(
            "Texts are made one at a time by transformers' generate, which is slower: {reason}.", reason=self.slower
        )

    def prompt_ids(self, text: str) -> tuple[int, ...]:
        return (*self.begin, *self.tokenizer(text, add_special_tokens=False).input_ids)

    def write(
        self, plan: Plan, places: Sequence[Slot], on_step: Callable[[int, int], None] | None = None
    ) -> list[Sample]:
        """Return the samples of some places of the plan, in order."""
        ids = [self.prompt_ids(prompt.text) for prompt in plan.prompts]
        done: dict[int, Continuation] = {}
        drawn = [i for i, place in enumerate(places) if self.with_engine(place.setting.decoding)]
        jobs = [Job(ids[places[i].prompt], places[i].setting.decoding, places[i].seed) for i in drawn]
        done.update(zip(drawn, self.engine.generate(jobs, on_step=on_step), strict=True))
        for setting in {place.setting: None for i, place in enumerate(places) if i not in done}:
            same = [i for i, place in enumerate(places) if place.setting == setting]
            prompts = [ids[places[i].prompt] for i in same]
            seeds = [places[i].seed for i in same] if setting.decoding.is_random else None
            made = generate_continuations(self.model, prompts, setting.decoding, self.facts.eos_id, seeds)
            done.update(zip(same, made, strict=True))
            if on_step:
                on_step(sum(len(c.token_ids) for c in made), len(made))
        return [self._sample(places[i], plan.prompts[places[i].prompt], done[i]) for i in range(len(places))]

    def human_samples(self, plan: Plan) -> list[Sample]:
        """Return the human continuations as samples, cut to the length that every setting may reach."""
        known = [i for i, prompt in enumerate(plan.prompts) if prompt.reference]
        longest = plan.common_tokens
        pairs, cut = [], []
        for i in known:
            head, tail = split_ids(self.tokenizer, plan.prompts[i].text, f" {plan.prompts[i].reference}")
            pairs.append(((*self.begin, *head), tail[:longest]))
            cut.append(len(tail) > longest)
        log_p = log_probabilities(self.model, pairs)
        return [
            Sample(HUMAN, i, 0, 0, not was_cut, value, ids, self._text(plan.prompts[i], ids))
            for i, (_, ids), was_cut, value in zip(known, pairs, cut, log_p, strict=True)
        ]

    def _sample(self, place: Slot, prompt: Prompt, made: Continuation) -> Sample:
        return Sample(
            setting=place.setting.name,
            prompt=place.prompt,
            repeat=place.repeat,
            seed=place.seed,
            ended=made.ended,
            log_probability=made.log_probability,
            token_ids=made.token_ids,
            text=self._text(prompt, made.token_ids),
        )

    def _text(self, prompt: Prompt, ids: Sequence[int]) -> str:
        """Return the continuation as it follows the prompt, with its leading blank where a new word begins."""
        head = self.tokenizer(prompt.text, add_special_tokens=False).input_ids
        before: str = self.tokenizer.decode(head, clean_up_tokenization_spaces=False)
        whole: str = self.tokenizer.decode([*head, *ids], clean_up_tokenization_spaces=False)
        return whole[len(before) :]


def check_plan(plan: Plan) -> None:
    """Find the models by their files and check that prompts fit, before weights load.

    Raises:
        UserError: no such model, a tokenizer that loses Korean, a prompt with new tokens over the model's length, or no
            GPU or no package of morphemes where one is asked for.
    """
    folder = find_models(plan)
    if plan.spec.korean:
        require_kiwi()
    if plan.spec.device == "cuda" and not torch.cuda.is_available():
        raise UserError("'device' is cuda, but torch finds no GPU here. Leave it out for the CPU.")
    tokenizer = load_tokenizer(folder)
    for prompt in plan.prompts:
        ids = tokenizer(prompt.text, add_special_tokens=False, verbose=False).input_ids
        length = len(ids) + int(plan.spec.prompts.begin_token)
        if length == 0:
            raise UserError(f"The prompt '{prompt.text}' gives no token. Set 'begin_token', or write another prompt.")
        total = length + plan.longest_tokens
        if total > folder.shape.context:
            raise UserError(
                f"The prompt '{prompt.text[:40]}' has {length} tokens, and up to {plan.longest_tokens} follow in "
                f"samples or in measuring speed: {total} is over the model's length of {folder.shape.context}. Shorten "
                f"the prompt, or lower 'max_new_tokens' or 'new_tokens' of 'speed'."
            )


def load_writer(plan: Plan, threads: int | None = None) -> Writer:
    """Load the plan's model.

    Args:
        plan: Says which, and may say how many threads.
        threads: Of a large model where the plan says nothing; torch's own choice when None.
    """
    folder = find_model(plan.spec.model)
    model, tokenizer, facts = load_model(folder, device=plan.spec.device)
    if plan.spec.threads is not None:
        threads = plan.spec.threads
    elif facts.parameters < SMALL_MODEL:
        threads = 1
    begin = (facts.bos_id,) if plan.spec.prompts.begin_token else ()
    engine = Engine(model, facts.eos_id, plan.spec.rows)
    longest = max(len(tokenizer(p.text, add_special_tokens=False).input_ids) for p in plan.prompts)
    slower = reason_against(model, len(begin) + longest + plan.longest_tokens)
    threads = threads or torch.get_num_threads()
    return Writer(model, tokenizer, facts, engine, begin, threads, slower, unpacked_note(folder))


def score(writer: Writer, scorer: Scorer, plan: Plan, samples: Sequence[Sample]) -> list[Scored]:
    """Return the samples with their surprise under the scorer, their unknown tokens and, if asked, their morphemes."""
    surprises = scorer.score([(plan.prompts[s.prompt].text, s.text) for s in samples])
    unknown = writer.facts.unk_id
    readings = read_morphemes([s.text for s in samples]) if plan.spec.korean else [None] * len(samples)
    return [
        Scored(sample, nats, units, sum(token == unknown for token in sample.token_ids), reading)
        for sample, (nats, units), reading in zip(samples, surprises, readings, strict=True)
    ]
