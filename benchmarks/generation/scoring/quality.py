"""The quality and diversity of every setting: per prompt for statistics, pooled at equal counts for tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from benchmarks.generation.decoding.samples import Sample
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.scoring import metrics as m
from benchmarks.generation.scoring.morphemes import Reading, reading_figures

Values = npt.NDArray[np.float64]

HUMAN_PAIRED = ("human_gap", "scorer_gap")
PAIRED = (
    "nll",
    "scorer_nll",
    "prompt_distinct_2",
    "self_bleu",
    "seq_rep_2",
    "seq_rep_4",
    "repeated_4",
    "ended",
    "tokens",
)


@dataclass(frozen=True)
class Scored:
    """A continuation with what scoring adds.

    Attributes:
        sample: the continuation.
        scorer_nats: its surprise under the scorer.
        scorer_units: characters or tokens it was counted over.
        unknown: its unknown tokens.
        reading: its morphemes; None unless they were asked for.
    """

    sample: Sample
    scorer_nats: float
    scorer_units: int
    unknown: int
    reading: Reading | None = None


@dataclass(frozen=True)
class Row:
    """One setting, or the human text.

    Attributes:
        name: of the setting, or ``HUMAN``.
        texts: how many.
        figures: metrics over all its texts, by name; NaN where undefined.
        by_prompt: the metrics of ``PAIRED`` and, beside human text, of ``HUMAN_PAIRED``, one value a prompt, shape
            (prompts,); NaN where undefined.
    """

    name: str
    texts: int
    figures: Mapping[str, float]
    by_prompt: Mapping[str, Values] = field(repr=False)


@dataclass(frozen=True)
class QualityTable:
    """Rows measured on the same prompts at equal counts.

    Attributes:
        prompts: numbers of the prompts in the plan.
        rows: in the plan's order; the human text, where it is known for all these prompts, last.
        ngram_counts: n-grams that each row's diversity was measured on, by metric, e.g. ``"distinct_2"``.
    """

    prompts: tuple[int, ...]
    rows: tuple[Row, ...]
    ngram_counts: Mapping[str, int]

    def row(self, name: str) -> Row:
        return next(r for r in self.rows if r.name == name)

    @property
    def human(self) -> Row | None:
        return next((r for r in self.rows if r.name == HUMAN), None)


def measure(scored: Sequence[Scored], prompts: Sequence[int], longest: int | None = None) -> QualityTable:
    """Measure all settings on the given prompts.

    Args:
        scored: samples of any settings, human text among them under the name ``HUMAN``.
        prompts: the prompts to measure on; the human text is left out unless it is there for each of them.
        longest: tokens of a text within which repetition is looked for, so that settings with a higher limit do not
            seem to repeat more; None looks at whole texts.
    """
    chosen = tuple(prompts)
    by_setting: dict[str, list[Scored]] = {}
    for item in scored:
        if item.sample.prompt in set(chosen):
            by_setting.setdefault(item.sample.setting, []).append(item)
    if {s.sample.prompt for s in by_setting.get(HUMAN, [])} != set(chosen):
        by_setting.pop(HUMAN, None)
    single, single_counts = _diversity(by_setting, _repeats, "single_")
    repeated = {name: items for name, items in by_setting.items() if len(_repeats(items)) > 1}
    pooled, pooled_counts = _diversity(repeated, lambda items: [[item.sample for item in items]], "")
    equal = _equal_bigrams(by_setting, chosen)
    human = by_setting.get(HUMAN, [])
    human_by_prompt = _by_prompt(human, chosen, equal, longest)
    rows = []
    for name, items in by_setting.items():
        figures = {**_figures(items, longest), **pooled.get(name, {}), **single[name]}
        by_prompt = _by_prompt(items, chosen, equal, longest)
        if human:
            figures["human_distance"] = abs(_nll(items) - _nll(human))
            figures["scorer_distance"] = abs(_scorer_nll(items) - _scorer_nll(human))
            by_prompt["human_gap"] = np.abs(by_prompt["nll"] - human_by_prompt["nll"])
            by_prompt["scorer_gap"] = np.abs(by_prompt["scorer_nll"] - human_by_prompt["scorer_nll"])
        for metric in ("self_bleu", "prompt_distinct_2", *(HUMAN_PAIRED if human else ())):
            figures[metric] = _mean(by_prompt[metric])
        rows.append(Row(name, len(items), figures, by_prompt))
    return QualityTable(chosen, tuple(rows), {**pooled_counts, **single_counts})


def _figures(items: Sequence[Scored], longest: int | None) -> dict[str, float]:
    samples = [item.sample for item in items]
    texts = [s.text for s in samples]
    parts = [s.token_ids[:longest] for s in samples]
    letters = [m.without_blanks(text)[: m.CHARACTERS] for text in texts]
    tokens = sum(len(s.token_ids) for s in samples)
    readings = [item.reading for item in items if item.reading is not None]
    return {
        "nll": _nll(items),
        "perplexity": math.exp(_nll(items)),
        "scorer_nll": _scorer_nll(items),
        "scorer_perplexity": math.exp(_scorer_nll(items)),
        "seq_rep_2": _mean([m.sequence_repetition(part, 2) for part in parts]),
        "seq_rep_4": _mean([m.sequence_repetition(part, 4) for part in parts]),
        "seq_rep_4_chars": _mean([m.sequence_repetition(part, 4) for part in letters]),
        "repeated_4": _mean([m.repeated_share(part, 4) for part in parts]),
        "repeated_4_chars": _mean([m.repeated_share(part, 4) for part in letters]),
        "ended": _mean([float(s.ended) for s in samples]),
        "tokens": _mean([len(s.token_ids) for s in samples]),
        "characters": _mean([len(t) for t in texts]),
        "unknown": sum(item.unknown for item in items) / tokens if tokens else math.nan,
        "hangul": _mean([m.hangul_share(t) for t in texts]),
        "jamo": _mean([m.jamo_share(t) for t in texts]),
        "broken": _mean([m.broken_share(t) for t in texts]),
        **(reading_figures(readings) if readings else {}),
    }


def _diversity(
    by_setting: Mapping[str, Sequence[Scored]],
    pools_of: Callable[[Sequence[Scored]], list[list[Sample]]],
    prefix: str,
) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """distinct-n and Zipf of every setting, cut to equal n-gram counts, averaged over its pools of texts.

    Args:
        by_setting: samples by setting.
        pools_of: parts a setting's samples into pools of equal size, e.g. one text per prompt.
        prefix: of the metrics' names.
    """
    units: dict[str, Callable[[Sample], Sequence[object]]] = {
        "tokens": lambda s: s.token_ids,
        "chars": lambda s: m.without_blanks(s.text),
    }
    found: dict[str, dict[str, float]] = {name: {} for name in by_setting}
    counts: dict[str, int] = {}
    for unit, of in units.items():
        for n in (1, 2, 3):
            pools = {
                name: [m.pooled_ngrams([of(s) for s in texts], n) for texts in pools_of(items)]
                for name, items in by_setting.items()
            }
            count = _common([len(pool) for repeats in pools.values() for pool in repeats])
            suffix = "" if unit == "tokens" else "_chars"
            counts[f"{prefix}distinct_{n}{suffix}"] = count
            for name, repeats in pools.items():
                cut = [pool[:count] for pool in repeats if len(pool) >= count > 0]
                found[name][f"{prefix}distinct_{n}{suffix}"] = _mean([m.distinct(pool) for pool in cut])
                if n == 1:
                    found[name][f"{prefix}zipf{suffix}"] = _mean([m.zipf_exponent(pool) for pool in cut])
    return found, counts


def _common(counts: Sequence[int]) -> int:
    """Return the smallest count that is at least a quarter of the median: shorter rows stay empty."""
    if not counts:
        return 0
    floor = float(np.median(counts)) / 4
    return min((c for c in counts if c >= floor), default=0)


def _repeats(items: Sequence[Scored]) -> list[list[Sample]]:
    """Return samples by repeat: each list has one text per prompt."""
    grouped: dict[int, list[Sample]] = {}
    for item in items:
        grouped.setdefault(item.sample.repeat, []).append(item.sample)
    return [grouped[r] for r in sorted(grouped)]


def _equal_bigrams(by_setting: Mapping[str, Sequence[Scored]], prompts: Sequence[int]) -> dict[int, int]:
    """By prompt, the bigrams that its repeats are cut to, over the settings with more than one text."""
    found = {}
    for prompt in prompts:
        counts = []
        for items in by_setting.values():
            texts = [i.sample.token_ids for i in items if i.sample.prompt == prompt]
            if len(texts) > 1:
                counts.append(len(m.pooled_ngrams(texts, 2)))
        found[prompt] = _common(counts)
    return found


def _by_prompt(
    items: Sequence[Scored], prompts: Sequence[int], equal: Mapping[int, int], longest: int | None
) -> dict[str, Values]:
    columns: dict[str, list[float]] = {name: [] for name in PAIRED}
    for prompt in prompts:
        part = [item for item in items if item.sample.prompt == prompt]
        samples = [item.sample for item in part]
        starts = [s.token_ids[:longest] for s in samples]
        bigrams = m.pooled_ngrams([s.token_ids for s in samples], 2)
        enough = len(samples) > 1 and len(bigrams) >= equal[prompt] > 0
        columns["nll"].append(_nll(part))
        columns["scorer_nll"].append(_scorer_nll(part))
        columns["prompt_distinct_2"].append(m.distinct(bigrams[: equal[prompt]]) if enough else math.nan)
        columns["self_bleu"].append(m.self_bleu([s.text for s in samples]))
        columns["seq_rep_2"].append(_mean([m.sequence_repetition(start, 2) for start in starts]))
        columns["seq_rep_4"].append(_mean([m.sequence_repetition(start, 4) for start in starts]))
        columns["repeated_4"].append(_mean([m.repeated_share(start, 4) for start in starts]))
        columns["ended"].append(_mean([float(s.ended) for s in samples]))
        columns["tokens"].append(_mean([len(s.token_ids) for s in samples]))
    return {name: np.array(values) for name, values in columns.items()}


def _nll(items: Sequence[Scored]) -> float:
    tokens = sum(len(item.sample.token_ids) for item in items)
    return -sum(item.sample.log_probability for item in items) / tokens if tokens else math.nan


def _scorer_nll(items: Sequence[Scored]) -> float:
    units = sum(item.scorer_units for item in items)
    return sum(item.scorer_nats for item in items) / units if units else math.nan


def _mean(values: Sequence[float] | Values) -> float:
    """Return the mean of what is defined; NaN when nothing is."""
    array = np.asarray(values, dtype=float)
    array = array[~np.isnan(array)]
    return float(array.mean()) if len(array) else math.nan
