"""What a report says in words: sentences that follow from the numbers by fixed rules."""

from __future__ import annotations

import math
from itertools import pairwise

from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.goal import OBJECTIVES
from benchmarks.generation.report.figures import pareto_front
from benchmarks.generation.report.tables import distance_interval, title
from benchmarks.generation.scoring.statistics import MIN_PROMPTS, Comparison, can_decide
from trainables.base.kinds.percent import as_percent
from tunelab.records.text import format_number
from tunelab.system.language import tr

DIGITS = 3  # significant ones of a figure in a sentence; a p-value has 2
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
    found = [
        tr(
            "The search chose {setting}: {objective} {value} on the {tuning} prompts that it saw, {confirmed} "
            "on the {confirming} that it did not ('{baseline}': {base}).",
            setting=best.decoding.name,
            objective=title(objective),
            value=format_number(best.value, DIGITS),
            tuning=len(tuning.tuning_prompts),
            confirmed=format_number(results.figures(winner)[objective], DIGITS),
            confirming=len(tuning.confirming_prompts),
            baseline=baseline,
            base=format_number(results.figures(baseline)[objective], DIGITS),
        )
    ]
    compared = [c for c in results.comparisons if (c.setting, c.metric) == (winner, OBJECTIVES[objective])]
    return [*found, *(_gain(c) for c in compared)]


def _gain(c: Comparison) -> str:
    """Return how much nearer to human text the winner of a search is than the baseline."""
    values = {
        **{"setting": c.setting, "baseline": c.baseline, "amount": format_number(abs(c.difference), DIGITS)},
        **{"low": format_number(c.low, DIGITS), "high": format_number(c.high, DIGITS), "p": format_number(c.p_holm, 2)},
    }
    if c.difference < 0:
        text = tr(
            "Prompt by prompt, {setting} is {amount} nats nearer to human text than '{baseline}' (95 % interval of "
            "the difference {low} to {high}, p {p} after correction).",
            **values,
        )
    else:
        text = tr(
            "Prompt by prompt, {setting} is {amount} nats farther from human text than '{baseline}' (95 % interval "
            "of the difference {low} to {high}, p {p} after correction).",
            **values,
        )
    return f"{text} {tr('Significant.') if c.significant else tr('Not significant: the search has shown no gain.')}"


def _nearest(results: Results) -> list[str]:
    table = results.human_table
    if table is None or table.human is None:
        return [tr("No prompt has a known human continuation, so nothing is said about nearness to human text.")]
    names = sorted((s.name for s in results.plan.settings), key=lambda n: results.figures(n)["human_distance"])
    best = names[0]
    found = tr(
        "Nearest to human text in perplexity: {setting} ({value} against the human text's {human}, {count} prompts).",
        setting=best,
        value=format_number(table.row(best).figures["perplexity"], DIGITS),
        human=format_number(table.human.figures["perplexity"], DIGITS),
        count=len(table.prompts),
    )
    undecided = [n for n in names if _covers_zero(distance_interval(results, n))]
    if undecided:
        others = tr(
            "{settings} cannot be told from human text with {count} prompts (this does not show that they are equal).",
            settings=_listed(undecided),
            count=len(table.prompts),
        )
        found = f"{found} {others}"
    return [found]


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
            within.append(f"{setting.name} ({as_percent(figures['repeated_4'])})")
        if figures["single_distinct_2"] <= POOR * human["single_distinct_2"]:
            across.append(f"{setting.name} ({figures['single_distinct_2']:.2f})")
    found = []
    if within:
        text = tr(
            "Degenerate, by 4-grams repeated within a text: {settings}; human text {human}.",
            settings=_listed(within),
            human=as_percent(_zero(human["repeated_4"])),
        )
        found.append(text)
    if across:
        text = tr(
            "Degenerate, by the same words whatever the prompt (distinct-2): {settings}; human text {human:.2f}.",
            settings=_listed(across),
            human=human["single_distinct_2"],
        )
        found.append(text)
    return found or [tr("No setting repeats itself far beyond human text.")]


def _front(results: Results) -> list[str]:
    if results.human_table is None:
        return []
    names = [s.name for s in results.plan.settings]
    figures = [results.figures(n) for n in names]
    front = pareto_front([(-f["single_distinct_2"], f["human_distance"]) for f in figures])
    chosen = sorted((names[i] for i in front), key=lambda n: results.figures(n)["human_distance"])
    text = tr(
        "No other setting is both nearer to human text and more diverse (distinct-2) than: {settings}.",
        settings=_listed(chosen),
    )
    return [text]


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
    for metric in ("perplexity", "distinct_2", "self_bleu"):
        values = [row.get(metric, math.nan) for row in rows]
        if any(map(math.isnan, values)):  # with one text per prompt, or only short ones
            continue
        steps = [b - a for a, b in pairwise(values)]
        first, last = (format_number(value, DIGITS) for value in (values[0], values[-1]))
        ends = {"metric": title(metric), "first": first, "last": last}
        if all(s > 0 for s in steps):
            moves.append(tr("{metric} rises ({first} to {last})", **ends))
        elif all(s < 0 for s in steps):
            moves.append(tr("{metric} falls ({first} to {last})", **ends))
        else:
            moves.append(tr("{metric} is not monotone ({first} to {last})", **ends))
    text = tr(
        "From temperature {low:g} to {high:g}: {moves}.", low=plain[0][0], high=plain[-1][0], moves=", ".join(moves)
    )
    return [text]


def _fastest(results: Results) -> list[str]:
    if not results.speeds:
        return []
    by_speed = sorted(results.speeds, key=lambda s: s.batched_tokens_per_s)
    slow, fast = by_speed[0], by_speed[-1]
    text = tr(
        "Fastest in a batch: {fast} ({most:,.0f} tokens/s), slowest: {slow} ({least:,.0f}).",
        fast=fast.setting,
        most=fast.batched_tokens_per_s,
        slow=slow.setting,
        least=slow.batched_tokens_per_s,
    )
    if results.side_by_side:
        ratio = results.side_by_side.ratio
        text += " " + tr("All settings decoded together: {ratio:.0f} times the loop over single prompts.", ratio=ratio)
    return [text]


def _undecided(results: Results) -> str:
    compared = [c for c in results.comparisons if c.metric == "nll"]
    prompts = min((c.prompts for c in compared), default=len(results.plan.prompts))
    if prompts < MIN_PROMPTS:
        return tr("Fewer than {count} prompts: intervals and p-values are indicative only.", count=MIN_PROMPTS)
    if not can_decide(prompts, len(compared)):
        return tr(
            "With {prompts} prompts and {settings} settings beside the baseline no difference can be significant after "
            "correction: intervals only point somewhere.",
            prompts=prompts,
            settings=len(compared),
        )
    if not compared:
        return ""
    baseline = results.plan.baseline
    open_pairs = [c.setting for c in compared if not c.significant]
    if not open_pairs:
        return tr(
            "Every setting differs from '{baseline}' in nats per token at 5 % after correction.", baseline=baseline
        )
    return tr(
        "Not shown to differ from '{baseline}' in nats per token: {settings}.",
        baseline=baseline,
        settings=_listed(open_pairs),
    )


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _covers_zero(interval: tuple[float, float]) -> bool:
    return interval[0] <= 0 <= interval[1]


def _listed(names: list[str]) -> str:
    return ", ".join(names)
