"""The tables of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.generation.measure.optimize import Tuning
from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.settings import PARAMETERS
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.scoring.metrics import CHARACTERS, DEFINITIONS
from benchmarks.generation.scoring.morphemes import DEFINITIONS as KOREAN_DEFINITIONS
from benchmarks.generation.scoring.quality import QualityTable
from benchmarks.generation.scoring.statistics import MIN_PROMPTS, can_decide, nll_difference_interval
from tunelab.documents.blocks import Cell, Table
from tunelab.system.language import tr, tr_term

MAIN = (
    "human_distance", "perplexity", "scorer_perplexity", "distinct_1", "distinct_2", "distinct_3", "self_bleu",
    "single_distinct_2", "seq_rep_2", "seq_rep_4", "repeated_4", "zipf", "ended", "tokens",
)  # fmt: skip
FURTHER = (
    "scorer_distance", "distinct_1_chars", "distinct_2_chars", "distinct_3_chars", "zipf_chars", "seq_rep_4_chars",
    "repeated_4_chars", "single_distinct_1", "single_distinct_3", "single_zipf", "prompt_distinct_2",
    "characters", "unknown", "hangul", "jamo", "broken",
)  # fmt: skip
AGAINST_HUMAN = (
    "perplexity", "human_distance", "human_gap", "scorer_perplexity", "scorer_distance", "scorer_gap",
    "single_distinct_1", "single_distinct_2", "single_distinct_3", "seq_rep_4", "repeated_4", "single_zipf", "ended",
    "tokens",
)  # fmt: skip
KOREAN = tuple(KOREAN_DEFINITIONS)
ALL_DEFINITIONS = {**DEFINITIONS, **KOREAN_DEFINITIONS}


DIGITS = 3  # significant, in every table


def title(names: str) -> str:
    """Return names of metrics, with commas, as reports write them: those of the definitions, ``human distance``."""
    return ", ".join(tr_term(name.replace("_", " ")) for name in names.split(", "))


def definitions() -> dict[str, str]:
    """Return what each metric means, by the title of its name."""
    return {title(name): tr_term(text) for names, text in ALL_DEFINITIONS.items() for name in names.split(", ")}


def main_table(results: Results) -> Table:
    """Return the main metrics by setting."""
    human = results.human_table
    caption = _caption(results, results.table)
    if human:
        note = tr("Distance to human text on the {count} prompts where it is known.", count=len(human.prompts))
        caption = f"{caption} {note}"
    return _by_setting(results, MAIN, caption)


def further_table(results: Results) -> Table:
    """Return the sanity columns and the measures on characters, by setting."""
    return _by_setting(results, FURTHER, tr("Sanity columns and the same measures on characters."))


def korean_table(results: Results) -> Table | None:
    """Return what Kiwi reads in the texts, by setting, the human text last; None unless it was asked for."""
    if not results.plan.spec.korean:
        return None
    rows: list[tuple[Cell, ...]] = []
    for setting in results.plan.settings:
        row = results.table.row(setting.name)
        rows.append((setting.name, row.texts, *(defined(row.figures.get(name)) for name in KOREAN)))
    human = results.human_table.human if results.human_table else None
    if human is not None:
        rows.append((tr_term(HUMAN), human.texts, *(defined(human.figures.get(name)) for name in KOREAN)))
    caption = tr(
        "Morphemes as Kiwi (kiwipiepy {version}) reads them; human text on the prompts that have it.",
        version=results.lock["resolved"]["kiwi"]["kiwipiepy"],
    )
    return _table((tr("setting"), tr("texts"), *(title(n) for n in KOREAN)), tuple(rows), caption)


def human_table(results: Results) -> Table | None:
    """Return the prompts whose human continuation is known, human row first, with an interval of the distance."""
    table = results.human_table
    if table is None or table.human is None:
        return None
    rows: list[tuple[Cell, ...]] = []
    for row in (table.human, *(r for r in table.rows if r.name != HUMAN)):
        low, high = distance_interval(results, row.name)
        cells = [defined(row.figures.get(name)) for name in AGAINST_HUMAN]
        name = tr_term(HUMAN) if row.name == HUMAN else row.name
        rows.append((name, row.texts, *cells, defined(low), defined(high)))
    bounds = (tr("nll diff. low"), tr("nll diff. high"))
    columns = (tr("setting"), tr("texts"), *(title(n) for n in AGAINST_HUMAN), *bounds)
    note = tr(
        "The last columns bound, with 95 % confidence over prompts and without correction for the number of settings, "
        "the setting's nats per token minus the human text's. An interval around 0 leaves open whether there is a "
        "difference; it does not show that there is none."
    )
    return _table(columns, tuple(rows), f"{_caption(results, table)} {note}", (0,))


def statistics_table(results: Results, metric: str) -> Table:
    """Return one metric's comparisons with the baseline."""
    chosen = [c for c in results.comparisons if c.metric == metric]
    rows = tuple(
        (
            c.setting, c.mean, c.difference, c.low, c.high, c.p, c.p_holm, defined(c.effect),
            tr("none") if math.isnan(c.detectable) else c.detectable, c.prompts,
        )
        for c in chosen
    )  # fmt: skip
    caption = [
        tr("{metric} against '{baseline}', paired by prompt.", metric=title(metric), baseline=results.plan.baseline)
    ]
    if any(c.indicative for c in chosen):
        caption.append(tr("Indicative only where there are fewer than {count} prompts.", count=MIN_PROMPTS))
    if any(not can_decide(c.prompts, len(chosen)) for c in chosen):
        text = tr(
            "Detectable 'none': after correction for {count} settings, this number of prompts cannot make any "
            "difference significant. Take more prompts or fewer settings.",
            count=len(chosen),
        )
        caption.append(text)
    columns = (
        *(tr("setting"), tr("mean"), tr("difference"), tr("low"), tr("high"), "p", tr("p (Holm)"), tr("effect")),
        *(tr("detectable"), tr("prompts")),
    )
    return _table(columns, rows, " ".join(caption), tuple(i for i, c in enumerate(chosen) if c.significant))


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
        tr("setting"), tr("TTFT ms p50"), tr("TTFT ms p95"), tr("tokens/s alone"), tr("ms/token p50"),
        tr("ms/token p95"), tr("batch"), tr("tokens/s batched"), tr("ms/step p50"), tr("ms/step p95"), tr("peak MiB"),
        tr("warm-up ms"),
    )  # fmt: skip
    spec = results.plan.spec.speed
    caption = tr(
        "{repeats} timed runs of {tokens} tokens a setting, end token ignored, warm-up run apart. TTFT is the time to "
        "the first token. Device: {device}.",
        repeats=spec.repeats,
        tokens=spec.new_tokens,
        device=results.lock["resolved"]["device"],
    )
    ways = tr(
        "Beam search and beam sampling run through transformers' generate and are timed by whole runs; the others "
        "through the engine."
    )
    if results.lock["resolved"].get("slower"):
        ways = tr("All settings run through transformers' generate and are timed by whole runs.")
    return _table(columns, rows, f"{caption} {ways}")


