"""What a result says about how far it can be trusted, in sentences."""

from __future__ import annotations

from tunelab.analysis.advice import gain_text
from tunelab.analysis.outcome import not_confirmed
from tunelab.records.result import TIME_BUDGET, SweepResult
from tunelab.records.text import count_times
from tunelab.search.stopping import AUTO, StopRule, expected_gain


def caveats(result: SweepResult) -> list[str]:
    """List verdicts of confirmation and audit, repeated openings of the test split, the cost of deterministic order."""
    lines = [part.verdict for part in (result.cross_validation, result.confirmation, result.audit) if part is not None]
    if result.optimism is not None:
        lines.append(result.optimism.sentence)
    lines += [*_cut_short(result), *_never_predicted(result)]
    if result.best is not None and result.confirmation is None and result.front is None:
        lines.append(not_confirmed(result))
    if len(result.test_openings) > 1:
        lines.append(
            f"Warning: {test_openings(result)}. What was chosen after the first opening may be fitted to it, and its "
            "scores are too good."
        )
    slot_seconds = result.concurrency * result.fit_seconds
    if result.spec.deterministic and slot_seconds:
        fraction = result.idle_seconds / slot_seconds
        lines.append(
            f"Deterministic order cost {result.idle_seconds:.1f} s of slot time, {fraction:.0%} of the search."
        )
    return lines


def _cut_short(result: SweepResult) -> list[str]:
    if not result.stopped and len(result.trials) < result.spec.trials:
        rule = StopRule(result.spec.stop)
        what = f"--stop {rule.text}" if rule.holds(result.trials) else "`tunelab steer`"
        gain = expected_gain(result.trials) if rule.text == AUTO else None
        why = "" if gain is None else f": {gain_text(len(result.ranked()), gain)} in validation loss"
        return [
            f"{what} ended the search after {len(result.trials)} of {result.spec.trials} trials{why}. `tunelab resume "
            f"{result.name} --stop never --trials {result.spec.trials + 1}` continues it."
        ]
    if result.stopped != TIME_BUDGET or result.counts.finished or result.best is None:
        return []
    return [
        "The time budget ended before any trial did: the best epoch so far wins. A longer --time-budget, or `tunelab "
        "resume`, may find better."
    ]


def _never_predicted(result: SweepResult) -> list[str]:
    """Return classes with test rows that the winner never predicts: its accuracy is that of leaving them out."""
    tables = result.evaluation.classification
    if tables is None or not tables.confusion:
        return []
    predicted = [sum(row[i] for row in tables.confusion) for i in range(len(tables.classes))]
    never = [one for one, count in zip(tables.classes, predicted, strict=True) if one.rows and not count]
    return [f"Warning: the winner never predicts '{one.name}', which {one.rows:,} test rows are." for one in never[:5]]


def test_openings(result: SweepResult) -> str:
    """Say how often the test split was opened: ``the test split was opened 2 times``."""
    return f"the test split was opened {count_times(len(result.test_openings))}"
