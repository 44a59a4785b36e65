"""What a result says about how far it can be trusted, in sentences."""

from __future__ import annotations

from tunelab.analysis.outcome import not_confirmed
from tunelab.records.result import SweepResult


def caveats(result: SweepResult) -> list[str]:
    """The verdicts of confirmation and audit, a test split opened more than once, and what deterministic order cost."""
    lines = [str(part["verdict"]) for part in (result.confirmation, result.audit) if part]
    if result.best is not None and not result.confirmation:
        lines.append(not_confirmed(result))
    if len(result.test_openings) > 1:
        lines.append(
            f"Warning: the test split was opened {len(result.test_openings)} times. Whoever chose anything in between "
            "chose by the test split, and its scores are too good."
        )
    slot_seconds = result.concurrency * result.fit_seconds
    if result.spec.get("deterministic") and slot_seconds:
        share = result.idle_seconds / slot_seconds
        lines.append(f"Deterministic order cost {result.idle_seconds:.1f} s of slot time, {share:.0%} of the search.")
    return lines