def settings_table(results: Results) -> Table:
    """Return every parameter of every setting, as used."""
    rows = tuple(
        (s.name, s.decoding.method, *(str(getattr(s.decoding, p)) for p in PARAMETERS)) for s in results.plan.settings
    )
    columns = (tr("setting"), tr("method"), *PARAMETERS)
    return _table(columns, rows, tr("Every parameter as it was used; nothing is left to a default."))


def tuning_table(tuning: Tuning, most: int = 20) -> Table:
    """Return the best trials of the search."""
    ranked = sorted((t for t in tuning.trials if not math.isnan(t.value)), key=lambda t: (t.value, t.number))
    rows = tuple((t.number, t.decoding.name, t.value) for t in ranked[:most])
    caption = tr(
        "The best {shown} of {count} trials by {objective} on {tuning} prompts. The values are optimistic, being "
        "chosen; the other tables are from {confirming} prompts that the search did not see.",
        shown=len(rows),
        count=len(tuning.trials),
        objective=title(tuning.objective),
        tuning=len(tuning.tuning_prompts),
        confirming=len(tuning.confirming_prompts),
    )
    return _table((tr("trial"), tr("setting"), title(tuning.objective)), rows, caption, (0,))


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
    columns = (tr("setting"), tr("texts"), *(title(n) for n in names))
    return _table(columns, tuple(rows), caption, tuple(shown))


def _caption(results: Results, table: QualityTable) -> str:
    together = table.ngram_counts.get("distinct_2")
    pooled = tr("Distinct-n of all repeats together on {count:,} bigrams of tokens in every row.", count=together or 0)
    rest = tr(
        "Columns of single texts: {prompts} texts, one per prompt, and {bigrams:,} bigrams. seq-rep and repeated "
        "4-grams on the first {tokens} tokens of a text, self-BLEU on its first {characters} characters: texts that "
        "end earlier have less to repeat. Scorer: {scorer}, per {unit}.",
        prompts=len(table.prompts),
        bigrams=table.ngram_counts["single_distinct_2"],
        tokens=results.plan.common_tokens,
        characters=CHARACTERS,
        scorer=results.scorer.name,
        unit=tr_term(results.scorer.unit),
    )
    count = tr("{count} prompts.", count=len(table.prompts))
    return " ".join([count, *([pooled] if together else []), rest])


def _table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str, marked: tuple[int, ...] = ()) -> Table:
    return Table(columns, rows, caption, marked, digits=DIGITS, helps=definitions())
