"""The report that a person decides from: ``report.html`` and ``report.md``."""

from __future__ import annotations

from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.report import figures, tables
from benchmarks.generation.report.equal_effort import equal_effort_section
from benchmarks.generation.report.findings import findings
from benchmarks.generation.report.recommendation import recommendation_table
from benchmarks.generation.scoring.metrics import DEFINITIONS
from benchmarks.generation.scoring.morphemes import DEFINITIONS as KOREAN_DEFINITIONS
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
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


def model_note(results: Results) -> str:
    """Return what wrote the texts, and what must not be concluded from them."""
    model = results.model
    if model.is_standin:
        return tr(
            "Model: {name}, {count:,} parameters trained on public legislative text, not KoGPT2. The numbers compare "
            "settings on a test double and say nothing of KoGPT2's quality; prompts on everyday topics are outside of "
            "all that it has read.",
            name=model.name,
            count=model.parameters,
        )
    note = tr(
        "Model: {name}, {count:,} parameters, licence {licence}.",
        name=model.name,
        count=model.parameters,
        licence=tr_text(model.licence),
    )
    slower = results.lock["resolved"].get("slower")
    if not slower:
        return note
    more = tr("Made by transformers' generate, one text at a time, which is slower: {reason}.", reason=slower)
    return f"{note} {more}"


def make_generation_document(results: Results) -> Document:
    """Return the whole report."""
    meanings: dict[str, Cell] = {tables.title(names): tr_term(text) for names, text in _definitions(results).items()}
    found: list[Section | None] = [
        Section(tr("Recommendation"), _recommendation(results)),
        Section(tr("Samples side by side"), _samples(results)),
        Section(tr("Findings"), [Items(findings(results))]),
        _search_section(results),
        Section(tr("Quality and diversity"), _quality(results)),
        _human_section(results),
        _korean_section(results),
        Section(tr("Differences to the baseline"), _statistics(results)),
        equal_effort_section(results),
        _speed_section(results),
        Section(tr("Settings in full"), [tables.settings_table(results)]),
        Section(tr("Definitions"), [Facts(meanings)]),
        Section(tr("Reproduction"), _reproduction(results)),
    ]
    sections = [section for section in found if section is not None]
    return Document(_title(results), _subtitle(results), sections, _provenance(results))


def _definitions(results: Results) -> dict[str, str]:
    return DEFINITIONS | (KOREAN_DEFINITIONS if results.plan.spec.korean else {})


def _title(results: Results) -> str:
    return tr("Generation settings: {name}, {model}", name=results.plan.spec.name, model=results.model.name)


def _subtitle(results: Results) -> str:
    plan = results.plan
    fixed = [mode for mode in ("greedy", "beam") if any(s.decoding.mode == mode for s in plan.settings)]
    repeats = tr("{count} repeats", count=plan.spec.repeats)
    if fixed:
        repeats = tr("{count} repeats (one for {modes})", count=plan.spec.repeats, modes=", ".join(fixed))
    return tr(
        "{settings} settings × {prompts} prompts × {repeats}, {texts:,} texts of up to {tokens} tokens; baseline "
        "'{baseline}'",
        settings=len(plan.settings),
        prompts=len(plan.prompts),
        repeats=repeats,
        texts=sum(1 for s in results.scored if s.sample.setting != HUMAN),
        tokens=max(s.decoding.max_new_tokens for s in plan.settings),
        baseline=plan.baseline,
    )


def _recommendation(results: Results) -> list[Block]:
    licence = tr(
        "The weights of KoGPT2 (skt/kogpt2-base-v2) are licensed CC BY-NC-SA 4.0: no commercial use, attribution, "
        "share alike. None of them are part of this program."
    )
    return [
        recommendation_table(results),
        Note(model_note(results), warning=results.model.is_standin),
        Text(licence, soft=True),
    ]


def _search_section(results: Results) -> Section | None:
    if results.tuning is None:
        return None
    return Section(tr("Search"), [figures.tuning_history(results.tuning), tables.tuning_table(results.tuning)])


def _quality(results: Results) -> list[Block]:
    blocks: list[Block] = [
        tables.main_table(results),
        Folded(tr("Further columns"), [tables.further_table(results)]),
    ]
    if results.human_table:
        blocks.append(figures.diversity_pareto(results))
    return [*blocks, figures.perplexities(results)]


def _human_section(results: Results) -> Section | None:
    table = tables.human_table(results)
    if table is None:
        return None
    intro = tr("Only the prompts that begin held-out documents, whose human continuation is known.")
    return Section(tr("Against human text"), [Text(intro), table])


