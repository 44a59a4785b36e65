"""Time series of the user's own: forecasts of the next steps of one or of many series in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError, unknown
from trainables.base.contract.names import task_name
from trainables.base.contract.options import TaskOption
from trainables.base.contract.task import TaskFacts
from trainables.base.tables.budget import SMALL_ROWS, table_budget
from trainables.base.tables.references import MLP, table_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

    from trainables.base.contract.splits import RowSplit
    from trainables.base.contract.task import Config, RawSplit, Splits
    from trainables.base.tables.columns import Columns
    from trainables.base.tables.predictor import TablePredictor
    from trainables.base.tables.series.grid import Layout, OneSeries

MIN_STEPS = 30
TRAINING, VALIDATION = 0.64, 0.16  # of the moments; the newest rest is the test split
MAX_HORIZON = 1_000


class Series(TabularTask):
    """Forecasts from the last values, the calendar and further columns, by any family of models for tables.

    A row of what is learned is one moment, forecast from one origin before it; all origins take part (rolling origin).
    Rows are split by the moment that they forecast, never at random.

    Args:
        data: Path of a CSV, TSV or Parquet file, gzipped or not, with a row a moment (and series).
        time: Column of the moments: dates, or whole numbers.
        target: Column of the numbers to forecast.
        horizon: Steps that are forecast; a season when not given.
        group: Column whose values are series of their own.
        known: Numeric columns whose future is known when a forecast is made, as a list or separated by commas. Other
            numeric columns are known up to the origin.
        season: Steps after which values are alike; from the step of time when not given.

    Raises:
        UserError: No table, a column that is not there, moments that are not regular, or too few of them.
    """

    facts = TaskFacts(
        name="series",
        title="Time series of your own (--data sales.csv --time date --target sales)",
        kind="regression",
        source="the user's file",
        licence="the user's own",
        score="rmse",
        score_direction="minimize",
    )
    options = (
        TaskOption("data", "Table of series, a row a moment: CSV or TSV (also .gz) or Parquet."),
        TaskOption("time", "Column of the moments."),
        TaskOption("target", "Column of the numbers to forecast."),
        TaskOption("horizon", "Number of steps to forecast.", int, default="a season"),
        TaskOption("group", "Column whose values are series of their own."),
        TaskOption("known", "Column whose future is known at the forecast; repeat it.", repeatable=True),
        TaskOption("season", "Number of steps after which values are alike.", int, default="from the step of time"),
    )

    def __init__(
        self,
        data: str | Path | None = None,
        time: str | None = None,
        target: str | None = None,
        horizon: int | None = None,
        group: str | None = None,
        known: str | Sequence[str] | None = None,
        season: int | None = None,
    ) -> None:
        from trainables.base.tables.reading.file import read_table_file

        if data is None:
            raise UserError("Task 'series' needs a file: --data sales.csv --time date --target sales.")
        self.path = Path(data).expanduser()
        table = read_table_file(self.path)
        names = [known] if isinstance(known, str) else list(known or ())
        names = [name.strip() for text in names for name in ([text] if text in table.frame else text.split(","))]
        self._layout, notes = _layout(table.frame, time, target, horizon, group, names, season)
        series, repaired = self._series(table.frame)
        self._notes = (*table.notes, *notes, *repaired)
        self._steps, self._count = sum(len(one.values) for one in series), len(series)
        self._frame: pd.DataFrame | None = self._rows(series)
        self._take_on(self._frame)
        self.split(self._frame, 0)

    def _take_on(self, frame: pd.DataFrame) -> None:
        """Set what a task says of itself from what the series turned out to be."""
        from trainables.base.tables.series.rows import lag_columns

        columns, rows = lag_columns(self._layout), len(frame)
        self._row_count = rows
        self.target, self.categorical = self._layout.target, columns.categorical
        self.numeric = tuple(name for name in columns.numeric if frame[name].nunique() > 1)
        small = rows < SMALL_ROWS
        self.space_name = "tabular_small" if small else "tabular"
        self.reference = table_reference(MLP, small=small)
        self.facts = replace(
            type(self).facts,
            name=task_name("series", self.path, self.target),
            title=f"The next {self._layout.horizon} steps of {self.target} in {self.path.name}",
            source=self.path.name,
            **table_budget(rows),
        )

    def read(self) -> pd.DataFrame:
        from trainables.base.tables.reading.file import read_table_file

        if self._frame is None:
            self._frame = self._rows(self._series(read_table_file(self.path).frame)[0])
        return self._frame

    def __getstate__(self) -> dict[str, Any]:
        """Travel without the rows."""
        return {**self.__dict__, "_frame": None}

    def columns(self) -> Columns:
        from trainables.base.tables.columns import Columns

        return Columns(tuple(self.numeric), tuple(self.categorical))

    def split(self, frame: pd.DataFrame, split_seed: int) -> RowSplit:
        """Return the row positions of the splits: the oldest moments train, the newest test."""
        import numpy as np

        from trainables.base.contract.splits import RowSplit
        from trainables.base.tables.series.rows import MOMENT

        moments = frame[MOMENT].to_numpy()
        distinct = np.unique(moments)
        if len(distinct) < MIN_STEPS:
            raise UserError(
                f"The series has {len(distinct)} moments that can be forecast, but at least {MIN_STEPS} are needed for "
                "training, validation and test."
            )
        trained = distinct[round(TRAINING * len(distinct)) - 1]
        validated = distinct[round((TRAINING + VALIDATION) * len(distinct)) - 1]
        return RowSplit(
            np.flatnonzero(moments <= trained),
            np.flatnonzero((moments > trained) & (moments <= validated)),
            np.flatnonzero(moments > validated),
        )

    def load(self, split_seed: int = 0) -> Splits:
        splits = super().load(split_seed)
        self._frame = None  # workers read no table
        return splits

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> TablePredictor:
        from trainables.base.tables.series.forecast import SERIES, interval_widths, series_fact

        found = super().predictor(config, weights, splits)
        validation = splits.validation
        predicted = found.predict(validation.inputs)["prediction"].to_numpy()
        widths = interval_widths(validation.targets - predicted, _ahead(validation), self._layout.horizon)
        found.facts = {**found.facts, SERIES: series_fact(self._layout, widths)}
        return found

    def scores(self, predictor: Any, split: RawSplit) -> dict[str, float]:
        from trainables.base.kinds.registry import row_kind
        from trainables.base.tables.series.forecast import SERIES, coverage

        kind, outputs, facts = row_kind(self.facts.kind), predictor.outputs(split.inputs), predictor.facts
        predicted = kind.frame(outputs, facts)["prediction"].to_numpy()
        inside = coverage(split.targets, predicted, _ahead(split), facts[SERIES]["width"])
        return {**kind.scores(outputs, split.targets, facts), "coverage_90": inside}

    def guesses(self, splits: Splits, inputs: Any) -> dict[str, np.ndarray]:
        """Return forecasts without a model: the last value, and the value of one season before."""
        import numpy as np

        from trainables.base.tables.series.rows import NAIVE

        middle = float(np.median(splits.train.targets))  # where the series does not reach back so far
        there = {name: column for name, column in NAIVE.items() if column in inputs.columns}
        return {name: inputs[column].fillna(middle).to_numpy(dtype=float) for name, column in there.items()}

    def description(self) -> dict[str, Any]:
        layout = self._layout
        return {
            "data": str(self.path),
            "series": self._count,
            "moments": self._steps,
            "step": str(layout.step),
            "season": layout.season,
            "horizon": layout.horizon,
            "rows": self._row_count,
            "known": list(layout.known),
            "past": list(layout.past),
            "notes": list(self._notes),
        }

    def _series(self, frame: pd.DataFrame) -> tuple[list[OneSeries], list[str]]:
        from trainables.base.tables.series.grid import place

        return place(frame, self._layout)

    def _rows(self, series: list[OneSeries]) -> pd.DataFrame:
        from trainables.base.tables.series.rows import all_rows

        longest = max(len(one.values) for one in series)
        if longest < self._layout.horizon + MIN_STEPS:
            raise UserError(
                f"The longest series has {longest:,} moments, but forecasting {self._layout.horizon:,} steps needs at "
                f"least {self._layout.horizon + MIN_STEPS:,}. Choose a smaller --horizon or give more of the past."
            )
        return all_rows(series, self._layout)


def _ahead(split: RawSplit) -> np.ndarray:
    """Return how many steps ahead each row is; 1 where that is the horizon, and no column says it."""
    import numpy as np

    from trainables.base.tables.series.rows import AHEAD

    return split.inputs[AHEAD].to_numpy(dtype=int) if AHEAD in split.inputs else np.ones(len(split.targets), dtype=int)


def _layout(
    frame: pd.DataFrame,
    time: str | None,
    target: str | None,
    horizon: int | None,
    group: str | None,
    known: Sequence[str],
    season: int | None,
) -> tuple[Layout, list[str]]:
    """Return how the table holds series, and notes; raise ``UserError`` where it holds none."""
    import pandas as pd

    from trainables.base.tables.cells.numbers import PLAIN
    from trainables.base.tables.reading.file import column_list
    from trainables.base.tables.series.grid import Layout, infer_step, read_times
    from trainables.base.tables.target import infer_target

    for option, column, holds in (("time", time, "of the moments"), ("target", target, "to forecast")):
        if column is None:
            raise UserError(f"Task 'series' needs --{option}, the column {holds}. It is one of: {column_list(frame)}.")
    assert time is not None
    assert target is not None
    for column in (time, target, *([] if group is None else [group]), *known):
        if column not in frame.columns:
            raise unknown("column", column, map(str, frame.columns))
    used = [time, target, *([] if group is None else [group])]
    if len({*used, *known}) < len(used) + len(known):
        raise UserError("--time, --target, --group and --known must be different columns.")
    notation = infer_target(frame[target], "regression").notation or PLAIN
    times, order = read_times(frame[time])
    groups = frame[group] if group is not None else pd.Series("", index=frame.index)
    step = infer_step(times, groups, time, dates=bool(order))
    steps_of_season = step.season if season is None else season
    ahead = max(1, steps_of_season) if horizon is None else horizon
    for option, value, most in (("season", steps_of_season, 100_000), ("horizon", ahead, MAX_HORIZON)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise UserError(f"--{option} of task 'series' must be from 1 to {most:,} steps, got {value!r}.")
    past = [
        str(name)
        for name in frame.columns
        if name not in (*used, *known) and pd.api.types.is_numeric_dtype(frame[name]) and frame[name].nunique() > 1
    ]
    texts = [name for name in known if not pd.api.types.is_numeric_dtype(frame[name])]
    if texts:
        raise UserError(f"--known '{texts[0]}' is not numeric. Write it as numbers, e.g. 0 and 1.")
    notes = [f"The step of '{time}' is {step}, a season {steps_of_season} steps; --season overrides."]
    if past:
        notes.append(f"Known up to the moment of a forecast: {', '.join(past)}; --known names what is known after it.")
    return Layout(
        time, target, group or "", order, notation, step, steps_of_season, ahead, tuple(known), tuple(past)
    ), notes
