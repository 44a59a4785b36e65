"""What a result says about how far it can be trusted, in sentences."""

from __future__ import annotations

from trainables.base.kinds.kind import RowKind
from trainables.base.kinds.percent import as_percent
from trainables.base.kinds.registry import kind_of
from tunelab.analysis.advice import gain_text
from tunelab.analysis.chance import like_chance
from tunelab.analysis.confirmation_cost import not_confirmed
from tunelab.records.result import TIME_BUDGET, SweepResult
from tunelab.records.text import count_times, format_number
from tunelab.records.trial import TrialStatus
from tunelab.search.asha import rung_levels
from tunelab.search.stopping import AUTO, StopRule, expected_gain
from tunelab.system.language import tr
from tunelab.system.texts import tr_text

FEW_ROWS = 20  # of a split: an accuracy of 0.8 then has a standard error of 0.09 or more, sqrt(0.8 * 0.2 / 20)


def caveats(result: SweepResult) -> list[str]:
    """List verdicts of confirmation and audit, repeated openings of the test split, the cost of deterministic order."""
    parts = (result.cross_validation, result.confirmation, result.audit)
    lines = [tr_text(part.verdict) for part in parts if part is not None]
    if result.optimism is not None:
        lines.append(tr_text(result.optimism.sentence))
    lines += [*_cut_short(result), *result_warnings(result)]
    if result.best is not None and result.confirmation is None and result.front is None:
        lines.append(not_confirmed(result))
    if len(result.test_openings) > 1:
        lines.append(
            tr(
                "Warning: {openings}. What was chosen after the first opening may be fitted to it, and its "
                "scores are too good.",
                openings=test_openings(result),
            )
        )
    slot_seconds = result.concurrency * result.fit_seconds
    if result.spec.deterministic and slot_seconds:
        fraction = result.idle_seconds / slot_seconds
        lines.append(
            tr(
                "Deterministic order cost {seconds} s of slot time, {share} of the search.",
                seconds=format_number(result.idle_seconds, 3),
                share=as_percent(fraction),
            )
        )
    return lines


def result_warnings(result: SweepResult) -> list[str]:
    """List what speaks against the winner itself: few rows, trials all alike, scores of a constant guess."""
    return [*_few_rows(result), *_all_alike(result), *like_chance(result), *_never_predicted(result)]


def _cut_short(result: SweepResult) -> list[str]:
    """Say what ended the search early; of a winner that the time budget cut, that its best epoch so far counts."""
    if not result.stopped and len(result.trials) < result.spec.trials:
        rule = StopRule(result.spec.stop, result.measure)
        what = f"--stop {rule.text}" if rule.holds(result.trials) else "`tunelab steer`"
        gain = expected_gain(result.trials) if rule.text == AUTO else None
        ended = tr(
            "{what} ended the search after {ended} of {wanted} trials",
            what=what,
            ended=len(result.trials),
            wanted=result.spec.trials,
        )
        if gain is not None:
            ended += f": {gain_text(len(result.ranked()), gain, result.measure)}"
        command = f"tunelab resume {result.name} --stop never --trials {result.spec.trials + 1}"
        return [f"{ended}. {tr('`{command}` continues it.', command=command)}"]
    if result.stopped != TIME_BUDGET or result.best is None:
        return []
    spec, winners = result.spec, result.best.members or (result.best.trial,)
    levels = rung_levels(spec.grace_period, spec.reduction_factor, spec.max_epochs) if spec.scheduler == "asha" else ()
    cut = [
        trial.number
        for trial in result.trials
        if trial.number in winners and trial.status is TrialStatus.STOPPED and trial.last_epoch not in levels
    ]
    if not cut:
        return []
    named = tr("trial {number}", number=cut[0])
    if len(cut) > 1:
        named = tr("trials {numbers}", numbers=", ".join(map(str, cut)))
    return [
        tr(
            "The time budget ended before {trials} did: the best epoch so far counts. A longer --time-budget, or "
            "`tunelab resume`, may find better.",
            trials=named,
        )
    ]


def _few_rows(result: SweepResult) -> list[str]:
    """Say that the order of the trials is mostly chance where few rows decided it."""
    rows, test_rows = result.data.validation_rows, result.data.test_rows
    is_by_rows = isinstance(kind_of(result.facts.kind), RowKind)
    if result.best is None or not is_by_rows or result.cross_validation is not None or rows >= FEW_ROWS:
        return []
    return [
        tr(
            "Warning: the validation split has {rows} rows and the test split {test_rows}. With so few, the order of "
            "the trials and the scores are mostly chance; more rows help more than more trials.",
            rows=rows,
            test_rows=test_rows,
        )
    ]


def _all_alike(result: SweepResult) -> list[str]:
    """Say that the order of the trials means nothing where all have one and the same value."""
    ranked = result.ranked()
    if len(ranked) < 2 or result.front is not None or len({trial.val_loss for trial in ranked}) > 1:
        return []
    return [
        tr(
            "Warning: all {count} trials have the same {measure}: what varied made no difference, and which of them "
            "won says nothing.",
            count=len(ranked),
            measure=result.measure.phrase,
        )
    ]


def _never_predicted(result: SweepResult) -> list[str]:
    """Return classes with test rows that the winner never predicts: its accuracy is that of leaving them out."""
    tables = result.evaluation.classification
    if tables is None or not tables.confusion:
        return []
    predicted = [sum(row[i] for row in tables.confusion) for i in range(len(tables.classes))]
    never = [one for one, count in zip(tables.classes, predicted, strict=True) if one.rows and not count]
    return [
        tr("Warning: the winner never predicts '{name}', which {rows:,} test rows are.", name=one.name, rows=one.rows)
        for one in never[:5]
    ]


def test_openings(result: SweepResult) -> str:
    """Say how often the test split was opened: ``the test split was opened 2 times``."""
    return tr("the test split was opened {times}", times=count_times(len(result.test_openings)))
