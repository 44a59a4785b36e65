"""Tables, cells, headers and spaces as people may write them: an answer or one sentence, never another error.

``FUZZ_EXAMPLES`` sets the number of examples, 12 unless given.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search_spaces import SearchSpace, UserError
from trainables.base.tables.preprocessing import TablePreprocessing
from trainables.base.tables.reading.file import read_table_bytes
from trainables.base.tables.schema import Wishes, infer_schema

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
FUZZ = settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROWS = 24

NUMBERS = st.one_of(st.integers(-999, 999_999).map(str), st.floats(-1e6, 1e6).map(lambda x: f"{x:.2f}"))
UNITS = st.sampled_from(["", " kg", "GB", "%", "만원", "억", "억 5,000", "K", "€", " USD", "㎡", "년", "시", "+", "조"])
SIGNS = st.sampled_from(["", "-", "\u2212", "₩", "USD ", "(", "$-", "0", "00"])
DATES = st.from_regex(
    r"([12]\d{3}[-./년 ]?[01]\d[-./월 ]?[0-3]\d일?( ?[0-2]\d:?[0-6]\d)?|\d{1,2}/\d{1,2}/\d{2,4}|[12]\d{3} ?Q[1-5])",
    fullmatch=True,
)
WORDS = st.sampled_from(["NA", "None", "null", "-", "..", "?", "", "nan", "true", "FALSE", "통신장애", "-999", "9999"])
CELLS = st.one_of(st.builds("{}{}{}".format, SIGNS, NUMBERS, UNITS), DATES, WORDS, st.text(max_size=12))
NAMES = st.one_of(
    st.sampled_from(
        ["a", "a", "a_b", "a_missing", "a:year", "id", "subject#", "", ",,,", "x\u2028y", "$_1", "<b>", "12"]
    ),
    st.text(max_size=6),
)


@st.composite
def columns(draw: st.DrawFn) -> list[str]:
    """A column of a few different cells, or of many."""
    few = draw(st.lists(CELLS, min_size=1, max_size=6))
    if draw(st.booleans()):
        few = [*few, *(f"{draw(SIGNS)}{i * 7 % 13}{draw(UNITS)}" for i in range(3))]
    return [few[i * 5 % len(few)] for i in range(ROWS)]


TABLES = st.lists(st.tuples(NAMES, columns()), min_size=2, max_size=5)


@FUZZ
@given(table=TABLES, data=st.data())
@example(table=[("a", ["1억"] * 12 + ["2"] * 12), ("y", ["x", "z"] * 12)], data=None)
def test_a_table_is_learned_from_and_predicted_or_refused(table: list[tuple[str, list[str]]], data: Any) -> None:
    frame = pd.DataFrame(dict(enumerate(cells for _, cells in table)))
    content = frame.to_csv(index=False, header=[name for name, _ in table], errors="replace").encode("utf-8", "replace")
    try:
        read = read_table_bytes(content, "input.csv").frame
        target = read.columns[-1] if data is None else data.draw(st.sampled_from(list(read.columns)))
        clean, schema = infer_schema(read, target, Wishes())
        preprocessing = TablePreprocessing.fit(clean, schema.columns)
    except UserError:
        return
    assert read.columns.is_unique
    matrix = preprocessing.transform(clean)
    assert np.isfinite(matrix).all()
    assert matrix.shape[1] == len(set(preprocessing.feature_names))
    verbatim = read_table_bytes(content, "input.csv", verbatim=True).frame
    assert np.isfinite(preprocessing.transform(verbatim)).all()


@FUZZ
@given(
    above=st.lists(st.text(max_size=30), max_size=3),
    names=st.lists(NAMES, min_size=1, max_size=5),
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=6),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n", "\r", ";;\n", ",\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp949", "cp1252", "shift_jis"]),
    header=st.booleans(),
)
def test_files_of_any_layout_are_read_or_refused(
    above: list[str], names: list[str], rows: list[list[str]], delimiter: str, end: str, encoding: str, header: bool
) -> None:
    lines = [*above, *(delimiter.join(cells) for cells in [names, *rows])]
    content = (end.join(lines) + end).encode(encoding, "replace")
    try:
        table = read_table_bytes(content, "input.csv", header=header)
    except UserError:
        return
    assert table.frame.columns.is_unique
    assert len(table.frame)


CHOICES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=2),
        st.integers(0, 9).map(np.int64),
        st.lists(st.integers(0, 9), max_size=3).map(np.array),
    ),
    max_leaves=4,
)


@FUZZ
@given(choices=st.lists(CHOICES, min_size=1, max_size=4), name=st.text(min_size=1, max_size=8), top=st.integers(1, 5))
def test_spaces_of_any_values_give_back_what_was_drawn(choices: list[Any], name: str, top: int) -> None:
    def suggest(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
        n = trial.suggest_int("n", 1, top)
        return {"x": trial.suggest_categorical(f"c{name}", choices), "w": trial.suggest_int("w", 1, 2 * n)}

    space = SearchSpace("own", suggest)
    known = space.distributions()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(3):
        trial = study.ask()
        config = space(trial)
        assert space.config(trial.params) == config
        assert set(trial.params) == set(known)


@FUZZ
@given(content=st.binary(max_size=400))
@example(content=b"\x01\n,\x01")
def test_any_bytes_are_a_table_or_refused_without_a_header_too(content: bytes, tmp_path: Path) -> None:
    for header in (True, False):
        try:
            frame = read_table_bytes(content, "input", header=header, verbatim=True, fewest_columns=1).frame
        except UserError:
            continue
        assert len(frame)
