"""Small files that unpack to, or declare, far more: one sentence, and no more memory than the bound."""

from __future__ import annotations

import gzip
import io
import json
import struct
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.search.arena.taskset import read_taskset
from search_spaces import UserError
from trainables.base.images.digit import read_digit
from trainables.base.tables.preprocessing import TablePreprocessing
from trainables.base.tables.reading.file import read_table_bytes
from tunelab.cli.arguments.inputs import find_inputs
from tunelab.cli.main import main
from tunelab.records.result import SweepResult

MIB = 2**20
BOUND = 16 * MIB


@pytest.fixture(autouse=True)
def small_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_MAX_UNPACKED_GIB", str(BOUND / 2**30))


@cache
def gzip_bomb(unit: bytes = b"1,2\n") -> bytes:
    """64 MiB in two members, the second of which a reader of one member would miss."""
    return gzip.compress(b"a,b\n" + unit * (MIB // len(unit))) + gzip.compress(unit * (63 * MIB // len(unit)))


def parquet(columns: dict[str, pa.Array]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, compression="zstd", dictionary_pagesize_limit=64 * MIB)
    return stream.getvalue()


@cache
def many_rows() -> bytes:
    """A million and a half rows of two columns that never change."""
    return parquet({"a": pa.array(np.zeros(1_500_000)), "y": pa.array(np.zeros(1_500_000))})


def long_texts(*, typed: bool) -> bytes:
    """A text of 100 kB in each of 100,000 rows, stored once; as text or as what Arrow calls a dictionary."""
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), pa.array(["x" * 100_000]))
    stream = io.BytesIO()
    table = pa.table({"a": text, "y": pa.array(np.arange(100_000) % 2)})
    pq.write_table(table, stream, dictionary_pagesize_limit=MIB, store_schema=typed)
    return stream.getvalue()


TABLES: dict[str, Callable[[], bytes]] = {
    "gzip": gzip_bomb,
    "gzip of one long cell": lambda: gzip_bomb(b"x"),
    "gzip of Parquet": lambda: gzip.compress(b"PAR1" + bytes(64 * MIB) + b"PAR1"),
    "rows of Parquet": many_rows,
    "texts of Parquet": lambda: long_texts(typed=False),
    "dictionary of Parquet": lambda: long_texts(typed=True),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_small_table_of_huge_content_is_refused_within_the_bound(kind: str) -> None:
    content = TABLES[kind]()
    assert len(content) < MIB
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"'in\.csv' unpacks to .*more than 0\.0156 GiB, the most that is read"):
            read_table_bytes(content, "in.csv")
        assert tracemalloc.get_traced_memory()[1] < 4 * BOUND
    finally:
        tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 4 * BOUND


def test_the_bound_can_be_raised_and_texts_read_either_way_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["가" * 2_000, "b", None, ""] * 500
    content = parquet({"a": pa.array(texts), "y": pa.array(range(2_000))})
    narrow = read_table_bytes(content, "in").frame
    monkeypatch.setenv("TUNELAB_MAX_UNPACKED_GIB", "8")
    assert narrow.equals(read_table_bytes(content, "in").frame)
    assert len(read_table_bytes(many_rows(), "in").frame) == 1_500_000
    for wrong in ("much", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("TUNELAB_MAX_UNPACKED_GIB", wrong)
        with pytest.raises(UserError, match="must be a number of GiB above 0"):
            read_table_bytes(gzip_bomb(), "in")


def test_lists_count_with_all_that_they_hold() -> None:
    rows = pa.array(range(2_000))
    short, long = pa.array([[0, 1]] * 2_000), pa.array([[0] * 2_000]).take(pa.array([0] * 2_000))
    assert len(read_table_bytes(parquet({"a": short, "y": rows}), "in").frame) == 2_000
    with pytest.raises(UserError, match="more than"):
        read_table_bytes(parquet({"a": long, "y": rows}), "in")
    with pytest.raises(UserError, match="column 'a' holds texts in lists or records"):
        read_table_bytes(parquet({"a": pa.array([["x" * 100_000]] * 2_000), "y": rows}), "in")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(min(64 * MIB, height * (1 + width // 8))), 9))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (lambda: png(60_000, 60_000), "too large; at most 64,000,000 pixels"),
        (lambda: png(10_000, 10_000), "at most 64,000,000"),
        (lambda: png(28, 28, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(32 * MIB)))), "damaged: Decompressed data"),
        (lambda: png(28, 28, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(32 * MIB)))), "damaged: Decompressed data"),
    ],
)
def test_a_small_picture_of_huge_content_is_refused(picture: Callable[[], bytes], said: str) -> None:
    content = picture()
    assert len(content) < 2 * MIB
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=said):
            read_digit(content)
        assert tracemalloc.get_traced_memory()[1] < 4 * BOUND
    finally:
        tracemalloc.stop()


def array_header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (archive({"names.npy": array_header((10**15,))}), "is not a table of TaskSet"),
        (archive({"names.npy": array_header((4 * MIB,)) + bytes(32 * MIB)}), "unpacks to"),
        (archive({f"{i}.npy": bytes(2 * MIB) for i in range(9)}), "unpacks to"),
        (b"PK\x03\x04 cut", "is a damaged archive"),
    ],
)
def test_an_archive_of_arrays_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "task.npz").write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_taskset(tmp_path)


def test_a_stored_model_and_a_stored_result_that_unpack_to_more_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty: dict[str, object] = {key: [] for key in ("numeric", "categorical", "dates", "text", "low", "high")}
    (tmp_path / "columns.json").write_text(json.dumps(empty | {"formats": {}, "missing": {}}))
    (tmp_path / "preprocessing.skops").write_bytes(archive({"schema.json": b"[" * (32 * MIB)}))
    with pytest.raises(UserError, match=r"'preprocessing\.skops' unpacks to"):
        TablePreprocessing.load(tmp_path)
    monkeypatch.setattr("tunelab.records.result.MAX_BYTES", MIB)
    with pytest.raises(UserError, match=r"stored result of this sweep is damaged .*unpacks to more than"):
        SweepResult.from_bytes(gzip.compress(bytes(2 * MIB)))


@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "table", "--target", "b", "--data", "bomb.csv.gz"],
        ["sweep", "table", "--target", "b", "--data", "/dev/zero"],
        ["plan", "table", "--target", "b", "--data", "rows.parquet"],
    ],
)
def test_commands_say_it_in_one_sentence(
    in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    (in_folder / "bomb.csv.gz").write_bytes(gzip_bomb())
    (in_folder / "rows.parquet").write_bytes(many_rows())
    monkeypatch.setattr(sys, "argv", ["tunelab", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert "more than 0.0156 GiB, the most that is read" in said
    assert said.count("\n") == 1


def test_an_input_to_predict_is_read_as_far_as_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = find_inputs(["/dev/zero"])
    with pytest.raises(UserError, match="the most that is read"):
        file.read()


def test_a_header_of_any_length_and_of_one_name_is_read() -> None:
    names = b",".join(b"gene_with_a_long_name_%d" % i for i in range(2_600))
    assert len(names) > 64 * 1024
    row = b"1," * 2_599 + b"2\n"
    assert read_table_bytes(names + b"\n" + row * 2, "in").frame.shape == (2, 2_600)
    table = read_table_bytes(b"a," * 2_599 + b"a\n" + row, "in")
    assert table.frame.columns.is_unique
    assert table.frame.columns[-1] == "a (2600)"
    assert "and 2569 more" in table.notes[0]
