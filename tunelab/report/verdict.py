"""The verdict, which a report begins with, and what a reader must know before believing it."""

from __future__ import annotations

from tunelab.analysis.caveats import result_warnings, test_openings
from tunelab.analysis.confirmation_cost import not_confirmed
from tunelab.analysis.outcome import verdict
from tunelab.analysis.standing import verdict_lines
from tunelab.documents.blocks import Block, Items, Note, Section, Text
from tunelab.records.result import SweepResult
from tunelab.records.text import as_sentence
from tunelab.system.language import tr, tr_term
from tunelab.system.texts import tr_text


def verdict_section(result: SweepResult) -> Section:
    """Return the verdict, the winner's margin, and everything a reader must know before believing it."""
    lines = list(verdict_lines(result))
    blocks: list[Block] = [Text(verdict(result))]
    if len(lines) > 1:
        blocks.append(Items([line.strip() for line in lines]))
    blocks += [Note(line, warning=True) for line in result_warnings(result)]
    if len(result.test_openings) > 1:
        spent = tr(
            "What was chosen after the first opening may be fitted to it: its scores are no longer those of unseen "
            "data."
        )
        blocks.append(Note(f"{as_sentence(test_openings(result))} {spent}", warning=True))
    if result.stopped:
        text = tr(
            "The search ended early ({reason}) after {ended} of {wanted} trials.",
            reason=tr_text(tr_term(result.stopped)),
            ended=len(result.trials),
            wanted=result.spec.trials,
        )
        blocks.append(Note(text, warning=True))
    failed = result.counts.failed + result.counts.diverged
    if failed:
        text = tr(
            "{failed} of {count} trials failed or diverged; see Failures.", failed=failed, count=len(result.trials)
        )
        blocks.append(Note(text))
    if result.confirmation is not None:
        blocks.append(Note(tr_text(result.confirmation.verdict), warning=result.confirmation.better is False))
        if result.best is not None and result.best.members:
            text = tr("Fresh seeds judged single trials: the mean of trials that won was not trained again.")
            blocks.append(Note(text))
    elif result.best is not None and result.front is None:
        blocks.append(Note(not_confirmed(result)))
    if result.facts.note:
        blocks.append(Note(tr_text(result.facts.note)))
    return Section(tr("Verdict"), blocks)
