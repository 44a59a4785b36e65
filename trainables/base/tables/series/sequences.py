"""Rows of series as models of sequences read them: scaled windows, steps ahead, and what is known of each moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from trainables.base.contract.data import Splits, TrainingData, digest_arrays
from trainables.base.kinds.target_scale import TargetScale
from trainables.base.tables.inputs import TableInputs
from trainables.base.tables.series.baselines.naive import naive_map
from trainables.base.tables.series.grid import Layout
from trainables.base.tables.series.rows import AHEAD, at_the_moment, calendar
from trainables.base.tables.series.windows import WINDOW, channels, read_windows, window_length

SEQUENCE = "sequence"  # fact of the data of a series, see ``SequenceFacts``
MAX_INDICATORS = 32  # of groups; with more, a row's group is known by its mean target alone
PERIODS = {"minute": 60, "hour": 24, "weekday": 7, "day": 31, "month": 12, "day of the year": 366}


@dataclass(frozen=True)
class SequenceFacts:
    """What models of sequences are built from.

    Attributes:
        length: Steps of a window.
        horizon: Steps that are forecast.
        mean: (channels,) of a window: the target, then known columns, then past ones; fitted on training rows.
        std: (channels,) the same.
        positions: Columns of the table's matrix that are known of a forecast moment.
        calendar: Columns of the calendar, each read as a point on a circle.
        season: Steps after which values are alike.
        smoothing: Parameters of exponential smoothing, see ``naive_map``.
    """

    length: int
    horizon: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    positions: tuple[int, ...]
    calendar: tuple[str, ...]
    season: int = 1
    smoothing: tuple[float, ...] = ()

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> SequenceFacts:
        """Read the fact ``sequence``."""
        stored: Mapping[str, Any] = facts[SEQUENCE]
        lists = {name: tuple(stored[name]) for name in ("mean", "std", "positions", "calendar")}
        season = int(stored.get("season", 1))  # models of earlier versions lack this and the next, and need none
        lists["smoothing"] = tuple(stored.get("smoothing", ()))
        return cls(length=int(stored["length"]), horizon=int(stored["horizon"]), season=season, **lists)

    def start(self, relative_to: str) -> np.ndarray:
        """Return the matrix (length, horizon) of the naive forecast that a model starts from, see ``naive_map``."""
        return naive_map(relative_to, self.length, self.season, self.horizon, self.smoothing)

    @property
    def channels(self) -> int:
        return len(self.mean)

    @property
    def n_future(self) -> int:
        """Numbers that are known of each forecast moment."""
        return len(self.positions) + 2 * len(self.calendar)


@dataclass(frozen=True)
class SeriesInputs(TableInputs):
    """Rows of series: what a table's models read, and what models of sequences do.

    Attributes:
        windows: (windows, channels, length) float32, scaled.
        window: (n,) int32 position of each row's window.
        ahead: (n,) int32 steps from the origin to the moment, from 1.
        future: (n, n_future) float32 what is known of the moment.
    """

    windows: np.ndarray
    window: np.ndarray
    ahead: np.ndarray
    future: np.ndarray

    @classmethod
    def from_rows(cls, frame: pd.DataFrame, table: TableInputs, facts: SequenceFacts) -> SeriesInputs:
        """Read the windows and the calendar of n rows.

        Args:
            frame: The rows.
            table: The same as a table's models read them.
            facts: Of the data that a model was trained on.

        Raises:
            UserError: A cell holds no window.
        """
        windows, window = read_windows(frame[WINDOW], facts.channels, facts.length)
        mean, std = np.array(facts.mean)[:, None], np.array(facts.std)[:, None]
        angles = [_angles(frame[name]) for name in facts.calendar]
        circles = [np.stack([np.sin(angle), np.cos(angle)], axis=1) for angle in angles]
        future = np.concatenate([table.x[:, list(facts.positions)], *circles], axis=1).astype(np.float32)
        ahead = np.clip(pd.to_numeric(frame[AHEAD]).fillna(1).to_numpy(np.int32), 1, facts.horizon)
        return cls(table.x, table.codes, ((windows - mean) / std).astype(np.float32), window, ahead, future)


def with_sequences(splits: Splits, layout: Layout) -> Splits:
    """Return splits whose trials get the windows of training and validation rows too.

    Args:
        splits: As of a table, whose rows carry ``WINDOW``.
        layout: Of the series.
    """
    training, numeric = splits.training, list(splits.preprocessing.columns.numeric)
    facts = _fit(layout, training.facts, splits.train.inputs, numeric, _groups(splits.preprocessing, training.facts))
    arrays, frames = dict(training.arrays), {"train": splits.train.inputs, "val": splits.validation.inputs}
    joined = pd.concat(frames.values(), ignore_index=True)
    table = np.concatenate([arrays[f"x_{part}"] for part in frames])
    read = SeriesInputs.from_rows(joined, TableInputs(table, np.zeros((len(table), 0), np.int32)), facts)
    added, first = {"windows": read.windows}, 0
    for part, frame in frames.items():
        rows = slice(first, first + len(frame))
        added |= {
            f"window_{part}": read.window[rows],
            f"ahead_{part}": read.ahead[rows],
            f"future_{part}": read.future[rows],
        }
        first += len(frame)
    digest = digest_arrays(added, {"table": np.frombuffer(bytes.fromhex(training.digest), np.uint8)})
    stored = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(facts).items()}
    data = TrainingData({**arrays, **added}, {**training.facts, SEQUENCE: stored}, digest)
    return replace(splits, training=data)


def training_inputs(data: TrainingData, part: str) -> SeriesInputs:
    """Return the rows of ``part``, ``"train"`` or ``"val"``, of a series' data."""
    arrays, table = data.arrays, TableInputs.from_arrays(data.arrays, part)
    names = ("window", "ahead", "future")
    return SeriesInputs(table.x, table.codes, arrays["windows"], *(arrays[f"{name}_{part}"] for name in names))


