"""Which setting to take for which use, with how sure that is: what a report begins with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.generation.measure.results import Results
from benchmarks.generation.measure.speed import Speed
from benchmarks.generation.report.tables import distance_interval
from tunelab.documents.blocks import Cell, Table
from tunelab.records.text import format_number
from tunelab.system.language import tr

VARIED_METRIC = "prompt_distinct_2"
Advice = tuple[str, str, str, str]  # use, setting, why, how sure


def recommendation_table(results: Results) -> Table:
    """Return a row for each use that the numbers can decide on."""
    rows: list[list[Cell]] = [list(advice) for advice in recommendations(results)]
    caption = tr("A recommendation holds for this model, these prompts and this length of text.")
    return Table([tr("for"), tr("take"), tr("why"), tr("how sure")], rows, caption)


def recommendations(results: Results) -> Iterator[Advice]:
    """Yield the setting closest to human text, the most varied one, and the fastest one, as far as measured."""
    if results.human_table is not None and results.human_table.human is not None:
        yield _closest(results)
    varied = _most_varied(results)
    if varied is not None:
        yield varied
    if results.speeds:
        yield _fastest(results.speeds)


def _closest(results: Results) -> Advice:
    names = [s.name for s in results.plan.settings]
    best = min(names, key=lambda name: results.figures(name)["human_distance"])
    low, high = distance_interval(results, best)
    alike = [n for n in names if n != best and _covers_zero(distance_interval(results, n))]
    prompts = len(results.human_table.prompts) if results.human_table else 0
    sure = tr(
        "{low} to {high} nats per token from human text (95 %, {count} prompts)",
        low=format_number(low, 2),
        high=format_number(high, 2),
        count=prompts,
    )
    if alike:
        more = tr(
            "with {count} prompts {settings} cannot be told from human text either",
            count=prompts,
            settings=", ".join(alike),
        )
        sure = f"{sure}; {more}"
    why = tr("human distance {distance} nats", distance=_three(results.figures(best)["human_distance"]))
    return tr("text like a human's"), best, why, sure


def _most_varied(results: Results) -> Advice | None:
    """Return the setting whose texts of one prompt differ most, of equal ones that nearest to human text.

    Noise is as varied, so its distance is told.
    """
    scores = {s.name: results.table.row(s.name).figures.get(VARIED_METRIC, math.nan) for s in results.plan.settings}
    known = {name: value for name, value in scores.items() if math.isfinite(value)}
    if not known:
        return None
    far = {name: results.figures(name).get("human_distance", math.nan) for name in known}
    best = max(known, key=lambda name: (known[name], -far[name] if math.isfinite(far[name]) else -math.inf))
    compared = [c for c in results.comparisons if (c.metric, c.setting) == (VARIED_METRIC, best)]
    sure = tr("it is the baseline") if best == results.plan.baseline else tr("not compared")
    for c in compared:
        sure = tr(
            "{amount} ({low} to {high}, 95 %) more than '{baseline}'",
            amount=_three(c.difference),
            low=_three(c.low),
            high=_three(c.high),
            baseline=c.baseline,
        )
        decided = tr("significant after correction") if c.significant else tr("not significant after correction")
        sure = f"{sure}, {decided}"
    why = tr("distinct-2 within a prompt {value}", value=_three(known[best]))
    if not math.isnan(far[best]):
        why = f"{why}; {tr('human distance {distance} nats', distance=_three(far[best]))}"
    return tr("variety"), best, why, sure


def _fastest(speeds: Sequence[Speed]) -> Advice:
    best = max(speeds, key=lambda s: s.batched_tokens_per_s)
    second = sorted((s.batched_tokens_per_s for s in speeds), reverse=True)[1:2]
    ahead = tr("the only setting")
    if second:
        ahead = tr("{ratio:.2f} times the next setting", ratio=best.batched_tokens_per_s / second[0])
    spread = tr(
        "a step takes {median} ms at the median, {late} ms at the 95th percentile",
        median=format_number(best.batched_ms_p50, 3),
        late=format_number(best.batched_ms_p95, 3),
    )
    why = tr("{speed:,.0f} tokens/s in a batch", speed=best.batched_tokens_per_s)
    return tr("speed"), best.setting, why, f"{ahead}; {spread}"


def _three(value: float) -> str:
    return format_number(value, 3)


def _covers_zero(interval: tuple[float, float]) -> bool:
    return interval[0] <= 0 <= interval[1]
