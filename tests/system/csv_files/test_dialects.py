"""One table written in every dialect is read as the same numbers, or refused in one line; never as other numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from brightfield.errors import BrightfieldError
from brightfield.system.csv_files import read_csv
from dialects import NUMBERS, Dialect, Row, written

DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t"),
    decimal=st.sampled_from(".,"),
    decimals=st.sampled_from([None, 0, 1, 2, 3, 6]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    index=st.sampled_from([None, "", " "]),
    trailing=st.sampled_from([(False, False), (True, True), (False, True)]),
    quoting=st.sampled_from(["needed", "all", "text", "none"]),
    blank_lines=st.booleans(),
    spaced=st.booleans(),
)
COORDINATE = st.one_of(st.integers(0, 4000).map(float), st.floats(-10, 4000), st.sampled_from([0.5, 20.5, 1.25, 1.234]))
QUALITY = st.one_of(st.none(), st.floats(0, 1))
ROW = st.one_of(
    st.tuples(
        st.integers(0, 3000),
        COORDINATE,
        COORDINATE,
        st.sampled_from(["a.tif", "für é.tif", "1,5", "1;5", '5"']),
        QUALITY,
    ),
    st.tuples(st.integers(0, 3000), st.none(), st.none(), st.just("a.tif"), st.none()),
)
ROWS = st.lists(ROW, min_size=1, max_size=8)


def check(folder: Path, dialect: Dialect, rows: Sequence[Row], *, must_be_read: bool) -> None:
    path = folder / "table.csv"
    dialect.write(path, rows)
    refusal = ""
    try:
        table = read_csv(path, ("frame", "x", "y"), text=("image",), optional=("quality",))
    except BrightfieldError as error:
        refusal = str(error)
    if refusal:
        assert not must_be_read, refusal
        assert re.fullmatch(r".*table.csv.* line \d.*", refusal)  # of one line
        return
    expected = [(row[0], *(written(row[i], dialect) for i in (1, 2, 4))) for row in rows]
    found = list(zip(*(table[name].astype(float) for name in NUMBERS), strict=True))
    assert len(found) == len(rows)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=0, abs=0, nan_ok=True)
    assert table["image"].tolist() == [row[3] for row in rows]


@given(DIALECTS, ROWS)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(Dialect(decimal=",", quoting="none"), [(0, 20.34, 30.56, "a.tif", 1.0)])
@example(Dialect(decimal=",", quoting="none", trailing=(False, True)), [(0, 20.0, 5.0, "a.tif", None)])
@example(Dialect(delimiter="\t", decimal=",", decimals=3), [(0, 1.234, 5.678, "a.tif", None)])
def test_the_same_numbers_or_a_refusal(tmp_path: Path, dialect: Dialect, rows: list[Row]) -> None:
    certain = any(row[1] is not None and row[1] % 1 and len(f"{row[1]:,}".split(".")[-1]) != 3 for row in rows)
    check(tmp_path, dialect, rows, must_be_read=dialect.is_plain and dialect.quoting != "none" and certain)


@given(
    DIALECTS,
    st.sampled_from([",", ".", "'", " ", "\u00a0"]),
    st.lists(st.integers(0, 9_999_999), min_size=2, max_size=6),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_signs_between_thousands_are_never_decimal_signs(
    tmp_path: Path, dialect: Dialect, thousands: str, values: list[int]
) -> None:
    grouped = Dialect(
        **{**vars(dialect), "thousands": thousands, "decimals": None, "decimal": "." if thousands == "," else ","}
    )
    # a number below a thousand in each column: what has 1,234 in every cell has three decimals
    rows: list[Row] = [(value, float(value), float(value), "a.tif", None) for value in (7, *values)]
    check(tmp_path, grouped, rows, must_be_read=False)
