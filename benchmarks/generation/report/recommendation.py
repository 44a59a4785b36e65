"""Which setting to take for which use, with how sure that is: what a report begins with."""

from __future__ import annotations

import math
from collections.abc import Iterator

from benchmarks.generation.measure.results import Results
from benchmarks.generation.report.tables import distance_interval
from tunelab.documents.blocks import Cell, Table
from tunelab.records.text import format_number

VARIED_METRIC = "prompt_distinct_2"
Advice = tuple[str, str, str, str]  # use, setting, why, how sure


def recommendation_table(results: Results) -> Table:
    """Return a row for each use that the numbers can decide on."""
    rows: list[list[Cell]] = [list(advice) for advice in recommendations(results)]
    caption = "A recommendation holds for this model, these prompts and this length of text."
    return Table(["for", "take", "why", "how sure"], rows, caption)


def recommendations(results: Results) -> Iterator[Advice]:
    """Yield the setting closest to human text, the most varied one, and the fastest one, as far as measured."""
    if results.human_table is not None and results.human_table.human is not None:
        yield _closest(results)
    varied = _most_varied(results)
    if varied is not None:
        yield varied
    if results.speeds:
        fastest = max(results.speeds, key=lambda s: s.batched_tokens_per_s)
        second = sorted((s.batched_tokens_per_s for s in results.speeds), reverse=True)[1:2]
        ahead = f"{fastest.batched_tokens_per_s / second[0]:.2f} times the next setting" if second else "alone"
        yield (
            "speed",
            fastest.setting,
            f"{fastest.batched_tokens_per_s:,.0f} tokens/s in a batch",
            f"{ahead}; a step takes {format_number(fastest.batched_ms_p50, 3)} ms at the median, "
            f"{format_number(fastest.batched_ms_p95, 3)} ms at the 95th percentile",
        )


def _closest(results: Results) -> Advice:
    names = [s.name for s in results.plan.settings]
    best = min(names, key=lambda name: results.figures(name)["human_distance"])
    low, high = distance_interval(results, best)
    alike = [n for n in names if n != best and _covers_zero(distance_interval(results, n))]
    prompts = len(results.human_table.prompts) if results.human_table else 0
    sure = (
        f"{format_number(low, 2)} to {format_number(high, 2)} nats per token from human text (95 %, {prompts} prompts)"
    )
    if alike:
        sure += f"; with {prompts} prompts {', '.join(alike)} cannot be told from human text either"
    return "text like a human's", best, f"human distance {_three(results.figures(best)['human_distance'])} nats", sure


def _most_varied(results: Results) -> Advice | None:
    """Return the setting whose texts differ most from prompt to prompt; noise is as varied, so see its distance."""
    scores = {s.name: results.table.row(s.name).figures.get(VARIED_METRIC, math.nan) for s in results.plan.settings}
    known = {name: value for name, value in scores.items() if math.isfinite(value)}
    if not known:
        return None
    best = max(known, key=lambda name: known[name])
    compared = [c for c in results.comparisons if (c.metric, c.setting) == (VARIED_METRIC, best)]
    sure = "it is the baseline" if best == results.plan.baseline else "not compared"
    for c in compared:
        sure = (
            f"{_three(c.difference)} ({_three(c.low)} to {_three(c.high)}, 95 %) more than '{c.baseline}', "
            f"{'significant' if c.significant else 'not significant'} after correction"
        )
    distance = results.figures(best).get("human_distance", math.nan)
    warning = "" if math.isnan(distance) else f"; human distance {_three(distance)} nats"
    return "variety", best, f"distinct-2 within a prompt {_three(known[best])}{warning}", sure


def _three(value: float) -> str:
    return format_number(value, 3)


def _covers_zero(interval: tuple[float, float]) -> bool:
    return interval[0] <= 0 <= interval[1]
