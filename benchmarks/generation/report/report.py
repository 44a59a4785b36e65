"""The report that a person decides from: ``report.html`` and ``report.md``."""

from __future__ import annotations

from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.report import figures, tables
from benchmarks.generation.report.equal_effort import equal_effort_section
from benchmarks.generation.report.findings import findings
from benchmarks.generation.report.recommendation import recommendation_table
from benchmarks.generation.scoring.metrics import DEFINITIONS
from benchmarks.generation.scoring.quality import HUMAN_PAIRED, PAIRED
from benchmarks.harness.provenance import provenance_facts
from tunelab.documents.blocks import (
    Block,
    Card,
    Cards,
    Cell,
    Code,
    Document,
    Facts,
    Folded,
    Items,
    Note,
    Section,
    Table,
    Text,
)

KOGPT2_LICENCE = (
    "The weights of KoGPT2 (skt/kogpt2-base-v2) are licensed CC BY-NC-SA 4.0: no commercial use, attribution, share "
    "alike. None of them are part of this program."
)
STATISTICS_INTRO = (
    "Repeats are averaged within a prompt; settings are compared on the same prompts and the same random numbers. "
    "Difference with its 95 % BCa bootstrap interval over prompts, two-sided permutation p, p after Holm's correction "
    "over the settings, effect in standard deviations of the paired differences, and the difference that this many "
    "prompts would detect four times in five after the correction. Rows that stand out are significant at 5 % after it."
)


def model_note(results: Results) -> str:
    """Return what wrote the texts, and what must not be concluded from them."""
    model = results.model
    if model.is_standin:
        return (
            f"Model: {model.name}, {model.parameters:,} parameters trained on public legislative text, not KoGPT2. The "
            "numbers compare settings on a test double and say nothing of KoGPT2's quality; prompts on everyday topics "
            "are outside of all that it has read."
        )
    slower = results.lock["resolved"].get("slower")
    note = f" Made by transformers' generate, one text at a time, which is slower: {slower}." if slower else ""
    return f"Model: {model.name}, {model.parameters:,} parameters, licence {model.licence}.{note}"


def make_generation_document(results: Results) -> Document:
    """Return the whole report."""
    found: list[Section | None] = [
        Section("Recommendation", _recommendation(results)),
        Section("Samples side by side", _samples(results)),
        Section("Findings", [Items(findings(results))]),
        _search_section(results),
        Section("Quality and diversity", _quality(results)),
        _human_section(results),
        Section("Differences to the baseline", _statistics(results)),
        equal_effort_section(results),
        _speed_section(results),
        Section("Settings in full", [tables.settings_table(results)]),
        Section("Definitions", [Facts({tables.title(names): text for names, text in DEFINITIONS.items()})]),
        Section("Reproduction", _reproduction(results)),
    ]
    sections = [section for section in found if section is not None]
    return Document(_title(results), _subtitle(results), sections, _provenance(results))


def _title(results: Results) -> str:
    return f"Generation settings: {results.plan.spec.name}, {results.model.name}"


def _subtitle(results: Results) -> str:
    plan = results.plan
    texts = sum(1 for s in results.scored if s.sample.setting != HUMAN)
    fixed = [mode for mode in ("greedy", "beam") if any(s.decoding.mode == mode for s in plan.settings)]
    once = f" (one for {' and '.join(fixed)})" if fixed else ""
    longest = max(s.decoding.max_new_tokens for s in plan.settings)
    return (
        f"{len(plan.settings)} settings × {len(plan.prompts)} prompts × {plan.spec.repeats} repeats{once}, {texts:,} "
        f"texts of up to {longest} tokens; baseline '{plan.baseline}'"
    )


def _recommendation(results: Results) -> list[Block]:
    return [
        recommendation_table(results),
        Note(model_note(results), warning=results.model.is_standin),
        Text(KOGPT2_LICENCE, soft=True),
    ]


def _search_section(results: Results) -> Section | None:
    if results.tuning is None:
        return None
    return Section("Search", [figures.tuning_history(results.tuning), tables.tuning_table(results.tuning)])


