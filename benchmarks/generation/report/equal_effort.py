"""Decoding methods at equal effort: what each reaches with the same number of tries."""

from __future__ import annotations

from benchmarks.generation.measure.results import Results
from benchmarks.generation.report.tables import defined, title
from benchmarks.generation.scoring.equal_effort import (
    METRIC,
    MIN_PROMPTS,
    MIN_SETTINGS,
    EqualEffort,
    MethodDifference,
    methods_at_equal_effort,
)
from tunelab.documents.blocks import Block, Cell, Figure, Section, Table, Text
from tunelab.records.text import format_number
from tunelab.system.language import tr


def equal_effort_section(results: Results) -> Section:
    """Return table, figure and differences, or the sentence that says what a comparison needs."""
    return Section(tr("Methods at equal effort"), _blocks(results))


def _blocks(results: Results) -> list[Block]:
    effort = None
    if results.human_table is not None:
        best = results.tuning.best.decoding if results.tuning is not None else None  # the best of many tries
        searched = [s.name for s in results.plan.settings if s.decoding == best]
        effort = methods_at_equal_effort(results.plan, results.human_table, searched)
    if effort is None:
        text = tr(
            "Methods are not compared at equal effort: this needs at least {count} prompts with a known human "
            "continuation, half to choose on and half to judge on, where every setting wrote a text.",
            count=2 * MIN_PROMPTS,
        )
        return [Text(text)]
    if not effort.differences:
        text = tr(
            "Methods are not compared at equal effort: this needs at least {count} settings in each of two methods. "
            "Settings by method: {counts}.",
            count=MIN_SETTINGS,
            counts=", ".join(f"{curve.method} {len(curve.settings)}" for curve in effort.curves),
        )
        return [Text(text)]
    intro = tr(
        "A method with more settings has more chances to look good by luck. Here every method is given the same number "
        "of tries N: its value is the expected one of the best of N of its settings, drawn at random without "
        "replacement, chosen on {choosing} prompts and judged on {judging} others by the distance to human text by "
        "prompt (smaller is better). The filters that are on make the method; temperature, penalties, beams and length "
        "are its settings.",
        choosing=effort.choosing,
        judging=effort.judging,
    )
    return [Text(intro), _curve_table(effort), _curve_figure(effort), _difference_table(effort), Text(_verdict(effort))]


def _curve_table(effort: EqualEffort) -> Table:
    """Return every method's value at one try, at the most tries that all compared methods have, and at all its own."""
    common = min(len(c.settings) for c in effort.curves if len(c.settings) >= MIN_SETTINGS)
    rows: list[tuple[Cell, ...]] = [
        (
            curve.method,
            len(curve.settings),
            defined(curve.values[0]),
            defined(curve.values[common - 1]) if len(curve.values) >= common else None,
            defined(curve.values[-1]),
            curve.settings[0],
        )
        for curve in effort.curves
    ]
    caption = tr(
        "Compare methods in the column 'best of {common}', the most tries that every method with at least {least} "
        "settings has; 'best of all' counts more tries for some than for others.",
        common=common,
        least=MIN_SETTINGS,
    )
    columns = (
        *(tr("method"), tr("settings"), tr("best of {count}", count=1), tr("best of {count}", count=common)),
        *(tr("best of all"), tr("chosen of all")),
    )
    return Table(columns, rows, caption, digits=3)


def _curve_figure(effort: EqualEffort) -> Figure:
    """Plot every method's curve over the number of tries."""
    lines = [
        {
            **{"type": "scatter", "mode": "lines+markers", "name": curve.method},
            "x": list(range(1, len(curve.values) + 1)),
            "y": [defined(value) for value in curve.values],
            "hovertemplate": f"{curve.method}, N = %{{x}}: %{{y:.3g}}<extra></extra>",
        }
        for curve in effort.curves
    ]
    layout = {
        "xaxis": {"title": {"text": tr("settings tried, N")}, "dtick": 1},
        "yaxis": {"title": {"text": tr("{metric}, nats", metric=title(METRIC))}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    return Figure(lines, layout, tr("Best of N by method: read upwards at one N; lower is nearer to human text."))


def _difference_table(effort: EqualEffort) -> Table:
    """Return every two methods at the tries that both have."""
    rows: list[tuple[Cell, ...]] = [
        (d.first, d.second, d.tries, d.difference, d.low, d.high, d.p, d.p_holm) for d in effort.differences
    ]
    caption = tr(
        "Difference of the first minus the second at the number of tries that both have, with its 95 % BCa bootstrap "
        "interval over the judging prompts for these very settings; two-sided p of a permutation test that deals the "
        "settings to the two methods at random; p after Holm's correction over the pairs."
    )
    columns = (tr("first"), tr("second"), tr("tries"), tr("difference"), tr("low"), tr("high"), "p", tr("p (Holm)"))
    marked = tuple(i for i, d in enumerate(effort.differences) if d.significant)
    return Table(columns, rows, caption, marked, digits=3)


def _verdict(effort: EqualEffort) -> str:
    """Return what differs at 5 %, and whether there were enough settings to tell."""
    found = [_sentence(d) for d in effort.differences if d.significant]
    if not any(d.decidable for d in effort.differences):
        text = tr(
            "So few settings cannot show that one method is better than another, whatever their numbers: give at least "
            "two methods 4 settings or more each."
        )
        found.append(text)
    elif not found:
        text = tr("At equal effort no two methods are shown to differ (this does not show that they are equal).")
        found.append(text)
    return " ".join(found)


def _sentence(d: MethodDifference) -> str:
    better, worse = (d.first, d.second) if d.difference < 0 else (d.second, d.first)
    return tr(
        "At {tries} tries each, {better} is {gain} nats nearer to human text than {worse} (p {p} after correction).",
        tries=d.tries,
        better=better,
        gain=format_number(abs(d.difference), 3),
        worse=worse,
        p=format_number(d.p_holm, 2),
    )
