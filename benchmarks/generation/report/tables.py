"""The tables of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.generation.measure.optimize import Tuning
from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.settings import PARAMETERS
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.scoring.metrics import CHARACTERS, DEFINITIONS
from benchmarks.generation.scoring.quality import QualityTable
from benchmarks.generation.scoring.statistics import can_decide, nll_difference_interval
from tunelab.documents.blocks import Cell, Table

MAIN = (
    "human_distance", "perplexity", "scorer_perplexity", "distinct_1", "distinct_2", "distinct_3", "self_bleu",
    "single_distinct_2", "seq_rep_2", "seq_rep_4", "repeated_4", "zipf", "ended", "tokens",
)  # fmt: skip
FURTHER = (
    "scorer_distance", "distinct_1_chars", "distinct_2_chars", "distinct_3_chars", "zipf_chars", "seq_rep_4_chars",
    "repeated_4_chars", "single_distinct_1", "single_distinct_3", "single_zipf", "prompt_distinct_2",
    "characters", "unknown", "hangul", "jamo",
)  # fmt: skip
AGAINST_HUMAN = (
    "perplexity", "human_distance", "human_gap", "scorer_perplexity", "scorer_distance", "scorer_gap",
    "single_distinct_1", "single_distinct_2", "single_distinct_3", "seq_rep_4", "repeated_4", "single_zipf", "ended",
    "tokens",
)  # fmt: skip


def title(names: str) -> str:
    """Return names of metrics as reports write them: those of the definitions, ``human distance``."""
    return names.replace("_", " ")


HELPS = {title(name): text for names, text in DEFINITIONS.items() for name in names.split(", ")}
DIGITS = 3  # significant, in every table


def main_table(results: Results) -> Table:
    """Return the main metrics by setting."""
    human = results.human_table
    note = f" Distance to human text on the {len(human.prompts)} prompts where it is known." if human else ""
    return _by_setting(results, MAIN, _caption(results, results.table) + note)


def further_table(results: Results) -> Table:
    """Return the sanity columns and the measures on characters, by setting."""
    return _by_setting(results, FURTHER, "Sanity columns and the same measures on characters.")


def human_table(results: Results) -> Table | None:
    """Return the prompts whose human continuation is known, human row first, with an interval of the distance."""
    table = results.human_table
    if table is None or table.human is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for row in (table.human, *(r for r in table.rows if r.name != HUMAN)):
        low, high = distance_interval(results, row.name)
        cells = [defined(row.figures.get(name)) for name in AGAINST_HUMAN]
        rows.append((row.name, row.texts, *cells, defined(low), defined(high)))
    columns = ("setting", "texts", *(title(n) for n in AGAINST_HUMAN), "nll diff. low", "nll diff. high")
    caption = (
        f"{_caption(results, table)} The last columns bound, with 95 % confidence over prompts and without correction "
        "for the number of settings, the setting's nats per token minus the human text's. An interval around 0 leaves "
        "open whether there is a difference; it does not show that there is none."
    )
    return _table(columns, tuple(rows), caption, (0,))


def statistics_table(results: Results, metric: str) -> Table:
    """Return one metric's comparisons with the baseline."""
    chosen = [c for c in results.comparisons if c.metric == metric]
    rows = tuple(
        (
            c.setting, c.mean, c.difference, c.low, c.high, c.p, c.p_holm, defined(c.effect),
            "none" if math.isnan(c.detectable) else c.detectable, c.prompts,
        )
        for c in chosen
    )  # fmt: skip
    caption = f"{title(metric)} against '{results.plan.baseline}', paired by prompt."
    if any(c.indicative for c in chosen):
        caption += " Indicative only where there are fewer than 6 prompts."
    if any(not can_decide(c.prompts, len(chosen)) for c in chosen):
        caption += (
            f" Detectable 'none': after correction for {len(chosen)} settings, this number of prompts cannot make any "
            "difference significant. Take more prompts or fewer settings."
        )
    columns = ("setting", "mean", "difference", "low", "high", "p", "p (Holm)", "effect", "detectable", "prompts")
    return _table(columns, rows, caption, tuple(i for i, c in enumerate(chosen) if c.significant))


