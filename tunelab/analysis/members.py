"""The members of a winner that is an ensemble, and what each costs to predict with."""

from __future__ import annotations

from tunelab.records.result import SweepResult
from tunelab.system.language import tr

MEMBER_COLUMNS = ("member", "model", "weight", "val_loss", "ms for 1,000 rows", "kB")
Value = str | float | None


def member_rows(result: SweepResult) -> list[list[Value]]:
    """Return a row for each member, the heaviest first, and their sum; none where a single trial won."""
    best = result.best
    if best is None or not best.costs:
        return []
    family = {trial.number: str(trial.config.get("family", "")) for trial in result.trials}
    rows: list[list[Value]] = [
        [
            *(tr("trial {number}", number=m.trial), family.get(m.trial) or None, m.weight, m.val_loss),
            *(m.milliseconds_per_1000_rows, m.bytes / 1000),
        ]
        for m in best.costs
    ]
    milliseconds = sum(m.milliseconds_per_1000_rows for m in best.costs)
    return [*rows, [tr("together"), None, 1.0, best.val_loss, milliseconds, sum(m.bytes for m in best.costs) / 1000]]
