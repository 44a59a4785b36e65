"""Columns as people have them: codes for missing, units, dates in numbers, identifiers, leaks, rare classes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from search_spaces import UserError
from trainables.base.tables.columns.column import infer_role, order_in_time
from trainables.table import Table

ROWS = 150
RNG = np.random.default_rng(3)
X = pd.Series(RNG.normal(size=ROWS).round(3))
Y = (X * 3 + RNG.normal(size=ROWS)).round(3)
N = RNG.integers(0, 99, ROWS)
KG, M = pd.Series(RNG.uniform(45, 110, ROWS).round(1)), pd.Series(RNG.uniform(1.5, 2, ROWS).round(2))


def table(folder: Path, target: str = "y", columns: dict[str, Any] | None = None, **options: Any) -> Table:
    frame = pd.DataFrame({"x": X, **(columns or {})} | ({} if target in (columns or {}) else {"y": Y}))
    frame.to_csv(folder / "people.csv", index=False)
    return Table(folder / "people.csv", target, **options)


def notes(task: Table) -> str:
    return "\n".join(task.description()["notes"])


def repeated(*cells: object) -> list[object]:
    return [cells[i % len(cells)] for i in range(ROWS)]


NUMBERS = RNG.integers(10, 99, ROWS)
ROLES = [  # cells, role, format, part of the note
    ([f"{n} kg" for n in NUMBERS], "numeric", "decimal point; unit kg", "are read as"),
    ([f"{n / 10:.1f}GB" if n % 9 else f"{n}MB" for n in NUMBERS], "numeric", "decimal point; unit GB", ""),
    ([f"{n},000만원" for n in NUMBERS], "numeric", "Korean units", ""),
    ([f"{n % 9 + 1}억 {n}00" if n % 3 else f"{n}00" for n in NUMBERS], "numeric", "Korean units, 만 left out", ""),
    ([f"EUR {n}.50" for n in NUMBERS], "numeric", "decimal point", ""),
    ([f"\u2212{n},{n:02d}E+01" for n in NUMBERS], "numeric", "decimal comma", ""),
    (["-" if n % 5 == 0 else str(n) for n in NUMBERS], "numeric", "", "count as missing"),
    (["장비 고장" if n % 6 == 0 else f"{n}.5" for n in NUMBERS], "numeric", "", "'장비 고장'"),
    ([20_180_101 + 100 * (i % 12) + i % 28 for i in range(ROWS)], "dates", "year first", "2018-01-01"),
    ([201_801 + 100 * (i // 12) + i % 12 for i in range(ROWS)], "dates", "year first", ""),
    ([f"{2018 + i // 12}.{i % 12 + 1:02d}" for i in range(ROWS)], "dates", "year.month", ""),
    ([round(2018 + i // 12 + (i % 12 + 1) / 100, 2) for i in range(ROWS)], "dates", "year.month", ""),
    ([f"{1950 + i % 70}년" for i in range(ROWS)], "dates", "year first", ""),
    ([f"{1950 + i // 4} Q{i % 4 + 1}" for i in range(ROWS)], "dates", "year first", ""),
    ([f"{i % 28 + 1:02d}/{i % 12 + 1:02d}/19" for i in range(ROWS)], "dates", "day first", "day first"),
    (
        [f"{i % 28 + 1}.3.2020 1:00" if i % 9 == 0 else f"2020-03-{i % 28 + 1:02d}" for i in range(ROWS)],
        "dates",
        "day first",
        "",
    ),
    ([(90 + i // 12) * 10_000 + (i % 12 + 1) * 100 + 28 for i in range(ROWS // 2)], "dates", "yymmdd", "1990-01-28"),
    ([f"2018.01.{i // 24 + 1:02d} {i % 24 + 1}시" for i in range(ROWS)], "dates", "year first", ""),
    ([f"{m}-{y:02d}" for y in range(96, 99) for m in ("Jan", "Feb", "Dec")], "dates", "month and year", "1996-01-01"),
    ([f"{m}-{y:02d}" for y in range(1, 32) for m in ("Jan", "Feb")], "dropped", "", ""),  # days, as far as it shows
    ([f"{2018 + i // 12}M{i % 12 + 1:02d}" for i in range(ROWS)], "dates", "year first", ""),
    ([f"월 {n}만원" for n in NUMBERS], "numeric", "Korean units", ""),
    (["x1" if i == 70 else str(i + 1) for i in range(ROWS)], "dropped", "", "numbers the rows"),
    ([f"{i % 40:05d}" for i in range(ROWS)], "categorical", "", "--treat c=number"),
    ([f"the parcel {i} came late again" for i in range(ROWS)], "text", "", "free text"),
    ([f"u{i}" for i in range(ROWS)], "dropped", "", "another text in every row"),
    (["None" if n % 2 else "Grvl" for n in NUMBERS], "categorical", "", ""),
]


@pytest.mark.parametrize(("cells", "role", "written", "says"), ROLES)
def test_a_column_is_treated_as_what_it_holds(cells: list[object], role: str, written: str, says: str) -> None:
    found = infer_role(pd.Series(cells, name="c"))
    assert (found.name, found.format) == (role, written)
    assert says in found.note


def test_hours_up_to_24_and_compact_dates_order_rows_in_time() -> None:
    hours = [f"2018-01-{day:02d} {hour:02d}:00" for day in range(1, 6) for hour in range(1, 25)]
    assert np.all(np.diff(order_in_time(pd.Series(hours, name="t"))) > 0)
    compact = [int(f"201801{day:02d}{hour:02d}") for day in range(1, 6) for hour in range(1, 25)]
    assert np.all(np.diff(order_in_time(pd.Series(compact, name="t"))) == pytest.approx(1 / 24))
    periods = [f"{year}Q{quarter}" for year in range(2001, 2006) for quarter in range(1, 5)]
    assert np.all(np.diff(order_in_time(pd.Series(periods, name="t"))) > 80)


def test_codes_for_missing_are_found_in_features_and_target_and_can_be_kept(tmp_path: Path) -> None:
    gap = RNG.random(ROWS) < 0.15
    columns = {"x": X.mask(gap, -999), "few": X.abs().mask(gap, -999) + 0, "y": Y.mask(gap[::-1], 9999.0)}
    task = table(tmp_path, columns=columns)
    assert task.read()["y"].max() < 100
    assert "9999 in" in notes(task)
    assert "-999 in" in notes(task)
    assert "--missing none" in notes(task)
    assert task.columns().numbers(task.read()["x"]).min() > -100
    kept = table(tmp_path, columns=columns, missing="none")
    assert kept.read()["y"].max() == 9999
    said = table(tmp_path, columns={"x": X, "y": Y.mask(gap, 0.25)}, missing=["0.25"])
    assert len(said.read()) == int((~gap).sum())


def test_several_codes_of_any_length_are_found_and_a_doubtful_one_is_kept_and_said(tmp_path: Path) -> None:
    gap = RNG.random(ROWS)
    x = X.mask(gap < 0.1, -999).mask(gap > 0.9, -888)
    counts = pd.Series(RNG.integers(0, 90, ROWS)).mask(gap < 0.2, -1)
    task = table(tmp_path, columns={"x": x, "n": counts, "y": Y.mask(gap < 0.15, 99_999_999)})
    assert task.read()["y"].max() < 100
    assert "99999999 in" in notes(task)
    assert task.columns().numbers(task.read()["x"]).min() > -100
    assert "-1 in" in notes(task)
    assert "is kept; --missing -1" in notes(task)
    assert task.columns().numbers(task.read()["n"]).min() == -1


def test_a_number_that_is_named_as_a_code_is_said(tmp_path: Path) -> None:
    said = notes(table(tmp_path, columns={"zip_code": repeated(10_001, 20_002, 30_003), "우편번호": repeated(1, 2, 3)}))
    assert "--treat zip_code=category" in said
    assert "--treat '우편번호=category'" in said


def test_labels_that_look_like_missing_words_are_classes(tmp_path: Path) -> None:
    columns = {"y": repeated("None", "N/A", "Insomnia", "null")}
    task = table(tmp_path, columns=columns)
    assert set(task.description()["classes"]) == {"None", "N/A", "Insomnia", "null"}
    assert "'None' is a class of 'y'" in notes(task)
    fewer = table(tmp_path, columns=columns, missing="None,null")
    assert set(fewer.description()["classes"]) == {"N/A", "Insomnia"}


def test_an_identifier_is_found_in_spite_of_a_damaged_cell_and_named_when_it_repeats(tmp_path: Path) -> None:
    ids = [f"{10**9 + 7 * i}" for i in range(ROWS)]
    ids[40] = "1000000.0.77"
    task = table(tmp_path, columns={"patient_id": ids, "subject#": repeated(*range(12))})
    assert "identifier" in task.description()["dropped"]["patient_id"]
    assert "--group-column" in notes(task)


@pytest.mark.parametrize(
    ("columns", "target", "says"),
    [
        ({"a": X * 100 // 1, "b": Y * 10 // 1, "sum": X * 100 // 1 + Y * 10 // 1}, "sum", "sum = a + b"),
        ({"net": (Y + 50).round(2), "gross": ((Y + 50).round(2) * 1.19)}, "gross", "'net'"),
        (
            {"rate": X.abs() + 1, "hours": Y.abs() + 2, "pay": (X.abs() + 1) * (Y.abs() + 2)},
            "pay",
            "'rate' and 'hours'",
        ),
        ({"code": repeated("k1", "k2", "k3"), "kind": repeated("a", "b", "a")}, "kind", "'code'"),
        ({"score": X, "passed": X > 0.2}, "passed", "'score'"),
        ({"f": (Y * 9 / 5 + 32).round(2), "c": Y.round(2)}, "c", "'f'"),
        ({"kg": KG, "m": M, "bmi": (KG / M**2).round(1)}, "bmi", "'kg' and 'm'"),
        ({"q1": N, "q2": N[::-1], "mean": ((N + N[::-1] * 2) / 3).round(1)}, "mean", "'q1' and 'q2'"),
        ({"n": N, "price": KG, "fee": M, "paid": (N * KG + M).round(2)}, "paid", "'fee', 'n' and 'price'"),
    ],
)
def test_columns_that_give_the_target_away_are_named_before_training(
    columns: dict[str, Any], target: str, says: str, tmp_path: Path
) -> None:
    said = notes(table(tmp_path, target, columns))
    assert f"The target '{target}' can be computed from" in said
    assert says in said


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "columns",
    [{"k": repeated("a", "b", "c")}, {"a": N % 9, "b": N[::-1] % 9, "y": N % 9 + N[::-1] % 9 + np.arange(ROWS) % 3}],
)
def test_an_honest_table_is_not_accused(columns: dict[str, Any], tmp_path: Path) -> None:
    assert "can be computed" not in notes(table(tmp_path, columns=columns))


def test_treatments_overrule_the_guess(tmp_path: Path) -> None:
    columns = {
        "zip": repeated(101, 205, 309, 404),
        "day": repeated("20180101", "20180102", "20180105"),
        "t": repeated("a", "b"),
    }
    task = table(tmp_path, columns=columns, treat="zip=category,day=number,t=text")
    assert (task.columns().categorical, task.columns().text) == (("zip",), ("t",))
    assert "day" in task.columns().numeric
    for treat, says in (
        ("zip=colour", "Unknown treatment"),
        ("t=number", "no cell of 't'"),
        ("zap=text", "Unknown column"),
        ("zip", "must be"),
    ):
        with pytest.raises(UserError, match=says):
            table(tmp_path, columns=columns, treat=treat)


def test_classes_with_few_rows_are_learned_or_left_out_with_a_word(tmp_path: Path) -> None:
    rare = [*repeated("ale", "stout")[:-1], "cider"]
    task = table(tmp_path, columns={"y": rare})
    assert len(task.read()) == ROWS - 1
    assert "'cider' (1)" in notes(task)
    many = pd.DataFrame({"x": X[:44], "y": [f"s{i % 11}" for i in range(44)]})
    many.to_csv(tmp_path / "many.csv", index=False)
    task = Table(tmp_path / "many.csv", "y")
    rows = task.split(task.read(), 1)
    assert set(task.read()["y"].iloc[rows.train]) == set(many["y"])
    assert "too many to be in every split" in notes(task)
    with pytest.raises(UserError, match="two are needed"):
        table(tmp_path, columns={"y": [*["a"] * (ROWS - 1), "b"]})


def test_a_far_target_is_said_and_learned_on_a_scale_chosen_by_validation(tmp_path: Path) -> None:
    target = (Y * 1000 + 60_000).round()
    target[7] = 5e8
    task = table(tmp_path, columns={"y": target})
    facts = task.load().training.facts
    assert facts["target_transform"] in ("log", "robust")
    assert "times the median" in notes(task)
    assert "--target-transform overrides" in notes(task)
    assert (
        table(tmp_path, columns={"y": target}, target_transform="none").load().training.facts["target_transform"]
        == "none"
    )
    with pytest.raises(UserError, match="needs a positive target"):
        table(tmp_path, target_transform="log")


def test_rare_positives_have_a_fitting_score_and_are_the_second_class(tmp_path: Path) -> None:
    task = table(tmp_path, columns={"y": ["fraud" if i % 20 == 0 else "ok" for i in range(ROWS)]})
    assert task.facts.score == "average_precision"
    assert task.load().training.facts["classes"] == ["ok", "fraud"]
    assert "threshold is set on the validation rows" in notes(task)


def test_columns_that_are_constant_in_the_training_rows_are_left_out(tmp_path: Path) -> None:
    late = [int(i >= 130) for i in range(ROWS)]
    task = table(tmp_path, columns={"t": range(ROWS), "late": late}, time_column="t")
    assert task.description()["dropped"]["late"] == "has one value in the training rows"
    assert task.load().preprocessing.feature_names == ["x"]


@pytest.mark.parametrize("parts", [ROWS, 10], ids=["a total", "subtotals"])
@pytest.mark.parametrize("above", [False, True], ids=["below", "above"])
def test_rows_that_add_up_others_are_no_examples(parts: int, above: bool, tmp_path: Path) -> None:
    pieces = []
    for start in range(0, ROWS, parts):
        piece = pd.DataFrame({"동": "가", "x": X, "y": Y}).iloc[start : start + parts]
        total = pd.DataFrame([{"동": "소 계", "x": piece["x"].sum(), "y": piece["y"].sum()}])
        pieces += [total, piece] if above else [piece, total]
    pd.concat(pieces).to_csv(tmp_path / "sums.csv", index=False)
    task = Table(tmp_path / "sums.csv", "y")
    assert len(task.read()) == ROWS
    assert f"Left out {'1 row that adds' if parts == ROWS else '15 rows that add'} up others ('소 계')." in notes(task)


def test_a_category_called_like_a_total_stays(tmp_path: Path) -> None:
    task = table(tmp_path, columns={"part": repeated("계", "남", "여", "남")})
    assert len(task.read()) == ROWS
    assert "add up" not in notes(task)


def test_copies_of_rows_stay_in_one_split(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": X, "y": Y})
    pd.concat([frame, frame[:50]]).to_csv(tmp_path / "copies.csv", index=False)
    task = Table(tmp_path / "copies.csv", "y")
    assert "50 of 200 rows repeat another one in every column" in notes(task)
    rows = task.split(task.read(), 0)
    parts = [set(task.read().iloc[part]["y"]) for part in (rows.train, rows.validation, rows.test)]
    assert len(parts[0] | parts[1] | parts[2]) == sum(map(len, parts))


def test_equal_rows_of_a_few_coarse_columns_are_examples_of_their_own(tmp_path: Path) -> None:
    coarse = RNG.integers(0, 2, (ROWS, 3)).astype(str)
    pd.DataFrame(coarse, columns=["sex", "class", "survived"]).replace({"0": "a", "1": "b"}).to_csv(
        tmp_path / "coarse.csv", index=False
    )
    assert "repeat another one" not in notes(Table(tmp_path / "coarse.csv", "survived"))


def test_classes_that_differ_in_case_alone_are_named(tmp_path: Path) -> None:
    task = table(tmp_path, "bought", {"bought": repeated("Yes", "no", "YES")})
    assert "The classes 'YES', 'Yes' of 'bought' differ in case or blanks alone" in notes(task)


def test_a_class_without_rows_is_none(tmp_path: Path) -> None:
    bought = pd.Categorical(repeated("low", "high"), categories=["low", "high", "never"])
    pd.DataFrame({"x": X, "bought": bought}).to_parquet(tmp_path / "classes.parquet")
    task = Table(tmp_path / "classes.parquet", "bought")
    assert task.description()["classes"] == {"low": 75, "high": 75}
    assert len(task.description()["notes"]) == 1


def test_decimals_of_a_database_are_numbers(tmp_path: Path) -> None:
    pd.DataFrame({"x": [Decimal(str(x)) for x in X], "y": Y}).to_parquet(tmp_path / "decimals.parquet")
    task = Table(tmp_path / "decimals.parquet", "y")
    assert json.dumps(task.read()["x"].tolist()[:2])
    assert task.numeric == ("x",)


def test_a_zero_in_any_split_keeps_a_target_from_the_log_scale(tmp_path: Path) -> None:
    heavy = np.exp(RNG.normal(5, 3, ROWS))
    task = table(tmp_path, "price", {"price": heavy})
    test = task.split(task.read(), 0).test
    heavy[test[0]] = 0.0
    task = table(tmp_path, "price", {"price": heavy})
    task.load(0)
    assert "on the scale 'robust'" in notes(task) or "on the scale 'none'" in notes(task)
    assert ", log " not in notes(task)


def test_cells_that_are_not_a_target_are_shown(tmp_path: Path) -> None:
    task = table(tmp_path, "grade", {"grade": repeated("1", "2", "unknown")})
    assert "Left out 50 of 150 rows: no readable target 'grade' (e.g. 'unknown')." in notes(task)


def test_a_zero_far_below_all_others_is_said_and_kept(tmp_path: Path) -> None:
    pressure = RNG.integers(50, 120, ROWS)
    task = table(tmp_path, columns={"pressure": np.where(np.arange(ROWS) % 5, pressure, 0), "count": pressure - 50})
    assert "0 in 20 % of the cells of 'pressure' is far from all others and is kept; empty these cells" in notes(task)
    assert "of 'count'" not in notes(task)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([f"${n}" if n % 2 else f"₩{n}000" for n in NUMBERS], "has cells with"),
        ([f"{n}%" if n % 2 else f"0.{n}" for n in NUMBERS], "has cells with %"),
        ([f"₩{n}" if n % 2 else f"{n}원" for n in NUMBERS], ""),
        ([f"{n}%" for n in NUMBERS], ""),
    ],
)
def test_numbers_of_several_scales_in_a_column_are_said(cells: list[str], said: str, tmp_path: Path) -> None:
    text = notes(table(tmp_path, columns={"price": cells}))
    assert ("which are not converted into each other" in text) == bool(said)
    assert said in text


def test_numbers_too_large_to_compute_with_are_refused_and_tiny_ones_are_no_leak(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The column 'far' holds numbers as large as"):
        table(tmp_path, columns={"far": X * 1e40})
    assert "can be computed" not in notes(table(tmp_path, "tiny", {"tiny": Y * 1e-300}))


@pytest.mark.parametrize(("name", "role"), [("created_time", "dates"), ("phone", "numeric")])
@pytest.mark.parametrize("unit", [1, 1000])
def test_seconds_since_1970_are_dates_where_the_name_says_a_time(name: str, role: str, unit: int) -> None:
    seconds = pd.Series(1_700_000_000 + RNG.integers(0, 10**7, ROWS), name=name) * unit
    assert infer_role(seconds).name == role
