"""Cells of text as dates and numbers: one way of writing a column, found once, by which every cell is read."""

from __future__ import annotations

import contextlib
import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search_spaces import UserError
from trainables.base.tables.cells.dates import (
    DAY_FIRST,
    MONTH_FIRST,
    YEAR_FIRST,
    DateOrder,
    infer_date_order,
    read_dates,
)
from trainables.base.tables.cells.numbers import CLOCK, COMMA, PLAIN, POINT, infer_number_format, read_numbers
from trainables.base.tables.columns.column import infer_role, order_in_time

DATES = [  # cells, the order, how the first one reads
    (["2024-03-05", "2024-12-31"], "year first", "2024-03-05"),
    (["2024-03", "2024-04"], "year first", "2024-03-01"),
    (["2024.3.5", "2024.03.06"], "year first", "2024-03-05"),
    (["2024. 3. 5.", "2024. 12. 31."], "year first", "2024-03-05"),
    (["2024.03.05 (화)", "2024.03.06 (수)"], "year first", "2024-03-05"),
    (["2024년 03월 05일", "2024년 12월 31일"], "year first", "2024-03-05"),
    (["2024-03-05 오후 3:20", "2024-03-05 오전 3:20"], "year first", "2024-03-05 15:20"),
    (["2024-03-05T10:11:12+09:00", "2024/03/06 10:11"], "year first", "2024-03-05 01:11:12"),
    (["01/02/2024", "13/02/2024"], "day first", "2024-02-01"),
    (["01/02/2024 3:15 PM", "02/13/2024 11:00 AM"], "month first", "2024-01-02 15:15"),
    (["1.2.2024", "3.4.2024"], "day first", "2024-02-01"),
    ([f"{day:%y/%m/%d}" for day in pd.date_range("2024-01-09", periods=40)], "year first", "2024-01-09"),
    ([f"{day:%d/%m/%y}" for day in pd.date_range("2008-01-01", periods=190, freq="ME")], "day first", "2008-01-31"),
    ([f"{day:%d/%m/%y}" for day in pd.date_range("2024-03-05", periods=40)], "day first", "2024-03-05"),
    (["2024.2/4", "2024.3/4"], "year first", "2024-04-01"),
    (["2024년 1/4분기", "2024년 2/4분기"], "year first", "2024-01-01"),
    (["2021-W01", "2020-W53", "2021W02"], "year first", "2021-01-04"),
    (["5 Mar 2024", "17 April 2024"], "day first", "2024-03-05"),
    (["Mar 5, 2024", "April 17th, 2024"], "month first", "2024-03-05"),
]


@pytest.mark.parametrize(("cells", "order", "first"), DATES)
def test_dates_are_read_by_the_order_of_their_column(cells: list[str], order: str, first: str) -> None:
    column = pd.Series(cells)
    assert infer_date_order(column) == DateOrder(order, True)
    read = read_dates(column, order)
    assert read[0] == pd.Timestamp(first, tz="UTC")
    assert read.notna().all()


def test_day_and_month_that_no_cell_tells_apart_are_not_sure() -> None:
    assert infer_date_order(pd.Series(["01/02/2024", "03/04/2024"])) == DateOrder("month first", False)


@pytest.mark.parametrize(
    "cells",
    [
        ["1-3", "4-6"],
        ["1/2", "3/4"],
        ["1 May", "2 June"],
        ["9am", "10pm"],
        ["Jan-20", "Feb-21"],
        ["12:30", "01:20"],
        ["02-123-4567", "031-123-4567"],
        ["2023-24", "2024-25"],
        ["13/25/2024", "14/26/2024"],
        ["01/13/2024", "13/01/2024"],
        [],
    ],
)
def test_what_has_no_year_or_no_single_order_is_not_a_date(cells: list[str]) -> None:
    assert infer_date_order(pd.Series(cells, dtype=object)) is None


