"""The report that a person decides from: ``report.html`` and ``report.md``."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from benchmarks.generation.measure.results import Results
from benchmarks.generation.plan.spec import HUMAN
from benchmarks.generation.plan.storage import REPORT_HTML, REPORT_MD
from benchmarks.generation.report import figures, tables
from benchmarks.generation.report.findings import findings
from benchmarks.generation.report.tables import Table, markdown
from benchmarks.generation.scoring.metrics import DEFINITIONS
from benchmarks.generation.scoring.quality import HUMAN_PAIRED, PAIRED
from benchmarks.harness.lockfile import provenance_facts
from tunelab.documents.page import Page, Section

KOGPT2_LICENCE = (
    "The weights of KoGPT2 (skt/kogpt2-base-v2) are licensed CC BY-NC-SA 4.0: no commercial use, attribution, share "
    "alike. None of them are part of this program."
)
FRONT_CAPTION = (
    "The lower, the nearer to human text; the further right, the {}. Dotted: no setting beats these on both."
)
STATISTICS_INTRO = (
    "Repeats are averaged within a prompt; settings are compared on the same prompts and the same random numbers. "
    "Difference with its 95 % BCa bootstrap interval over prompts, two-sided permutation p, p after Holm's correction "
    "over the settings, effect in standard deviations of the paired differences, and the difference that this many "
    "prompts would detect four times in five after the correction. Rows that stand out are significant at 5 % after it."
)


def write_reports(folder: Path, results: Results) -> None:
    """Writes both reports into the folder."""
    page(results).write(folder / REPORT_HTML)
    (folder / REPORT_MD).write_text(markdown_report(results), encoding="utf-8", newline="\n")


def model_note(results: Results) -> str:
    """What wrote the texts, and what must not be concluded from them."""
    model = results.model
    if model.is_standin:
        return (
            f"Model: {model.name}, {model.parameters:,} parameters trained on public legislative text, not KoGPT2. The "
            "figures compare settings on a test double and say nothing of KoGPT2's quality; prompts on everyday topics "
            "are outside of all that it has read."
        )
    return f"Model: {model.name}, {model.parameters:,} parameters, licence {model.licence}."


def page(results: Results) -> Page:
    """The HTML report."""
    html = Page(_title(results), subtitle=_subtitle(results), provenance=_provenance(results))
    _findings(html.section("Findings"), results)
    if results.tuning:
        section = html.section("Search")
        section.figure(figures.tuning_history(results.tuning), "The search on the tuning prompts.", height=320)
        _add(section, tables.tuning_table(results.tuning))
    quality = html.section("Quality and diversity")
    _add(quality, tables.main_table(results))
    quality.details("Further columns", _table_html(tables.further_table(results)))
    if results.human_table:
        quality.figure(figures.diversity_pareto(results), FRONT_CAPTION.format("more diverse"))
    quality.figure(
        figures.perplexities(results),
        "Perplexity under the model, by setting.",
        height=120 + 26 * len(results.plan.settings),
    )
    human = tables.human_table(results)
    if human:
        intro = "Only the prompts that begin held-out documents, whose human continuation is known."
        _add(html.section("Against human text", intro), human)
    _statistics(html.section("Differences to the baseline", STATISTICS_INTRO), results)
    speed = tables.speed_table(results)
    if speed:
        _speed(html.section("Speed"), results, speed)
    _samples(
        html.section("Samples", "Every text, side by side by prompt. ∎ marks a text the model ended itself."), results
    )
    _add(html.section("Settings in full"), tables.settings_table(results))
    html.section("Definitions").facts(DEFINITIONS)
    _reproduction(html.section("Reproduction"), results)
    return html


def markdown_report(results: Results) -> str:
    """The same in Markdown, without samples and figures."""
    parts = [
        f"# {_title(results)}",
        _subtitle(results),
        f"> {model_note(results)}",
        f"> {KOGPT2_LICENCE}",
        "## Findings",
    ]
    parts.append("\n".join(f"- {text}" for text in findings(results)))
    if results.tuning:
        parts += ["## Search", markdown(tables.tuning_table(results.tuning))]
    parts += ["## Quality and diversity", markdown(tables.main_table(results)), markdown(tables.further_table(results))]
    human = tables.human_table(results)
    if human:
        parts += ["## Against human text", markdown(human)]
    parts += ["## Differences to the baseline", STATISTICS_INTRO]
    parts += [f"### {metric}\n\n{markdown(table)}" for metric, table in _statistics_tables(results)]
    speed = tables.speed_table(results)
    if speed:
        parts += ["## Speed", markdown(speed), _side_by_side(results)]
    parts += ["## Settings in full", markdown(tables.settings_table(results)), "## Definitions"]
    parts.append("\n".join(f"- **{name}**: {text}" for name, text in DEFINITIONS.items()))
    parts.append("## Reproduction")
    parts.append("\n".join(f"- {name}: {value}" for name, value in _provenance(results).items()))
    return "\n\n".join(p for p in parts if p) + "\n"


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


def _findings(section: Section, results: Results) -> None:
    section.note(model_note(results), "warning" if results.model.is_standin else "info")
    section.items(findings(results))
    section.paragraph(KOGPT2_LICENCE, soft=True)


def _statistics_tables(results: Results) -> Iterator[tuple[str, Table]]:
    for metric in (*HUMAN_PAIRED, *PAIRED):
        table = tables.statistics_table(results, metric)
        if table.rows:
            yield metric, table


def _statistics(section: Section, results: Results) -> None:
    height = 120 + 26 * len(results.plan.settings)
    titles = (("human_gap", "Distance to human text by prompt"), ("nll", "Nats per token"), ("self_bleu", "Self-BLEU"))
    for metric, title in titles:
        if any(c.metric == metric for c in results.comparisons):
            caption = f"{title}: filled points differ from the baseline at 5 % after Holm's correction."
            section.figure(figures.forest(results, metric), caption, height=height)
    for metric, table in _statistics_tables(results):
        section.details(metric, _table_html(table))


def _speed(section: Section, results: Results, table: Table) -> None:
    _add(section, table)
    section.paragraph(_side_by_side(results))
    if results.human_table:
        section.figure(figures.speed_pareto(results), FRONT_CAPTION.format("faster"))


def _side_by_side(results: Results) -> str:
    found = results.side_by_side
    if found is None:
        return ""
    return (
        f"Side by side in this run: a loop of transformers' generate over single prompts made "
        f"{found.loop_tokens_per_s:,.0f} tokens/s, the engine with {found.jobs:,} continuations together "
        f"{found.engine_tokens_per_s:,.0f} tokens/s: {found.ratio:.1f} times as many (medians of {found.runs} "
        f"interleaved runs of {found.new_tokens} tokens). Absolute figures depend on what else the machine did."
    )


def _samples(section: Section, results: Results) -> None:
    by_prompt: dict[int, dict[str, list[str]]] = {i: {} for i in range(len(results.plan.prompts))}
    ordered = sorted(results.scored, key=lambda s: s.sample.setting != HUMAN)  # the human text first
    for item in ordered:
        sample = item.sample
        text = f"<p>{escape(sample.text.strip() or '(nothing)')}{' ∎' if sample.ended else ''}</p>"
        by_prompt[sample.prompt].setdefault(sample.setting, []).append(text)
    groups = []
    for index, prompt in enumerate(results.plan.prompts):
        cards = "".join(
            f'<div class="card" data-item lang="ko"><h4>{escape(name)}</h4>{"".join(texts)}</div>'
            for name, texts in by_prompt[index].items()
        )
        groups.append((f"{prompt.text} … ({prompt.topic})", f'<div class="cards">{cards}</div>'))
    section.search(groups, "Search settings, prompts and texts")


def _reproduction(section: Section, results: Results) -> None:
    section.paragraph("The same command in an empty folder makes the same samples; this checks it:")
    section.code("tunelab bench verify FOLDER")
    section.paragraph(
        "Promised: the same samples for the same lock, software and number of threads. On another machine, or in other "
        "batches, rare ties within float rounding may turn out differently.",
    )
    section.facts({f"sha256 of {name}": digest for name, digest in results.lock["results"].items()})
    section.facts({f"sha256 of the model's {name}": digest for name, digest in results.model.sha256.items()})
    prompts = Table(
        ("topic", "prompt", "sha256"),
        tuple((p.topic, p.text, p.sha256) for p in results.plan.prompts),
        "Prompts, with the human continuation in the sum where there is one.",
    )
    _add(section, prompts)


def _provenance(results: Results) -> dict[str, str]:
    facts, resolved = provenance_facts(results.lock["provenance"]), results.lock["resolved"]
    return {
        **{name: facts[name] for name in ("command", "commit", "started")},
        "run seed": str(results.plan.spec.seed),
        "model": f"{results.model.name}, licence: {results.model.licence}",
        "scorer": f"{results.scorer.name} ({results.scorer.trained_on})",
        "versions": facts["versions"],
        "machine": f"{facts['machine']}; run on {resolved['device']} with {resolved['threads']} torch threads",
    }


def _add(section: Section, table: Table) -> None:
    section.raw(_table_html(table))


def _table_html(table: Table) -> str:
    from tunelab.documents.page import table_html

    helps = {tables.TITLES.get(n, n): text for names, text in DEFINITIONS.items() for n in names.split(", ")}
    return table_html(table.columns, table.rows, table.caption, marked=table.marked, digits=3, helps=helps)
