"""Time series of the user's own: forecasts of the next steps of one or of many series in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.errors import UserError
from trainables.base.contract.facts import TaskFacts
from trainables.base.contract.names import task_name
from trainables.base.contract.options import TaskOption
from trainables.base.tables.budget import SMALL_ROWS, table_budget
from trainables.base.tables.series.reference import FURTHER_REFERENCES, series_reference
from trainables.base.tables.tabular import TabularTask

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

    from trainables.base.contract.data import RawSplit, Splits, TrainingData
    from trainables.base.contract.splits import RowSplit
    from trainables.base.contract.task import Config, EpochReport
    from trainables.base.tables.columns.selection import Columns
    from trainables.base.tables.series.grid import OneSeries
    from trainables.base.tables.series.predictor import SeriesPredictor

MIN_STEPS = 30
SHOWN = 5  # series in a note
TRAINING, VALIDATION = 0.64, 0.16  # of the moments; the newest rest is the test split


class Series(TabularTask):
    """Forecasts from the last values, the calendar and further columns, by models of sequences or of tables.

    A row of what is learned is one moment, forecast from one origin before it; all origins take part (rolling origin).
    Rows are split by the moment that they forecast, never at random. Reference: DLinear.

    Args:
        data: Path of a CSV, TSV or Parquet file, gzipped or not, with a row a moment (and series).
        time: Column of the moments: dates, or whole numbers.
        target: Column of the numbers to forecast.
        horizon: Steps that are forecast; a season when not given.
        group: Column whose values are series of their own.
        known: Numeric columns whose future is known when a forecast is made, as a list or separated by commas. Other
            numeric columns are known up to the origin.
        season: Steps after which values are alike; from the step of time when not given.
        missing: Cells of the target that mean "no value", as a list or separated by commas; ``"none"`` for none.
            Numbers such as -999 are found when this is not given.

    Raises:
        UserError: No table, a column that is not there or tells the future, moments that are not regular, or too few of
            them.
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
    further_references = FURTHER_REFERENCES
    options = (
        TaskOption("data", "Table of series, a row a moment: CSV or TSV (also .gz) or Parquet."),
        TaskOption("time", "Column of the moments."),
        TaskOption("target", "Column of the numbers to forecast."),
        TaskOption("horizon", "Number of steps to forecast.", int, default="a season"),
        TaskOption("group", "Column whose values are series of their own."),
        TaskOption("known", "Column whose future is known at the forecast; repeat it.", repeatable=True),
        TaskOption("season", "Number of steps after which values are alike.", int, default="from the step of time"),
        TaskOption("missing", "Cell that means 'no value', e.g. -200; none to keep all.", repeatable=True),
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
        missing: str | Sequence[str] | None = None,
    ) -> None:
        from trainables.base.tables.cells.missing import given_codes
        from trainables.base.tables.reading.file import read_table_file
        from trainables.base.tables.series.layout_options import read_layout
        from trainables.base.tables.series.leaks import check_future

        if data is None or not str(data).strip():
            raise UserError("Task 'series' needs a file: --data sales.csv --time date --target sales.")
        self.path = Path(data).expanduser()
        table = read_table_file(self.path)
        names = [known] if isinstance(known, str) else list(known or ())
        names = [name.strip() for text in names for name in ([text] if text in table.frame else text.split(","))]
        self._layout, notes = read_layout(
            table.frame, time, target, horizon, group, names, season, given_codes(missing)
        )
        series, repaired = self._series(table.frame)
        check_future(series, self._layout)
        self._notes = (*table.notes, *notes, *repaired)
        longest = max(len(one.values) for one in series)
        if self._layout.season > TRAINING * longest:
            self._notes += (
                f"A season of {self._layout.season:,} steps is longer than what trains: none is seen twice.",
            )
        self._steps, self._count = sum(len(one.values) for one in series), len(series)
        self._frame: pd.DataFrame | None = self._rows(series)
        self._notes += tuple(self._not_learned(series, self._frame))
        self._take_on(self._frame)

    def _not_learned(self, series: list[OneSeries], frame: pd.DataFrame) -> Iterator[str]:
        """Yield a sentence on series from which no row comes."""
        if not self._layout.group:
            return
        learned = set(frame[self._layout.group])
        lost = [one.group for one in series if one.group not in learned]
        if lost:
            more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
            shown = ", ".join(map(repr, lost[:SHOWN])) + more
            yield f"{len(lost):,} of {len(series):,} series have too few values to learn from: {shown}."

    def _take_on(self, frame: pd.DataFrame) -> None:
        """Set what a task says of itself from what the series turned out to be."""
        from trainables.base.tables.series.baselines.naive import best_start, fitted_smoothing
        from trainables.base.tables.series.rows import CARRIED, UNREAD, lag_columns

        columns, rows = lag_columns(self._layout), len(frame)
        self._row_count, self.carried, self.unread = rows, CARRIED, UNREAD
        self.target, self.categorical = self._layout.target, columns.categorical
        self.numeric = tuple(name for name in columns.numeric if frame[name].nunique() > 1)
        small = rows < SMALL_ROWS
        self.space_name = "series_small" if small else "series"
        train = frame.iloc[self.split(frame, 0).train]
        self._layout = replace(self._layout, smoothing=fitted_smoothing(train, self._layout))
        self.reference = series_reference(small=small, relative_to=best_start(train, self._layout))
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
        from trainables.base.tables.columns.selection import Columns

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
        from trainables.base.tables.series.accuracy import SCALES, naive_errors
        from trainables.base.tables.series.sequences import with_sequences

        splits = with_sequences(super().load(split_seed), self._layout)
        self._frame = None  # workers read no table
        facts = {**splits.training.facts, SCALES: naive_errors(splits.train, self._layout)}
        return replace(splits, training=replace(splits.training, facts=facts))

    def fit(
        self,
        config: Config,
        data: TrainingData,
        seed: int,
        *,
        max_epochs: int,
        device: str = "cpu",
        checkpoint: Path | None = None,
    ) -> Iterator[EpochReport]:
        if "family" not in config:  # else the default of tables would be trained
            raise KeyError("family")
        from trainables.base.tables.series.relative import relative_data

        data = relative_data(config, data)
        return super().fit(config, data, seed, max_epochs=max_epochs, device=device, checkpoint=checkpoint)

    def predictor(self, config: Config, weights: Mapping[str, torch.Tensor], splits: Splits) -> SeriesPredictor:
        from trainables.base.tables.series.predictor import SeriesPredictor

        facts = dict(splits.training.facts)
        found = SeriesPredictor(self.facts.kind, dict(config), facts, weights, splits.preprocessing)
        found.facts = {**facts, **self.calibration(found, splits)}
        return found

    def calibration(self, predictor: Any, splits: Splits) -> Mapping[str, Any]:
        from trainables.base.tables.series.intervals import SERIES, series_fact

        rows, targets = splits.validation.inputs, splits.validation.targets
        residuals = targets - _in_unit(predictor.outputs(rows), predictor.facts)
        return {SERIES: series_fact(self._layout, splits.validation, residuals, splits.train)}

    def scores(self, predictor: Any, split: RawSplit) -> dict[str, float]:
        from trainables.base.tables.series.accuracy import coverage
        from trainables.base.tables.series.intervals import SERIES, half_widths

        outputs, facts = predictor.outputs(split.inputs), predictor.facts
        inside = coverage(split.targets, _in_unit(outputs, facts), half_widths(facts[SERIES], split.inputs))
        return {**self.output_scores(outputs, split, facts), "coverage_90": inside}

    def output_scores(self, outputs: np.ndarray, split: RawSplit, facts: Mapping[str, Any]) -> dict[str, float]:
        from trainables.base.tables.series.accuracy import SCALES, mase

        scaled = mase(split, _in_unit(outputs, facts), self._layout, facts.get(SCALES, {}))
        return {**super().output_scores(outputs, split, facts), **scaled}

    def guesses(self, splits: Splits, inputs: Any) -> dict[str, np.ndarray | str]:
        """Return forecasts without a network: the last value, a season before, drift, exponential smoothing."""
        import numpy as np

        from trainables.base.tables.reading.file import read_table_file
        from trainables.base.tables.series.baselines.smoothing import NAME, smoothed
        from trainables.base.tables.series.rows import NAIVE

        middle = float(np.median(splits.train.targets))  # where the series does not reach back so far
        there = {name: column for name, column in NAIVE.items() if column in inputs.columns}
        found: dict[str, np.ndarray | str] = {
            name: inputs[column].fillna(middle).to_numpy(dtype=float) for name, column in there.items()
        }
        series = self._series(read_table_file(self.path).frame)[0]
        return {**found, NAME: smoothed(series, self._layout, splits.train.inputs, inputs)}

    def blocks(self, split: RawSplit) -> np.ndarray:
        """Return blocks of as many moments as the horizon has: errors of neighbours share origins and values."""
        import numpy as np

        from trainables.base.tables.series.rows import MOMENT

        return np.asarray(split.inputs[MOMENT] // (self._layout.step.size * self._layout.horizon), dtype=np.int64)

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


def _in_unit(outputs: np.ndarray, facts: Mapping[str, Any]) -> np.ndarray:
    """Return raw outputs (n, 1) as numbers in the target's unit, (n,)."""
    from trainables.base.kinds.target_scale import TargetScale

    return TargetScale.from_facts(facts).to_unit(outputs[:, 0])
