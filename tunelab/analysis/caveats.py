"""What a result says about how far it can be trusted, in sentences."""

from __future__ import annotations

from tunelab.analysis.outcome import not_confirmed
from tunelab.records.result import SweepResult
from tunelab.records.text import count_times


def caveats(result: SweepResult) -> list[str]:
    """List verdicts of confirmation and audit, repeated openings of the test split, the cost of deterministic order."""
    lines = [part.verdict for part in (result.confirmation, result.audit) if part is not None]
    if result.best is not None and result.confirmation is None:
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


def test_openings(result: SweepResult) -> str:
    """Say how often the test split was opened: ``the test split was opened 2 times``."""
    return f"the test split was opened {count_times(len(result.test_openings))}"
