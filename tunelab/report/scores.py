"""The winner's scores beside baselines and published results, and when the test split was opened for them."""

from __future__ import annotations

from tunelab.analysis.caveats import test_openings
from tunelab.analysis.published import WINNER, place_sentence, published_place
from tunelab.analysis.standing import headline
from tunelab.documents.blocks import Cell, Note, Section, Table, Text
from tunelab.records.assessment.baseline import Baseline
from tunelab.records.result import SweepResult
from tunelab.records.text import as_sentence, format_utc
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


def baselines_section(result: SweepResult) -> Section | None:
    """Return the winner beside simple models, on validation and test."""
    best = result.best
    if best is None or not best.test:
        return None
    main = [n for n in best.test if n == result.facts.score]
    names = [*main, *(n for n in best.test if n not in main)]
    arrow = headline(result).rpartition(" ")[2]
    marks = {result.facts.score: f" {arrow}"}
    splits = (tr("test"), tr("validation"))
    columns = [tr("model"), *(f"{split} {n}{marks.get(n, '')}" for split in splits for n in names)]
    winner = tr("winner") if best.members else tr("winner (trial {number})", number=best.trial)
    models = [Baseline(winner, best.validation, best.test), *result.baselines]
    rows: list[list[Cell]] = [
        [tr_text(tr_term(m.name)), *(m.test.get(n) for n in names), *(m.validation.get(n) for n in names)]
        for m in models
    ]
    direction = tr("higher") if result.facts.score_direction == "maximize" else tr("lower")
    text = tr("The headline score is {score}; {direction} is better.", score=result.facts.score, direction=direction)
    if result.facts.unit:
        text += f" {tr('rmse and mae are in {unit}.', unit=result.facts.unit)}"
    return Section(tr("Winner and baselines"), [Text(text), Table(columns, rows, marked=(0,))])


def published_section(result: SweepResult) -> Section | None:
    """Return the winner among published results on the same test rows."""
    placed = published_place(result)
    if not placed:
        return None
    rows: list[list[Cell]] = [[tr_text(tr_term(row.model)), row.test_rmse, row.source or None] for row in placed]
    marked = tuple(number for number, row in enumerate(placed) if row.model == WINNER)
    unit = f" ({result.facts.unit})" if result.facts.unit else ""
    columns = [tr("model"), f"{tr('test')} rmse{unit}", tr("source")]
    return Section(tr("Among published results"), [Text(place_sentence(placed)), Table(columns, rows, marked=marked)])


def test_section(result: SweepResult) -> Section:
    """Return when the sealed test split was opened."""
    openings = [format_utc(moment) for moment in result.test_openings]
    if not openings:
        return Section(tr("Test split"), [Text(tr("It was never opened: nothing here was measured on it."))])
    if len(openings) == 1:
        text = tr("It was opened once, on {moment}, after the winner had been chosen.", moment=openings[0])
        return Section(tr("Test split"), [Text(text)])
    said = f"{as_sentence(test_openings(result))} {tr('Its scores are no longer those of unseen data.')}"
    table = Table([tr("opening"), tr("when")], [[i + 1, t] for i, t in enumerate(openings)])
    return Section(tr("Test split"), [Note(said, True), table])
