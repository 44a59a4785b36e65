"""Which hyperparameters mattered: their shares as bars and as numbers."""

from __future__ import annotations

from collections.abc import Mapping

from tunelab.analysis.parameter_importance import MIN_TRIALS
from tunelab.documents.blocks import Block, Cell, Figure, Folded, Note, Section, Table, Text
from tunelab.records.result import SweepResult
from tunelab.report.figures import FINISHED, shortened
from tunelab.report.limits import MAX_BARS
from tunelab.system.language import tr

MIN_SHARE = 5e-4  # of importance that has a bar


def importance_section(result: SweepResult, importance: Mapping[str, float]) -> Section | None:
    """Return which hyperparameters mattered, by ``parameter_importance``."""
    if not importance:
        return None
    text = tr(
        "By conditional PED-ANOVA (Watanabe et al. 2023) over the order of the trials by {measure}: the "
        "share of each hyperparameter in reaching the best quarter of the trials. A large share says that the value "
        "matters, not which one is good: see the slices. Other tools use other methods (fANOVA, random forests, "
        "Shapley values), and their numbers differ, also in order.",
        measure=result.measure.phrase,
    )
    blocks: list[Block] = [Text(text)]
    count = len(result.ranked())
    if count < MIN_TRIALS:
        few = tr(
            "From {count} trials only: below {least} the order of the bars is mostly chance.",
            count=count,
            least=MIN_TRIALS,
        )
        blocks.append(Note(few))
    rows: list[list[Cell]] = [[name, 100 * share] for name, share in importance.items() if share > 0]
    without = len(importance) - len(rows)
    rest = tr("Hyperparameters without any share: {count:,}.", count=without) if without else ""
    shown = {name: share for name, share in list(importance.items())[:MAX_BARS] if share > MIN_SHARE}
    table = Table([tr("hyperparameter"), tr("share, %")], rows, rest)
    return Section(
        tr("Hyperparameter importance (PED-ANOVA)"),
        [*blocks, importance_figure(shown, len(importance)), Folded(tr("The numbers"), [table])],
    )


def importance_figure(fractions: Mapping[str, float], count: int) -> Figure:
    """Return a bar for each parameter, the largest on top.

    Args:
        fractions: those to show, the largest first.
        count: of all parameters.
    """
    caption = tr("Which hyperparameters decide whether a trial is among the best quarter.")
    if len(fractions) < count:
        caption += f" {tr('Others, with a smaller share or none: {count:,}.', count=count - len(fractions))}"
    names = list(reversed(list(fractions)))
    bars = {"type": "bar", "orientation": "h", "y": names, "x": [shortened(100 * fractions[n]) for n in names]}
    return Figure(
        [{**bars, "marker": {"color": FINISHED}, "hovertemplate": "%{y}: %{x:.3g} %<extra></extra>"}],
        {
            "xaxis": {"title": {"text": tr("share, %")}, "rangemode": "tozero"},
            "yaxis": {"type": "category"},
        },
        caption,
        height=110 + 26 * len(names),
    )
