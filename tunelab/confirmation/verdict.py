"""The outcome on fresh seeds: each configuration's losses, the winner, and the verdict against the reference."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tunelab.confirmation.statistics import LEVEL, Difference, compare, mean_interval
from tunelab.records.assessment.baseline import REFERENCE
from tunelab.records.assessment.confirmation import Confirmation, ConfirmationRow
from tunelab.records.measure import Measure
from tunelab.records.text import format_interval, format_number

NO_TRIAL = -1  # the number of a reference that no trial had


def decide_verdict(
    losses: Mapping[int, Sequence[float]],
    rows_of: Mapping[int, np.ndarray | None],
    reference: int | None,
    constant: np.ndarray | None,
    searched: int,
    preferred: int | None = None,
    measure: Measure = Measure(),
) -> Confirmation:
    """Compare configurations over fresh seeds and over validation rows, and name the winner.

    Args:
        losses: Validation losses on fresh seeds by trial number; fewer where runs failed.
        rows_of: Losses of validation rows (n,), averaged over seeds, by trial number; None where they are not known.
        reference: The reference's number, ``NO_TRIAL`` when no trial had it; None without a reference.
        constant: Losses of validation rows (n,) when a constant is predicted; None where they are not known.
        searched: Number of trials with a result that the candidates were chosen from.
        preferred: The trial that a cross-validation chose, which wins when all of its runs have a result; the lowest
            mean wins when None.
        measure: How losses are shown in the verdict.

    Returns:
        The confirmation, without seeds and training time.
    """
    differences = _differences(losses, rows_of, reference, constant, searched)
    most = max(len(values) for values in losses.values())
    rows = [_row(n, values, most, n == reference, differences.get(n)) for n, values in losses.items()]
    rows.sort(key=lambda row: (math.inf if math.isnan(row.mean) else row.mean, _order(row)))
    whole = [row for row in rows if not row.failed and not math.isnan(row.mean)] or rows
    favoured = [row for row in whole if row.trial == preferred and preferred is not None]
    winner = next(row for row in (*favoured, *whole, *rows) if row.trial is not None)
    compared = next((row for row in rows if row.name == REFERENCE), None)
    assert winner.trial is not None
    return Confirmation(
        rows=tuple(rows),
        winner=winner.trial,
        reference=None if compared is None else compared.trial,
        better=None if compared is None else bool(winner.better),
        constant_val_loss=None if constant is None else float(constant.mean()),
        verdict=_sentence(winner, compared, whole[0] is compared and not favoured, constant, measure),
    )


def _differences(
    losses: Mapping[int, Sequence[float]],
    rows_of: Mapping[int, np.ndarray | None],
    reference: int | None,
    constant: np.ndarray | None,
    searched: int,
) -> dict[int, Difference]:
    """Compare with the reference every trial that has two results, by number; nothing without a reference that has."""
    if reference is None or len(losses[reference]) < 2:
        return {}
    rivals = [n for n in losses if n != reference and len(losses[n]) > 1]
    against = compare(
        [losses[n] for n in rivals],
        losses[reference],
        searched=searched,
        candidate_rows=[rows_of[n] for n in rivals],
        reference_rows=rows_of[reference],
        constant_rows=constant,
    )
    return dict(zip(rivals, against, strict=True))


def _order(row: ConfirmationRow) -> int:
    """Rank rows with the same mean: the lower number first, a reference that no trial had last."""
    return sys.maxsize if row.trial is None else row.trial


def _row(number: int, values: Sequence[float], runs: int, is_reference: bool, d: Difference | None) -> ConfirmationRow:
    mean, half_width = mean_interval(values)
    row = ConfirmationRow(
        trial=None if number == NO_TRIAL else number,
        name=REFERENCE if is_reference else f"trial {number}",
        val_losses=tuple(values),
        failed=runs - len(values),
        mean=mean,
        half_width=half_width,
    )
    if d is None:
        return row
    return replace(
        row,
        difference=d.mean,
        difference_half_width=d.half_width,
        p_seeds=d.p_seeds,
        p_rows=d.p_rows,
        p_constant=d.p_constant,
        better=d.is_better,
    )


def _sentence(
    winner: ConfirmationRow,
    reference: ConfirmationRow | None,
    reference_is_best: bool,
    constant: np.ndarray | None,
    measure: Measure,
) -> str:
    name, value = measure.name, measure.value
    scores = format_interval(value(winner.mean), winner.half_width)
    if reference is None:
        return f"On fresh seeds {winner.name} is best with {name} {scores}; there is no reference to compare with."
    other = format_interval(value(reference.mean), reference.half_width)
    if reference_is_best:
        return f"No trial is better than the reference: on fresh seeds it has the best {name}, {other}."
    if winner.better:
        difference = format_interval(value(winner.difference or 0.0), winner.difference_half_width or 0.0, 3)
        return (
            f"On fresh seeds {winner.name} is better than the reference: {name} {scores} against {other}, "
            f"difference {difference}."
        )
    why = "so large a difference arises from seeds alone"
    if winner.difference is None or winner.p_seeds is None:
        why = "too few runs on fresh seeds ended with a result"
    elif (winner.p_constant or 0) >= LEVEL and constant is not None:
        level = format_number(value(float(constant.mean())))
        why = f"neither is shown to predict better than a constant, whose {name} is {level}"
    elif winner.p_seeds < LEVEL:
        why = "over validation rows so large a difference arises by chance among the trials searched"
    return (
        f"No difference to the reference is shown: {winner.name} has {name} {scores} on fresh seeds, "
        f"the reference {other}; {why}."
    )
