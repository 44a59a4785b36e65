"""What a report says in words: sentences that follow from the numbers by fixed rules."""

from __future__ import annotations

import math
from itertools import pairwise

from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.goal import OBJECTIVES
from benchmarks.generation.report.figures import pareto_front
from benchmarks.generation.report.tables import distance_interval
from benchmarks.generation.scoring.statistics import MIN_PROMPTS, can_decide

DEGENERATE = 3.0  # times the human text's share of repeated 4-grams ...
DEGENERATE_SHARE = 0.1  # ... and at least this share
POOR = 0.8  # of the human text's distinct-2 over one text per prompt


def findings(results: Results) -> list[str]:
    """Return sentences in order of use: nearest to human text, degenerate, trade-offs, undecided."""
    found = [
        *_tuned(results),
        *_nearest(results),
        *_degenerate(results),
        *_front(results),
        *_temperature(results),
        *_fastest(results),
    ]
    found.append(_undecided(results))
    return [text for text in found if text]


def _tuned(results: Results) -> list[str]:
    """Return what the search found and what is left of it on prompts that it did not see."""
    tuning, baseline = results.tuning, results.plan.baseline
    if tuning is None:
        return []
    best, objective = tuning.best, tuning.objective
    winner = next(s.name for s in results.plan.settings if s.decoding == best.decoding)
    base = results.figures(baseline)[objective]
    found = [
        f"The search chose {best.decoding.name}: {objective} {best.value:.3g} on the {len(tuning.tuning_prompts)} "
        f"prompts that it saw, {results.figures(winner)[objective]:.3g} on the {len(tuning.confirming_prompts)} that "
        f"it did not ('{baseline}': {base:.3g})."
    ]
    metric = OBJECTIVES[objective]
    for c in results.comparisons:
        if (c.setting, c.metric) == (winner, metric):
            way = "nearer to human text" if c.difference < 0 else "farther from human text"
            found.append(
                f"Prompt by prompt, {winner} is {abs(c.difference):.3g} nats {way} than '{baseline}' (95 % interval of "
                f"the difference {c.low:.3g} to {c.high:.3g}, p {c.p_holm:.3g} after correction): "
                f"{'significant' if c.significant else 'not significant, so the search has shown no gain'}."
            )
    return found


def _nearest(results: Results) -> list[str]:
    table = results.human_table
    if table is None or table.human is None:
        return ["No prompt has a known human continuation, so nothing is said about nearness to human text."]
    names = sorted((s.name for s in results.plan.settings), key=lambda n: results.figures(n)["human_distance"])
    best = names[0]
    figures = table.row(best).figures
    undecided = [n for n in names if _covers_zero(distance_interval(results, n))]
    others = (
        f" {_listed(undecided)} cannot be told from human text with {len(table.prompts)} prompts (this does not show "
        "that they are equal)."
        if undecided
        else ""
    )
    return [
        f"Nearest to human text in perplexity: {best} ({figures['perplexity']:.3g} against the human text's "
        f"{table.human.figures['perplexity']:.3g}, {len(table.prompts)} prompts).{others}"
    ]


def _degenerate(results: Results) -> list[str]:
    """Return settings that repeat themselves, within a text or from prompt to prompt, far beyond human text."""
    table = results.human_table
    if table is None or table.human is None:
        return []
    human = table.human.figures
    limit = max(DEGENERATE * _zero(human["repeated_4"]), DEGENERATE_SHARE)
    within, across = [], []
    for setting in results.plan.settings:
        figures = table.row(setting.name).figures
        if _zero(figures["repeated_4"]) >= limit:
            within.append(f"{setting.name} ({figures['repeated_4']:.0%})")
        if figures["single_distinct_2"] <= POOR * human["single_distinct_2"]:
            across.append(f"{setting.name} ({figures['single_distinct_2']:.2f})")
    found = []
    if within:
        beside = f"human text {_zero(human['repeated_4']):.0%}"
        found.append(f"Degenerate, by 4-grams repeated within a text: {_listed(within)}; {beside}.")
    if across:
        beside = f"human text {human['single_distinct_2']:.2f}"
        found.append(f"Degenerate, by the same words whatever the prompt (distinct-2): {_listed(across)}; {beside}.")
    return found or ["No setting repeats itself far beyond human text."]


def _front(results: Results) -> list[str]:
    if results.human_table is None:
        return []
    names = [s.name for s in results.plan.settings]
    figures = [results.figures(n) for n in names]
    front = pareto_front([(-f["single_distinct_2"], f["human_distance"]) for f in figures])
    chosen = sorted((names[i] for i in front), key=lambda n: results.figures(n)["human_distance"])
    return [f"No other setting is both nearer to human text and more diverse (distinct-2) than: {_listed(chosen)}."]


def _temperature(results: Results) -> list[str]:
    """Return the direction of temperature, where settings differ in it alone."""
    plain = sorted(
        (s.decoding.temperature, s.name)
        for s in results.plan.settings
        if s.decoding.mode == "sample" and s.name == f"T={s.decoding.temperature:g}"
    )
    if len(plain) < 3:
        return []
    rows = [results.table.row(name).figures for _, name in plain]
    moves = []
    for metric, title in (("perplexity", "perplexity"), ("distinct_2", "distinct-2"), ("self_bleu", "self-BLEU")):
        values = [row.get(metric, math.nan) for row in rows]
        if any(map(math.isnan, values)):  # with one text per prompt, or only short ones
            continue
        steps = [b - a for a, b in pairwise(values)]
        way = "rises" if all(s > 0 for s in steps) else "falls" if all(s < 0 for s in steps) else "is not monotone"
        moves.append(f"{title} {way} ({values[0]:.3g} to {values[-1]:.3g})")
    return [f"From temperature {plain[0][0]:g} to {plain[-1][0]:g}: {', '.join(moves)}."]


def _fastest(results: Results) -> list[str]:
    if not results.speeds:
        return []
    by_speed = sorted(results.speeds, key=lambda s: s.batched_tokens_per_s)
    slow, fast = by_speed[0], by_speed[-1]
    text = (
        f"Fastest in a batch: {fast.setting} ({fast.batched_tokens_per_s:,.0f} tokens/s), slowest: {slow.setting} "
        f"({slow.batched_tokens_per_s:,.0f})."
    )
    if results.side_by_side:
        text += f" All settings decoded together: {results.side_by_side.ratio:.0f} times the loop over single prompts."
    return [text]


def _undecided(results: Results) -> str:
    compared = [c for c in results.comparisons if c.metric == "nll"]
    prompts = min((c.prompts for c in compared), default=len(results.plan.prompts))
    if prompts < MIN_PROMPTS:
        return f"Fewer than {MIN_PROMPTS} prompts: intervals and p-values are indicative only."
    if not can_decide(prompts, len(compared)):
        return (
            f"With {prompts} prompts and {len(compared)} settings beside the baseline no difference can be significant "
            "after correction: intervals only point somewhere."
        )
    if not compared:
        return ""
    open_pairs = [c.setting for c in compared if not c.significant]
    if not open_pairs:
        return f"Every setting differs from '{results.plan.baseline}' in nats per token at 5 % after correction."
    return f"Not shown to differ from '{results.plan.baseline}' in nats per token: {_listed(open_pairs)}."


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _covers_zero(interval: tuple[float, float]) -> bool:
    return interval[0] <= 0 <= interval[1]


def _listed(names: list[str]) -> str:
    return ", ".join(names)