def speed_table(results: Results) -> Table | None:
    """Return latency, throughput and peak memory by setting; None when no speed was measured."""
    if not results.speeds:
        return None
    rows = tuple(
        (
            s.setting, s.ttft_ms_p50, s.ttft_ms_p95, s.alone_tokens_per_s, s.alone_ms_p50, s.alone_ms_p95, s.batch,
            s.batched_tokens_per_s, s.batched_ms_p50, s.batched_ms_p95, s.peak_mib, s.warmup_s * 1000,
        )
        for s in results.speeds
    )  # fmt: skip
    columns = (
        "setting", "TTFT ms p50", "TTFT ms p95", "tokens/s alone", "ms/token p50", "ms/token p95", "batch",
        "tokens/s batched", "ms/step p50", "ms/step p95", "peak MiB", "warm-up ms",
    )  # fmt: skip
    spec = results.plan.spec.speed
    caption = (
        f"{spec.repeats} timed runs of {spec.new_tokens} tokens a setting, end token ignored, warm-up run apart. "
        f"Device: {results.lock['resolved']['device']}. Beam search and beam sampling run through transformers' "
        "generate and are timed by whole runs; the others through the engine."
    )
    return _table(columns, rows, caption)


def settings_table(results: Results) -> Table:
    """Return every parameter of every setting, as used."""
    rows = tuple(
        (s.name, s.decoding.method, *(str(getattr(s.decoding, p)) for p in PARAMETERS)) for s in results.plan.settings
    )
    columns = ("setting", "method", *PARAMETERS)
    return _table(columns, rows, "Every parameter as it was used; nothing is left to a default.")


def tuning_table(tuning: Tuning, most: int = 20) -> Table:
    """Return the best trials of the search."""
    ranked = sorted((t for t in tuning.trials if not math.isnan(t.value)), key=lambda t: (t.value, t.number))
    rows = tuple((t.number, t.decoding.name, t.value) for t in ranked[:most])
    caption = (
        f"The best {len(rows)} of {len(tuning.trials)} trials by {tuning.objective} on {len(tuning.tuning_prompts)} "
        f"prompts. The values are optimistic, being chosen; the other tables are from {len(tuning.confirming_prompts)} "
        "prompts that the search did not see."
    )
    return _table(("trial", "setting", tuning.objective), rows, caption, (0,))


def distance_interval(results: Results, setting: str) -> tuple[float, float]:
    """Return a 95 % interval of the setting's nats per token minus the human text's, over prompts; NaN without them."""
    table = results.human_table
    if table is None or table.human is None or setting == HUMAN:
        return math.nan, math.nan
    return nll_difference_interval(table.row(setting), table.human, results.plan.spec.seed)


def defined(value: float | None) -> float | None:
    """Return None for NaN, so that tables show an empty cell."""
    return None if value is None or math.isnan(value) else value


def _by_setting(results: Results, names: Sequence[str], caption: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for setting in results.plan.settings:
        figures = results.figures(setting.name)
        texts = results.table.row(setting.name).texts
        rows.append((setting.name, texts, *(defined(figures.get(name)) for name in names)))
    shown = [i for i, s in enumerate(results.plan.settings) if s.name == results.plan.baseline]
    return _table(("setting", "texts", *(title(n) for n in names)), tuple(rows), caption, tuple(shown))


def _caption(results: Results, table: QualityTable) -> str:
    together = table.ngram_counts.get("distinct_2")
    pooled = f"distinct-n of all repeats together on {together:,} bigrams of tokens in every row; " if together else ""
    return (
        f"{len(table.prompts)} prompts. {pooled[:1].upper()}{pooled[1:]}1-text columns on {len(table.prompts)} texts, "
        f"one per prompt, and {table.ngram_counts['single_distinct_2']:,} bigrams. seq-rep and rep. 4-grams on the "
        f"first {results.plan.common_tokens} tokens of a text, self-BLEU on its first {CHARACTERS} characters: texts "
        f"that end earlier have less to repeat. Scorer: {results.scorer.name}, per {results.scorer.unit}."
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str, marked: tuple[int, ...] = ()) -> Table:
    return Table(columns, rows, caption, marked, digits=DIGITS, helps=HELPS)