def test_dates_that_nanoseconds_cannot_hold_and_days_that_never_were_are_missing() -> None:
    column = pd.Series(["9999-12-31", "0001-01-01", "2024-02-30", "2262-04-11 23:59:59", None, "2024-02-29"])
    assert read_dates(column).notna().tolist() == [False] * 5 + [True]
    typed = pd.Series(np.array(["2024-02-29", "9999-12-31"], dtype="datetime64[s]"))
    assert read_dates(typed).notna().tolist() == [True, False]


NUMBERS = [
    (["1", "2.5", "1e3"], "plain", [1, 2.5, 1000]),
    (["1.250", "1.5", "x"], "plain", [1.25, 1.5, None]),
    (["1,234", "999", "2,500,000.5"], "decimal point", [1234, 999, 2500000.5]),
    (["₩1,234", "-₩5", "1,200원"], "decimal point", [1234, -5, 1200]),
    (["12%", "7.5 %", "$3"], "decimal point", [12, 7.5, 3]),
    (["1 234", "1'234.5", "12"], "decimal point", [1234, 1234.5, 12]),
    (["1,5", "2,75", "3"], "decimal comma", [1.5, 2.75, 3]),
    (["0,125", "1,234", "€ 1.200,50"], "decimal comma", [0.125, 1.234, 1200.5]),
    (["12:30", "9:45:36", "오후 3:15"], "clock", [12.5, 9.76, 15.25]),
    (["1시간 30분", "45분", "1일 2시간"], "clock", [1.5, 0.75, 26]),
    (["2h 15m", "30m", "90 sec", "1h"], "clock", [2.25, 0.5, 0.025, 1]),
    (["약 1,200", "~7.5", "approx. 3"], "decimal point", [1200, 7.5, 3]),
    (["12.5-", "△3", "1,000.-"], "decimal point", [-12.5, -3, 1000]),
    (["a", "1-3", "1,2,3"], "plain", [None, None, None]),
    (["$", "$$", "25:00"], "plain", [None, None, None]),
]


@pytest.mark.parametrize(("cells", "notation", "values"), NUMBERS)
def test_numbers_are_read_by_the_notation_of_their_column(
    cells: list[str], notation: str, values: list[float | None]
) -> None:
    column = pd.Series(cells)
    assert infer_number_format(column) == notation
    read = [None if pd.isna(value) else round(float(value), 9) for value in read_numbers(column, notation)]
    assert read == values


def test_a_stray_comma_changes_no_column_of_plain_numbers() -> None:
    column = pd.Series([f"{i}.{i:03d}" for i in range(100, 200)] + ["1,5"])
    assert infer_number_format(column) == "plain"


TEXTS = st.one_of(
    st.text(max_size=8),
    st.from_regex(r"-?[0-9.,]{1,9}( ?%|원)?", fullmatch=True),
    st.from_regex(
        r"[0-9]{1,4}[-/. 년][0-9]{1,3}[-/. 월][0-9]{1,4}일?( [0-9]{1,2}:[0-9]{2}( ?[ap]m)?)?", fullmatch=True
    ),
)
CELLS = st.one_of(
    *(TEXTS, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.dates(), st.datetimes()),
    st.decimals(-(10**9), 10**9, places=2),
)


@settings(deadline=None, max_examples=20)
@given(st.one_of(st.lists(TEXTS, max_size=12), st.lists(CELLS, max_size=6)))
@example([datetime.date(9999, 12, 31), datetime.date(2024, 3, 5), None])
@example([Decimal("1.50"), "1,5"])
@example(["2024-01-01 99:99", "9999-99-99"])
def test_no_cells_end_in_anything_but_a_role(cells: list[Any]) -> None:
    column = pd.Series(cells, dtype=object, name="c")
    infer_role(column)
    with contextlib.suppress(UserError):
        order_in_time(column)
    for order in (YEAR_FIRST, DAY_FIRST, MONTH_FIRST):
        assert len(read_dates(column, order)) == len(column)
    for notation in (PLAIN, POINT, COMMA, CLOCK):
        assert not np.isinf(read_numbers(column, notation)).any()


def test_digits_of_other_scripts_are_not_dates_and_no_error() -> None:
    assert infer_date_order(pd.Series(["௬0/1/2020", "௬1/1/2020"])) is None
