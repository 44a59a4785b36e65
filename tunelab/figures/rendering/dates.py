"""Ticks of matplotlib's axes of dates, in numbers, which read the same in every language."""

from __future__ import annotations

from typing import Any

from matplotlib import dates

from tunelab.figures.ticks import CLOCK, DATE, MONTH, YEAR

MAX_TICKS = {dates.YEARLY: 9, dates.MONTHLY: 7, dates.DAILY: 5, dates.HOURLY: 5, dates.MINUTELY: 5}
LABELS = {365.0: YEAR, 30.0: MONTH, 1.0: DATE, 1 / 24: f"{CLOCK}\n{DATE}"}  # by the unit of the ticks, in days


def label_dates(ax: Any) -> None:
    """Label the x axis, days since 1970, with years, months, days or times of day, as its length asks for."""
    matplotlib_dates: Any = dates  # untyped
    locator = matplotlib_dates.AutoDateLocator(minticks=3, maxticks=MAX_TICKS)
    formatter = matplotlib_dates.AutoDateFormatter(locator)
    formatter.scaled = LABELS
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