def _quality(results: Results) -> list[Block]:
    blocks: list[Block] = [
        tables.main_table(results),
        Folded("Further columns", [tables.further_table(results)]),
    ]
    if results.human_table:
        blocks.append(figures.diversity_pareto(results))
    return [*blocks, figures.perplexities(results)]


def _human_section(results: Results) -> Section | None:
    table = tables.human_table(results)
    if table is None:
        return None
    intro = "Only the prompts that begin held-out documents, whose human continuation is known."
    return Section("Against human text", [Text(intro), table])


def _statistics(results: Results) -> list[Block]:
    titles = (("human_gap", "Distance to human text by prompt"), ("nll", "Nats per token"), ("self_bleu", "Self-BLEU"))
    known = {c.metric for c in results.comparisons}
    drawn = [figures.forest(results, metric, title) for metric, title in titles if metric in known]
    listed = [(metric, tables.statistics_table(results, metric)) for metric in (*HUMAN_PAIRED, *PAIRED)]
    return [Text(STATISTICS_INTRO), *drawn, *(Folded(metric, [table]) for metric, table in listed if table.rows)]


def _speed_section(results: Results) -> Section | None:
    table = tables.speed_table(results)
    if table is None:
        return None
    pareto = [figures.speed_pareto(results)] if results.human_table else []
    return Section("Speed", [table, Text(_side_by_side(results)), *pareto])


def _side_by_side(results: Results) -> str:
    found = results.side_by_side
    if found is None:
        return ""
    return (
        f"Side by side in this run: a loop of transformers' generate over single prompts made "
        f"{found.loop_tokens_per_s:,.0f} tokens/s, the engine with {found.jobs:,} continuations together "
        f"{found.engine_tokens_per_s:,.0f} tokens/s: {found.ratio:.1f} times as many (medians of {found.runs} "
        f"interleaved runs of {found.new_tokens} tokens). Absolute numbers depend on what else the machine did."
    )


def _samples(results: Results) -> list[Block]:
    """Show every text, side by side by prompt, the human text first."""
    by_prompt: dict[int, dict[str, list[str]]] = {i: {} for i in range(len(results.plan.prompts))}
    for item in sorted(results.scored, key=lambda s: s.sample.setting != HUMAN):
        sample = item.sample
        text = f"{sample.text.strip() or '(nothing)'}{' ∎' if sample.ended else ''}"
        by_prompt[sample.prompt].setdefault(sample.setting, []).append(text)
    groups = [
        (f"{prompt.text} … ({prompt.topic})", [Card(name, texts, "ko") for name, texts in by_prompt[index].items()])
        for index, prompt in enumerate(results.plan.prompts)
    ]
    intro = "Every text, side by side by prompt. ∎ marks a text the model ended itself."
    return [Text(intro), Cards(groups, "Search settings, prompts and texts")]


def _reproduction(results: Results) -> list[Block]:
    prompts = Table(
        ("topic", "prompt", "sha256"),
        [(p.topic, p.text, p.sha256) for p in results.plan.prompts],
        "Prompts, with the human continuation in the sum where there is one.",
    )
    return [
        Text("The same command in an empty folder makes the same samples; this checks it:"),
        Code("tunelab bench verify FOLDER"),
        Text(
            "Promised: the same samples for the same lock, software and number of threads. On another machine, or in "
            "other batches, rare ties within float rounding may turn out differently."
        ),
        Facts({f"sha256 of {name}": digest for name, digest in results.lock["results"].items()}),
        Facts({f"sha256 of the model's {name}": digest for name, digest in results.model.sha256.items()}),
        prompts,
    ]


def _provenance(results: Results) -> dict[str, Cell]:
    facts, resolved = provenance_facts(results.lock["provenance"]), results.lock["resolved"]
    return {
        **{name: facts[name] for name in ("command", "commit", "started")},
        "run seed": str(results.plan.spec.seed),
        "model": f"{results.model.name}, licence: {results.model.licence}",
        "scorer": f"{results.scorer.name} ({results.scorer.trained_on})",
        "versions": facts["versions"],
        "machine": f"{facts['machine']}; run on {resolved['device']} with {resolved['threads']} torch threads",
    }
