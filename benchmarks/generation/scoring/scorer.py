"""A second opinion on text: the surprise of a continuation under another model than the one that wrote it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from benchmarks.generation.decoding.log_probabilities import Ids, log_probabilities
from benchmarks.generation.plan.spec import CHARACTER_NGRAM, Plan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ORDER = 5


@dataclass(frozen=True)
class ScorerFacts:
    """What a scorer is, for reports: its name, what it saw, its unit and a digest of what fixes it."""

    name: str
    trained_on: str
    unit: str
    digest: str
    licence: str


class Scorer(Protocol):
    """Gives the surprise of continuations."""

    facts: ScorerFacts

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """(nats, units) of each (prompt, continuation); units are characters or tokens, as ``facts.unit`` says."""


class CharacterNgram:
    """A character 5-gram model with Witten-Bell interpolation (Chen & Goodman 1998, section 2.7).

    It is of no tokenizer, so its nats a character compare models with different vocabularies; it knows nothing beyond
    five characters and only the language of its training text.
    """

    def __init__(self, documents: Sequence[str], trained_on: str) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        for document in documents:
            padded = "\n" * (ORDER - 1) + document + "\n"
            for i in range(ORDER - 1, len(padded)):
                for size in range(ORDER):
                    self.counts[padded[i - size : i]][padded[i]] += 1
        self.totals = {context: counter.total() for context, counter in self.counts.items()}
        self.alphabet = len(self.counts[""]) + 1  # one more for every character never seen
        digest = hashlib.sha256("\0".join(documents).encode()).hexdigest()
        self.facts = ScorerFacts(CHARACTER_NGRAM, trained_on, "character", digest, "part of this program")

    def probability(self, context: str, character: str) -> float:
        """P(character | the last 4 characters), interpolated down to the uniform distribution."""
        p = 1 / self.alphabet
        for size in range(ORDER):
            seen = self.counts.get(context[len(context) - size :])
            if seen is None:
                break
            total = self.totals[context[len(context) - size :]]
            p = (seen[character] + len(seen) * p) / (total + len(seen))
        return p

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        scored = []
        for prompt, continuation in pairs:
            text = "\n" * (ORDER - 1) + prompt + continuation
            begin = len(text) - len(continuation)
            nats = -sum(math.log(self.probability(text[i - ORDER + 1 : i], text[i])) for i in range(begin, len(text)))
            scored.append((nats, len(continuation)))
        return scored


class ModelScorer:
    """Another GPT-2 model, by folder or hub name.

    A text longer than the model is read in windows: every token is scored once, after at least half a window.
    """

    def __init__(self, model: str, device: str = "cpu") -> None:
        from trainables.base.text.language_models.language_model import load_model

        self.model, self.tokenizer, facts = load_model(model, device=device)
        self.bos_id, self.longest = facts.bos_id, facts.n_positions
        digest = hashlib.sha256(repr(sorted(facts.sha256.items())).encode()).hexdigest()
        self.facts = ScorerFacts(facts.name, "not stated by the model's folder", "token", digest, facts.licence)

    def score(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        windows: list[tuple[Ids, Ids]] = []
        owners: list[int] = []
        units: list[int] = []
        for owner, (prompt, continuation) in enumerate(pairs):
            head, tail = split_ids(self.tokenizer, prompt, continuation)
            own = list(_windows((self.bos_id, *head), tail, self.longest))
            windows += own
            owners += [owner] * len(own)
            units.append(len(tail))
        nats = [0.0] * len(pairs)
        for owner, value in zip(owners, log_probabilities(self.model, windows), strict=True):
            nats[owner] -= value
        return list(zip(nats, units, strict=True))


def split_ids(tokenizer: PreTrainedTokenizerFast, prompt: str, continuation: str) -> tuple[Ids, Ids]:
    """Token ids of prompt and continuation read as one text; a token that lies in both belongs to the continuation."""
    read = tokenizer(prompt + continuation, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ends = [end for _, end in read.offset_mapping]
    first = next((i for i, end in enumerate(ends) if end > len(prompt)), len(ends))
    return tuple(read.input_ids[:first]), tuple(read.input_ids[first:])


def _windows(head: Ids, tail: Ids, longest: int) -> Iterator[tuple[Ids, Ids]]:
    """Yield (context, part of the tail) pairs of at most ``longest`` tokens together, whose parts make up the tail."""
    whole, begin = head + tail, len(head)
    while begin < len(whole):
        end = min(len(whole), max(longest, begin + longest // 2))
        yield whole[max(0, end - longest) : begin], whole[begin:end]
        begin = end


def load_scorer(plan: Plan) -> Scorer:
    """Return the scorer of a plan."""
    if plan.spec.scorer != CHARACTER_NGRAM:
        return ModelScorer(plan.spec.scorer, plan.spec.device)
    return _bundled_ngram()


@cache
def _bundled_ngram() -> CharacterNgram:
    """Return the scorer of the bundled documents, which nothing changes: a run and its verification count them once."""
    from trainables.base.text.korean import SOURCE, bundled

    documents = [document.text for document in bundled().train]
    return CharacterNgram(documents, f"training documents of: {SOURCE}; never the held-out ones")
