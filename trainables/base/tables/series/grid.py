"""Time series on a regular grid: one step for all, found once; what does not fit is said or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from search_spaces.errors import UserError
from trainables.base.kinds.percent import as_percent
from trainables.base.tables.cells.missing import drop_codes
from trainables.base.tables.cells.numbers import read_numbers
from trainables.base.tables.cells.sizes import check_sizes
from trainables.base.tables.columns.selection import category_text
from trainables.base.tables.series.times import Step, local_times, read_times

REGULAR = 0.95  # share of the stamps that must lie on the grid
MAX_GAPS = 0.6  # share of the grid that may have no row
COPIES = 0.02  # share of rows that may repeat a stamp; their mean is taken
MAX_STEPS = 5_000_000


@dataclass(frozen=True)
class Layout:
    """How a table holds series: which columns, and how they are read.

    Attributes:
        time: Column of the moments.
        target: Column of the numbers to forecast.
        group: Column whose values are series of their own; empty for one series.
        order: Order of the dates, see ``DateOrder``; empty where moments are whole numbers.
        notation: How the target's numbers are written, see ``infer_number_format``.
        step: Of the grid.
        season: Steps after which values are alike.
        horizon: Steps that are forecast.
        known: Numeric columns whose future is known when a forecast is made.
        past: Numeric columns that are known up to the moment of the forecast.
        zone: Offset from UTC that every moment is written with, such as ``"+09:00"``; empty for none, or for several.
        missing: Numbers of the target that mean a missing one.
        smoothing: Parameters of exponential smoothing, fitted on the training moments; empty before that.
    """

    time: str
    target: str
    group: str
    order: str
    notation: str
    step: Step
    season: int
    horizon: int
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    zone: str = ""
    missing: tuple[float, ...] = ()
    smoothing: tuple[float, ...] = ()

    def groups(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the series of each row, (n,) text; empty where there is one series."""
        return np.asarray(category_text(frame[self.group])) if self.group else np.full(len(frame), "")

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Layout:
        """Read what ``to_json`` wrote."""
        return cls(
            **{
                **stored,
                "step": Step(**stored["step"]),
                "known": tuple(stored["known"]),
                "past": tuple(stored["past"]),
                **{name: tuple(stored.get(name, ())) for name in ("missing", "smoothing")},  # earlier models lack them
            }
        )


@dataclass(frozen=True)
class OneSeries:
    """One series on its grid.

    Attributes:
        group: Its value of the group column; empty for the only one.
        first: Count of the first step, see ``Step.count``.
        values: (steps,) float64 the target, NaN where there is none.
        others: (steps,) float64 of each further column.
    """

    group: str
    first: int
    values: np.ndarray
    others: Mapping[str, np.ndarray]


def place(frame: pd.DataFrame, layout: Layout) -> tuple[list[OneSeries], list[str]]:
    """Place the rows of a table on the grid.

    Args:
        frame: With the columns of the layout; the target may be missing where the future is asked for.
        layout: How they are read.

    Returns:
        A sequence a group, in the order of their names, and notes on what was repaired, a sentence each.

    Raises:
        UserError: Rows without a moment, moments off the grid, or repeated, in more than a few rows.
    """
    without = frame[layout.group].isna() if layout.group else pd.Series(False, index=frame.index)
    frame = frame[~without]
    counts = _counts(frame, layout)
    columns = {layout.target: drop_codes(read_numbers(frame[layout.target], layout.notation), layout.missing)}
    columns |= {name: read_numbers(frame[name]) for name in (*layout.known, *layout.past)}
    table = pd.DataFrame({name: column.to_numpy(dtype=np.float64) for name, column in columns.items()})
    check_sizes({str(name): table[name] for name in table})
    groups = layout.groups(frame)
    repairs: list[Repairs] = []
    found = []
    for group, rows in sorted(pd.Series(groups).groupby(groups).indices.items()):
        series, repaired = _sequence(str(group), counts[rows], table.iloc[rows], layout)
        found.append(series)
        repairs.append(repaired)
    notes = [f"Left out rows without a value of '{layout.group}' ({int(without.sum()):,})."] if without.any() else []
    return found, [*notes, *_repair_notes(repairs)]