def _korean_section(results: Results) -> Section | None:
    table = tables.korean_table(results)
    return None if table is None else Section(tr("Second opinion on Korean"), [table])


def _statistics(results: Results) -> list[Block]:
    intro = tr(
        "Repeats are averaged within a prompt; settings are compared on the same prompts and the same random numbers. "
        "Difference with its 95 % BCa bootstrap interval over prompts, two-sided permutation p, p after Holm's "
        "correction over the settings, effect in standard deviations of the paired differences, and the difference "
        "that this many prompts would detect four times in five after the correction. Rows that stand out are "
        "significant at 5 % after it."
    )
    titles = (
        ("human_gap", tr("Distance to human text by prompt")),
        ("nll", tr("Nats per token")),
        ("self_bleu", "Self-BLEU"),
    )
    known = {c.metric for c in results.comparisons}
    drawn = [figures.forest(results, metric, title) for metric, title in titles if metric in known]
    listed = [(metric, tables.statistics_table(results, metric)) for metric in (*HUMAN_PAIRED, *PAIRED)]
    folded = [Folded(tables.title(metric), [table]) for metric, table in listed if table.rows]
    return [Text(intro), *drawn, *folded]


def _speed_section(results: Results) -> Section | None:
    table = tables.speed_table(results)
    if table is None:
        return None
    pareto = [figures.speed_pareto(results)] if results.human_table else []
    return Section(tr("Speed"), [table, Text(_side_by_side(results)), *pareto])


def _side_by_side(results: Results) -> str:
    found = results.side_by_side
    if found is None:
        return ""
    return tr(
        "Side by side in this run: a loop of transformers' generate over single prompts made {loop:,.0f} tokens/s, the "
        "engine with {jobs:,} continuations together {engine:,.0f} tokens/s: {ratio:.1f} times as many (medians of "
        "{runs} interleaved runs of {tokens} tokens). Absolute numbers depend on what else the machine did.",
        loop=found.loop_tokens_per_s,
        jobs=found.jobs,
        engine=found.engine_tokens_per_s,
        ratio=found.ratio,
        runs=found.runs,
        tokens=found.new_tokens,
    )


def _samples(results: Results) -> list[Block]:
    """Show every text, side by side by prompt, the human text first."""
    by_prompt: dict[int, dict[str, list[str]]] = {i: {} for i in range(len(results.plan.prompts))}
    for item in sorted(results.scored, key=lambda s: s.sample.setting != HUMAN):
        sample = item.sample
        text = f"{sample.text.strip() or tr('(nothing)')}{' ∎' if sample.ended else ''}"
        name = tr_term(HUMAN) if sample.setting == HUMAN else sample.setting
        by_prompt[sample.prompt].setdefault(name, []).append(text)
    groups = [
        (f"{prompt.text} … ({prompt.topic})", [Card(name, texts, "ko") for name, texts in by_prompt[index].items()])
        for index, prompt in enumerate(results.plan.prompts)
    ]
    intro = tr("Every text, side by side by prompt. ∎ marks a text the model ended itself.")
    return [Text(intro), Cards(groups, tr("Search settings, prompts and texts"))]


def _reproduction(results: Results) -> list[Block]:
    prompts = Table(
        (tr("topic"), tr("prompt"), "sha256"),
        [(p.topic, p.text, p.sha256) for p in results.plan.prompts],
        tr("Prompts, with the human continuation in the sum where there is one."),
    )
    promise = tr(
        "Promised: the same samples for the same lock, software and number of threads. On another machine, or in other "
        "batches, rare ties within float rounding may turn out differently."
    )
    made = results.lock["results"].items()
    return [
        Text(tr("The same command in an empty folder makes the same samples; this checks it:")),
        Code("tunelab bench verify FOLDER"),
        Text(promise),
        Facts({tr("sha256 of {name}", name=name): digest for name, digest in made}),
        Facts({tr("sha256 of the model's {name}", name=name): sha for name, sha in results.model.sha256.items()}),
        prompts,
    ]


def _provenance(results: Results) -> dict[str, Cell]:
    resolved = results.lock["resolved"]
    device = tr("run on {device} with {threads} torch threads", device=resolved["device"], threads=resolved["threads"])
    return {
        **provenance_facts(results.lock["provenance"]),
        tr("run seed"): str(results.plan.spec.seed),
        tr("model"): tr("{name}, licence: {licence}", name=results.model.name, licence=tr_text(results.model.licence)),
        tr("scorer"): f"{results.scorer.name} ({tr_text(results.scorer.trained_on)})",
        tr("device"): device,
    }
