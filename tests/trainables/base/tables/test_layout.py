"""Files as people save them: text above the header, odd encodings, names and line ends, junk at the ends of lines."""

from __future__ import annotations

import pytest

from search_spaces import UserError
from trainables.base.tables.reading.file import read_table_bytes

ROWS = "".join(f"{i},{i * 7 % 13},동{i % 3}\n" for i in range(30))
WESTERN = "name,höhe,ort\n" + "".join(f"Jörg {i},{i},Zürich\n" for i in range(30))

LAYOUTS = [  # content, names, rows, what is said
    (
        f'"본 자료는 참고용입니다."\n\n"조회 기간: 2026-01"\nno,price,dong\n{ROWS}'.encode("cp949"),
        3,
        30,
        "Skipped 2 lines",
    ),
    (f"# made by a logger, version 2\n# units: mm\na,b,c\n{ROWS}".encode(), 3, 30, "Skipped 2 lines"),
    (f"Report,,\n,,\na,b,c\n{ROWS}".encode(), 3, 30, "Skipped 1 line"),
    (WESTERN.encode("cp1252"), 3, 30, "Windows-1252"),
    (f"id,T (°C),dong\n{ROWS}".replace("동", "x").encode("latin-1"), 3, 30, "Windows-1252"),
    (f"a,b,c\n{ROWS}".encode("utf-16-le"), 3, 30, ""),
    (f"a,b,b\n{ROWS}".encode(), 3, 30, "numbered: 'b (2)'"),
    (f"a,b,b,b (2)\n{ROWS.replace(chr(10), ',1' + chr(10))}".encode(), 4, 30, "numbered: 'b (3)'"),
    ((f"a;b;c;;\n{ROWS}".replace(",", ";").replace("\n", ";;\n") + ";;;;\n" * 3).encode(), 3, 30, "Left out 4 columns"),
    (f"a,b,c\n{ROWS}".replace("\n", ",\n").replace("c,\n", "c\n").encode(), 3, 30, "Left out 1 column"),
    (f'"a\u2028x","b\u0085y",c\n{ROWS}'.encode(), 3, 30, ""),
    (f"a,b,c\n{ROWS}".replace("\n", "\r").encode(), 3, 30, ""),
    (f"a   b  c\n{ROWS}".replace(",", "   ").encode(), 3, 30, ""),
    (f"a, b, c\n{ROWS}".replace("동", ' "동, ').replace("\n", '"\n').replace('c"', "c").encode(), 3, 30, ""),
    (f"a,b,c\n{ROWS}7\n8,1\n".encode(), 3, 32, "2 of the first 32 rows have fewer cells than the header"),
    (f"0.1,0.5,x\n{ROWS}".encode(), 3, 30, "give --no-header"),
    (("2020-01-02,red,no,y\n" + "2020-01-03,red,no,0\n2020-01-04,blue,yes,1\n" * 9).encode(), 4, 18, "--no-header"),
]


@pytest.mark.parametrize(("content", "columns", "rows", "says"), LAYOUTS)
def test_what_can_be_repaired_is_read_and_said_in_one_line(content: bytes, columns: int, rows: int, says: str) -> None:
    table = read_table_bytes(content, "people.csv")
    assert table.frame.shape == (rows, columns)
    assert table.frame.columns.is_unique
    assert all("\n" not in name for name in table.frame.columns)
    if says:
        assert any(says in note for note in table.notes)
    else:
        assert not table.notes


def test_years_as_names_are_not_a_first_row() -> None:
    content = "country,2001,2002,2003\n" + "".join(f"c{i},{i},{i + 1},{i + 2}\n" for i in range(9))
    assert not read_table_bytes(content.encode(), "wide.csv").notes


def test_a_file_without_a_header_keeps_its_first_row() -> None:
    table = read_table_bytes(f"0,0,동0\n{ROWS}".encode(), "bare.csv", header=False)
    assert list(table.frame.columns) == ["column_1", "column_2", "column_3"]
    assert len(table.frame) == 31


def test_codes_keep_their_zeros_and_words_stay_words() -> None:
    table = read_table_bytes(b"zip,kind,n\n00489,None,1\n10115,NA,2\n,x,3\n", "codes.csv")
    assert table.frame["zip"].tolist()[:2] == ["00489", "10115"]
    assert table.frame["kind"].tolist() == ["None", "NA", "x"]
    assert table.frame["zip"].isna().tolist() == [False, False, True]


def test_cells_are_verbatim_when_they_come_back() -> None:
    content = b"id,flag,e,gap\n00012,true,1E5,NA\n7,FALSE,1e5,\n"
    frame = read_table_bytes(content, "new.csv", verbatim=True).frame
    assert frame.to_csv(index=False).encode() == content


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2,3\n4,5,6\n", "more cells than its header"),
        (b"note\nwithout a table\nat all\n", "single column"),
        (b"once upon a time\n" * 30, "single column"),
    ],
)
def test_what_cannot_be_repaired_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_table_bytes(content, "people.csv")