def _counts(frame: pd.DataFrame, layout: Layout) -> np.ndarray:
    """Return the moments of rows as counts of the step's unit, (n,); raise ``UserError`` for a cell without one."""
    local, zone, _ = local_times(frame[layout.time])
    if layout.zone and zone and zone != layout.zone:
        raise UserError(
            f"The moments of '{layout.time}' have the offset {zone} from UTC, those of training {layout.zone}. Write "
            f"them with {layout.zone}."
        )
    times, _ = read_times(local, layout.order)
    if bool(times.isna().any()):
        cell = frame[layout.time][times.isna()].iloc[0]
        example = "an empty cell" if pd.isna(cell) else repr(str(cell)[:30])
        raise UserError(
            f"{int(times.isna().sum()):,} of {len(frame):,} cells of the time column '{layout.time}' cannot be read as "
            f"a time (e.g. {example}). Mend or remove these rows, or write all dates as 2024-12-31."
        )
    return layout.step.count(times)


@dataclass(frozen=True)
class Repairs:
    """What was repaired of a series.

    Attributes:
        off: Rows that were left out, as they lie off the grid.
        copies: Rows that repeat a moment.
        gaps: Moments without a row.
    """

    off: int
    copies: int
    gaps: int


def _sequence(group: str, counts: np.ndarray, table: pd.DataFrame, layout: Layout) -> tuple[OneSeries, Repairs]:
    size, named = layout.step.size, f" of series '{group}'" if group else ""
    first = counts.min()
    place_of = (counts - first) / size
    on_grid = np.abs(place_of - np.round(place_of)) < 0.01
    if float(on_grid.mean()) < REGULAR:
        raise UserError(
            f"The moments{named} are irregular: {as_percent(float((~on_grid).mean()))} lie off a grid of "
            f"{layout.step}. Bring them to equal steps first, e.g. with pandas' resample."
        )
    place_of, table = np.round(place_of[on_grid]).astype(np.int64), table[on_grid]
    steps = int(place_of.max()) + 1
    if steps > MAX_STEPS:
        raise UserError(f"The moments{named} span {steps:,} steps of {layout.step}, more than {MAX_STEPS:,}.")
    copies = len(place_of) - len(np.unique(place_of))
    if copies > COPIES * len(place_of):
        raise UserError(
            f"{copies:,} rows{named} repeat a moment. Are these several series? Then give --group COLUMN; else keep "
            "one row a moment."
        )
    if copies:
        table, place_of = table.groupby(place_of).mean(), np.unique(place_of)
    if 1 - len(place_of) / steps > MAX_GAPS:
        raise UserError(
            f"{as_percent(1 - len(place_of) / steps)} of the moments{named} between the first and the last have no "
            f"row, at a step of {layout.step}. Bring them to equal steps first."
        )
    grids = {}
    for name in table.columns:
        grids[str(name)] = np.full(steps, np.nan)
        grids[str(name)][place_of] = table[name].to_numpy()
    repaired = Repairs(int((~on_grid).sum()), copies, steps - len(place_of))
    return OneSeries(group, round(first), grids.pop(layout.target), grids), repaired


def _repair_notes(repairs: Sequence[Repairs]) -> Iterator[str]:
    """Return what was repaired in all series together, a sentence for each sort."""
    off, copies, gaps = (
        sum(values) for values in zip(*((one.off, one.copies, one.gaps) for one in repairs), strict=True)
    )
    if off:
        yield f"Left out rows off the grid ({off:,})."
    if copies:
        yield f"Took the mean of rows that repeat a moment ({copies:,})."
    if gaps:
        yield f"Moments without a row count as missing ({gaps:,})."
