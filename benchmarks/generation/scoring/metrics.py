"""Measures of generated text, on sequences of tokens or characters; ``DEFINITIONS`` has formulas and sources."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

BLEU_ORDER = 4
CHARACTERS = 64  # self-BLEU and repetition of characters, which depend on length, read no more of a text

_HANGUL = re.compile("[가-힣]")
_JAMO = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\ud7b0-\ud7ff]")  # letters outside a syllable block

DEFINITIONS: dict[str, str] = {
    "perplexity": "exp of the mean nats per token under the generating model itself (temperature 1, no filter), over "
    "all tokens of a setting; end token left out. Neither lower nor higher is better: compare with human text.",
    "scorer_perplexity": "The same under the scorer named in this report, per unit of the scorer.",
    "human_distance": "|mean nats per token of the setting − that of the human continuations of the same prompts|, "
    "each over all tokens (Holtzman et al. 2020: text far more or far less probable than human text reads badly). "
    "Lower is better.",
    "scorer_distance": "The same under the scorer.",
    "human_gap": "Mean over prompts of |nats per token of the setting − that of the human continuation| on one prompt: "
    "what of nearness to human text can be paired by prompt and tested. Lower is better, but even another human text "
    "would not reach 0.",
    "scorer_gap": "The same under the scorer.",
    "distinct_1, distinct_2, distinct_3": "Different n-grams / n-grams (Li et al. 2016) over all texts of a setting "
    "together, cut to the same number of n-grams in every row. Of tokens; with 'chars' of characters without blanks. "
    "Undefined for settings with one text per prompt, which would be compared on fewer texts.",
    "single_distinct_1, single_distinct_2, single_distinct_3": "The same over one text per prompt, averaged over "
    "repeats, so that greedy search, beam search and human text can be compared with the rest.",
    "self_bleu": "BLEU-4 of each text against the other repeats of its prompt (Zhu et al. 2018), on the first 64 "
    "characters without blanks, add-one smoothed from 2-grams on (Lin & Och 2004), 0 to 100. Lower is more diverse. "
    "Undefined for settings with one text per prompt. Texts that end before 64 characters share less.",
    "nll, scorer_nll": "Mean nats per token under the generating model, and per unit under the scorer, by prompt: the "
    "logarithm of the perplexity, paired by prompt in the comparisons with the baseline.",
    "prompt_distinct_2": "distinct-2 of tokens over the repeats of one prompt, cut to equal counts within the prompt.",
    "seq_rep_2, seq_rep_4": "1 − different n-grams / n-grams within one text (Welleck et al. 2020), mean over texts. "
    "No more of a text is read than every setting may write; with 'chars', no more than 64 characters without blanks. "
    "Longer texts repeat more: read it beside the mean length.",
    "repeated_4": "Share of the 4-grams of a text that occur more than once in it, mean over texts, on as much of a "
    "text as seq rep.",
    "zipf, single_zipf": "Minus the slope of log frequency on log rank of tokens (Holtzman et al. 2020), at equal "
    "counts.",
    "ended": "Share of texts that the model ended itself within max_new_tokens.",
    "tokens, characters": "Mean length of a continuation.",
    "unknown": "Share of tokens that are the unknown token.",
    "hangul": "Share of Hangul syllables among the characters that are not blank.",
    "broken": "Share of characters that are U+FFFD: bytes of no whole character, which models whose tokens are bytes "
    "can write.",
    "jamo": "Share of Hangul letters outside a syllable among the characters that are not blank: broken syllables.",
}


def ngrams(sequence: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    """Return all n-grams in order; none when the sequence is shorter than n."""
    return [tuple(sequence[i : i + n]) for i in range(len(sequence) - n + 1)]


def pooled_ngrams(sequences: Sequence[Sequence[Hashable]], n: int) -> list[tuple[Hashable, ...]]:
    """Return the n-grams of several sequences in turns, so that cutting the list cuts every sequence alike."""
    lists = [ngrams(sequence, n) for sequence in sequences]
    return [grams[i] for i in range(max(map(len, lists), default=0)) for grams in lists if i < len(grams)]


def distinct(grams: Sequence[Hashable]) -> float:
    """Return the fraction of different n-grams among n-grams, 0 to 1; NaN without any."""
    return len(set(grams)) / len(grams) if grams else math.nan


def sequence_repetition(sequence: Sequence[Hashable], n: int) -> float:
    """Return 1 - distinct-n of one sequence: 0 when nothing repeats; NaN when it is shorter than n."""
    return 1 - distinct(ngrams(sequence, n))


def repeated_share(sequence: Sequence[Hashable], n: int) -> float:
    """Return the share of the n-grams that occur more than once; NaN when the sequence is shorter than n."""
    counts = Counter(ngrams(sequence, n))
    total = counts.total()
    return sum(c for c in counts.values() if c > 1) / total if total else math.nan


def zipf_exponent(items: Sequence[Hashable]) -> float:
    """Return minus the least-squares slope of log frequency on log rank; NaN for fewer than two different items."""
    frequencies = np.array(sorted(Counter(items).values(), reverse=True), dtype=float)
    if len(frequencies) < 2:
        return math.nan
    ranks = np.log(np.arange(1, len(frequencies) + 1))
    return float(-np.polyfit(ranks, np.log(frequencies), 1)[0])


def self_bleu(texts: Sequence[str]) -> float:
    """Mean BLEU of each text against the others, 0 (nothing shared) to 100 (equal); NaN for fewer than two texts."""
    sequences = [text[:CHARACTERS] for text in map(without_blanks, texts)]
    if len(sequences) < 2:
        return math.nan
    counts = [[Counter(ngrams(s, n)) for n in range(1, BLEU_ORDER + 1)] for s in sequences]
    scores = []
    for i, sequence in enumerate(sequences):
        others = [j for j in range(len(sequences)) if j != i]
        lengths = [len(sequences[j]) for j in others]
        scores.append(_bleu(counts[i], len(sequence), [counts[j] for j in others], lengths))
    return float(np.mean(scores))


def without_blanks(text: str) -> str:
    """Return the text without white space."""
    return "".join(text.split())


def hangul_share(text: str) -> float:
    """Return Hangul syllables over characters that are not blank; NaN without any."""
    letters = without_blanks(text)
    return len(_HANGUL.findall(letters)) / len(letters) if letters else math.nan


def jamo_share(text: str) -> float:
    """Return Hangul letters outside a syllable over characters that are not blank; NaN without any."""
    letters = without_blanks(text)
    return len(_JAMO.findall(letters)) / len(letters) if letters else math.nan


def broken_share(text: str) -> float:
    """Return replacement characters (U+FFFD) over characters that are not blank; NaN without any."""
    letters = without_blanks(text)
    return letters.count("\ufffd") / len(letters) if letters else math.nan


def _bleu(
    candidate: Sequence[Counter[tuple[Hashable, ...]]],
    length: int,
    references: Sequence[Sequence[Counter[tuple[Hashable, ...]]]],
    lengths: Sequence[int],
) -> float:
    """Return the sentence BLEU (Papineni et al. 2002) from n-gram counts by order."""
    if length == 0:
        return 0.0
    log_precision = 0.0
    for order, counts in enumerate(candidate):
        limit: Counter[tuple[Hashable, ...]] = Counter()
        for reference in references:
            limit |= reference[order]
        matched, total = (counts & limit).total(), counts.total()
        if order == 0 and matched == 0:
            return 0.0
        smooth = int(order > 0)
        log_precision += math.log((matched + smooth) / (total + smooth)) / BLEU_ORDER
    nearest = min(lengths, key=lambda other: (abs(other - length), other))
    return 100 * math.exp(log_precision + min(0.0, 1 - nearest / length))
