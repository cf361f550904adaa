"""Tables as people save them: what is read, what is refused, and which line a message names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brightfield.errors import BrightfieldError
from brightfield.system import csv_files
from brightfield.system.csv_files import canonical, file_key, read_csv, rows, shown

NEEDED = ("frame", "x")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def read(path: Path, content: str | bytes, **options: object) -> pd.DataFrame:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(path, NEEDED, **options)


@pytest.mark.parametrize(
    "content",
    [
        "frame,x\n0,1.5\n1,2.25\n",
        "frame;x\n0;1,5\n1;2,25\n",
        "frame\tx\r\n0\t1,5\r\n1\t2,25\r\n",
        "x,frame\r1.5,0\r2.25,1",
        " Frame , X \n0, 1.5\n1 ,2.25\n",
        '"frame","x"\n"0","1.5"\n"1","2.25"\n',
        ',frame,x\n7,0,1.5\n8,1,2.25\n',  # pandas with its index
        '"","frame","x"\n"1",0,1.5\n"2",1,2.25\n',  # write.csv of R
        " \tframe\tx\n1\t0\t1.5\n2\t1\t2.25\n",  # results of ImageJ
        "Unnamed: 0,frame,x\n0,0,1.5\n1,1,2.25\n",
        "frame,x,\n0,1.5,\n1,2.25,\n",
        "frame,x,,\n0,1.5,,\n1,2.25,,\n",
        "frame;x\n0;1.5;\n1;2.25;\n",
        "\n\nframe,x\n\n0,1.5\n,\n  \n1,2.25\n\n",
        "sep=;\nframe;x\n0;1,5\n1;2,25\n",
        "sep=,\nframe,x\n0,1.5\n1,2.25\n",
        "sep=\t\nframe\tx\n0\t1.5\n1\t2.25\n",
        "frame;x;note\n0;1,5;a, b\n1;2,25;\n",
        "frame,x,note\n0,1.5,\"a\nb\"\n1,2.25,\n",
        "frame,x\n0,15e-1\n1,+2.25\n",
    ],
)  # fmt: skip
def test_one_table_in_many_dialects(path: Path, content: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        table = read(path, content.encode(encoding))
        assert table.columns.tolist() == ["frame", "x"]
        assert table["frame"].tolist() == [0, 1]
        assert table["frame"].dtype == np.int64
        assert table["x"].tolist() == [1.5, 2.25]


def test_numbers_are_exact_and_text_is_text(path: Path) -> None:
    table = read(
        path,
        "frame,x,file,quality\n0,20.123456789012345, 007 ,\n1,0.1,NA,NA\n2,,,nan\n3,1e-300,x,0.5\n",
        text=("file",),
        optional=("quality", "absent"),
    )
    assert table["x"].tolist()[:2] == [20.123456789012345, 0.1]
    assert table["x"].isna().tolist() == [False, False, True, False]
    assert table["file"].tolist() == ["007", "NA", "", "x"]
    assert table["quality"].isna().tolist() == [True, True, True, False]
    assert "absent" not in table


def test_what_is_no_number_stays_as_it_is(path: Path) -> None:
    table = read(path, "frame,x\n0,1\n1,cat\n2,1_000\n3,inf\n")
    assert table["x"].tolist() == [1, "cat", "1_000", float("inf")]
    assert shown(table["x"].iloc[0]) == "1"
    assert shown(np.float64(20.5)) == "20.5"


def test_the_index_is_the_line_in_the_file(path: Path) -> None:
    table = read(path, 'sep=,\n\nframe,x,note\n0,1,\n\n1,2,"two\nlines"\n2,3,\n')
    assert table.index.tolist() == [4, 6, 8]
    assert read(path, "frame,x\r0,1\r\r1,2\r").index.tolist() == [2, 4]
    assert read(path, "frame,x\n").empty


def test_long_tables_are_read_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "_PART", 3)
    content = "frame,x,note\n" + "".join(f"{i},{i},n{i % 2}\n" for i in range(10))
    table = read(path, content, text=("note",))
    assert table["x"].tolist() == list(range(10))
    assert table["x"].dtype == np.int64
    mixed = read(path, content.replace("\n7,7,", "\n7,7.5,").replace("\n4,4,", "\n4,cat,"))
    assert mixed["x"].tolist() == [0, 1, 2, 3, "cat", 5, 6, 7.5, 8, 9]
    with pytest.raises(BrightfieldError, match="line 11: x = 8,5, but line 4 has x = 2.5"):
        read(path, content.replace(",", ";").replace("\n2;2;", "\n2;2.5;").replace("\n9;9;", "\n9;8,5;"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        # the decimal sign
        ("frame,x\n0,1,5\n", "line 2: 3 cells, but the header .line 1. has 2. The delimiter is a comma: another comma may"),
        ("frame,x\n0,15,\n", "line 2: 3 cells, .*one too many at the end"),
        ('frame,x\n0,1.5\n1,"1,234"\n', "line 3: x = 1,234: whether the comma is the decimal sign or stands between thousands"),
        ("frame;x\n0;1,5\n1;1.5\n", "line 3: x = 1.5, but line 2 has x = 1,5: the decimal sign is a comma and a point .deli"),
        ('frame\tx\n0\t"1,234"\n1\t"5,678"\n', "line 2: x = 1,234: whether this sign .*delimiter tab"),
        ("frame;x\n0;567\n1;1,234\n", "line 3: x = 1,234: whether this sign .*delimiter semicolon"),
        ("frame;x\n0;567\n1;1.234\n", "line 3: x = 1.234: whether this sign"),
        ("frame,x\n0,567\n1,1.234\n", "line 3: x = 1.234: whether this sign"),
        ("frame;x\n0;1.234,5\n", "line 2: x = 1.234,5: a number with thousands separators"),
        ("frame;x\n0;1 234\n", "thousands separators"),
        ("frame;x\n0;1'234.5\n", "thousands separators"),
        ("frame\tx\n0\t1,234,567\n", "thousands separators"),
        # cells
        ("frame;x;y\n0;1;2\n1;2\n", "line 3: 2 cells, but the header .line 1. has 3 .delimiter semicolon"),
        ("frame;x\n0;1;\n1;2\n", "line 3: 2 cells, but the header .line 1. has 2 and the rows before have 3"),
        ("frame;x\n0;1;7\n", "line 2: 3 cells"),
        ("frame,x,x\n0,1,2\n", "line 1: two columns are called 'x'"),
        ("frame,X,x \n0,1,2\n", "not raised"),
        ("frame,X,X \n0,1,2\n", "two columns are called 'X'"),
        ("frame|x\n0|1\n", "has the columns frame|x; missing: frame, x. It was read with the delimiter comma .line 1."),
        ('frame,x\n0,"1\n1,2\n', "line 2: cannot be read as CSV .*quotation marks"),
        ('frame,x\n0,"1"2\n', "line 2: cannot be read as CSV"),
        # encodings
        ("", "cannot be read as CSV: it has no header"),
        (" \n\n", "it has no header"),
        (b"frame,x\n0,1\n0,\x001\n", "line 3 has a NUL character"),
        ("frame,x\n0,1\n".encode("utf-16-le"), "line 1 has a NUL character"),
        ("frame,x\n0,ä\n".encode("utf-16")[:-1], "line 2 has bytes that are not UTF-16"),
        (b"frame,x\r\n0,1\r\n0,\x81\r\n", "line 3 has bytes that are not UTF-8 or Windows-1252"),
        (b"\xef\xbb\xbfframe,x\n0,\xe4\n", "line 2 has bytes that are not UTF-8."),
        ("frame,x\n0,ü\n".encode() + b"0,\xfc\n", "line 2 has bytes of UTF-8, line 3 has others"),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_line(path: Path, content: str | bytes, says: str) -> None:
    if says == "not raised":  # the very name wins
        assert read(path, content)["x"].tolist() == [2]
        return
    with pytest.raises(BrightfieldError, match=says) as caught:
        read(path, content)
    assert "\n" not in str(caught.value)


def test_two_names_that_differ_in_case_only(path: Path) -> None:
    with pytest.raises(BrightfieldError, match="line 1: FRAME and Frame could both be frame"):
        read(path, "FRAME,Frame,x\n0,0,1\n")


def test_size_rows_and_lines_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_ROW_CHARACTERS", 50)
    with pytest.raises(BrightfieldError, match="line 2: cannot be read as CSV: a row of more than 50 characters"):
        read(path, "frame,x\n0," + "1" * 60 + "\n")
    with pytest.raises(BrightfieldError, match="a row of more than 50 characters"):
        read(path, 'frame,x\n0,"' + "a\n" * 40 + '"\n')
    monkeypatch.setattr(rows, "MAX_ROWS", 2)
    with pytest.raises(BrightfieldError, match="more than 2 rows"):
        read(path, "frame,x\n0,1\n0,1\n0,1\n")
    monkeypatch.setattr(rows, "MAX_TABLE_BYTES", 10)
    with pytest.raises(BrightfieldError, match="has 14 bytes, expected at most 10"):
        read(path, "frame,x\n0,1234")
    with pytest.raises(BrightfieldError, match="There is no file .*, expected a CSV with the columns frame, x"):
        read_csv(path.with_name("none.csv"), NEEDED)


def test_the_canonical_form_of_what_pandas_wrote_is_itself(path: Path) -> None:
    table = pd.DataFrame(
        {"id": ["a", "b"], "group": [" 1", 'a,"b'], "x": [0.1, np.nan], "note": ["two\nlines", "NA"], "n": [1, 2]}
    )
    table.to_csv(path, index=False, lineterminator="\n")
    assert canonical(path, ("id",), ("id", "group")).read() == path.read_text()


def test_the_canonical_form_of_another_program(path: Path) -> None:
    path.write_bytes("\ufeffid;group;x;n;\r\n01;1,5;0,25;3;\r\n02;b;;4;\r\n".encode())
    assert canonical(path, ("id",), ("id", "group")).read() == 'id,group,x,n\n01,"1,5",0.25,3\n02,b,,4\n'
    path.write_text("id;x\na;0,5\nb;0.5\n")
    with pytest.raises(BrightfieldError, match="the decimal sign is a comma and a point"):
        canonical(path, ("id",), ("id",))
    with pytest.raises(BrightfieldError, match="missing: group"):
        canonical(path, ("id", "group"), ("id",))


@pytest.mark.parametrize("name", ["a/é.tif", "a/e\u0301.tif", "a\\é.tif", " a/é.tif ", "./a/é.tif"])
def test_names_of_files_are_compared_in_one_form(name: str) -> None:
    assert file_key(name) == "a/é.tif"