def _fit(
    layout: Layout, facts: Mapping[str, Any], train: pd.DataFrame, numeric: Sequence[str], groups: Sequence[int]
) -> SequenceFacts:
    count, length = len(channels(layout)), window_length(layout)
    windows, _ = read_windows(train[WINDOW], count, length)
    mean, std = windows.mean(axis=(0, 2), dtype=np.float64), windows.std(axis=(0, 2), dtype=np.float64)
    scale = TargetScale.from_facts(facts)
    mean[0], std[0] = scale.mean, scale.std  # outputs are on this scale
    known = [numeric.index(at_the_moment(name)) for name in layout.known if at_the_moment(name) in numeric]
    return SequenceFacts(
        length,
        layout.horizon,
        tuple(mean.tolist()),
        tuple(np.where(std > 0, std, 1.0).tolist()),
        (*known, *groups),
        tuple(name for name in calendar(layout) if name in numeric and _period(name)),
        layout.season,
        layout.smoothing,
    )


def _groups(preprocessing: Any, facts: Mapping[str, Any]) -> list[int]:
    """Return the columns of the matrix that tell a row's group: indicators where they are few, and statistics."""
    first, last, count = int(facts["n_ordered"]), len(preprocessing.feature_names), int(facts["n_inputs"])
    return [*(range(first, last) if last - first <= MAX_INDICATORS else ()), *range(last, count)]


def _angles(column: pd.Series) -> np.ndarray:
    values = pd.to_numeric(column, errors="coerce").fillna(0).to_numpy(np.float64)
    return np.asarray(2 * np.pi * values / _period(str(column.name)))


def _period(column: str) -> int:
    """Return after how many units a part of the date repeats; 0 for the year, which does not."""
    return PERIODS.get(column.removesuffix(" of the moment"), 0)
