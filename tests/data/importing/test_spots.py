"""Whose columns are frame, x and y, in which unit, and counted from where."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield.data.importing.spots import Spots, read_spots
from brightfield.errors import BrightfieldError

SPOTS = (
    "LABEL,ID,TRACK_ID,POSITION_X,POSITION_Y,FRAME,VISIBILITY\nLabel,Spot ID,Track ID,X,Y,Frame,Visibility\n"
    "Label,Spot ID,Track ID,X,Y,Frame,Visibility\n,,,(unit),(unit),,\n"
)
ROWS = "ID1,1,0,2.0,1.5,0,1\nID2,2,,4.0,3.0,0,1\nID3,3,0,2.5,1.5,1,1\nID4,4,1,9,9,1,0\n"


def read(folder: Path, content: str, **options: object) -> Spots:
    path = folder / "table.csv"
    path.write_text(content, encoding="utf-8")
    return read_spots(path, 0.5, **options)


@pytest.mark.parametrize(
    "header",
    ["frame,x,y", "Frame,X,Y", "FRAME,x [px],y [px]", "frame_number,x (pixels),y (Pixel)", "t,x_px,y_px", "T,X px,Y px",
     "frame,x,y,x_um,y_um", "frame,x,y,X,Y", "slice,x,y"],
)  # fmt: skip
def test_names_that_people_use(tmp_path: Path, header: str) -> None:
    more = ",7,8" * ((header.count(",") - 2) // 2)
    spots = read(tmp_path, f"{header}\n0,1.5,2\n1,3,4{more}\n".replace("0,1.5,2\n", f"0,1.5,2{more}\n"))
    assert spots.table[["frame", "x", "y"]].to_numpy().tolist() == [[0, 1.5, 2], [1, 3, 4]]
    assert spots.table.index.tolist() == [2, 3]
    assert spots.first is None


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (
            "frame,x [um],y [um]",
            r"line 1: the column x \[um\] is in um, expected x in pixels. Divide it by the pixel size",
        ),
        ("frame,X (µm),Y (µm)", "the column X .µm. is in .m, expected x in pixels"),
        ("frame,x_nm,y_nm", "the column x_nm is in nm"),
        ("frame,x,y [inch]", r"the column y \[inch\] is in inch"),
        ("frame,X,x [px],y", r"line 1: X and x \[px\] could both be x"),
        ("time,x,y", "has the columns time, x, y; missing: frame"),
        ("frame,x_error,y", "missing: x"),
    ],
)
def test_units_and_names_that_are_refused(tmp_path: Path, header: str, says: str) -> None:
    with pytest.raises(BrightfieldError, match=says):
        read(tmp_path, header + "\n" + ",".join("1" * (header.count(",") + 1)) + "\n")


@pytest.mark.parametrize(("values", "fine"), [("0,1,2", True), ("1,2,2", True), ("0,2,4", False), ("0,0.5,1", False)])
def test_a_column_t_counts_frames_if_no_number_is_left_out(tmp_path: Path, values: str, fine: bool) -> None:
    text = "t,x,y\n" + "".join(f"{value},1,2\n" for value in values.split(","))
    if fine:
        assert len(read(tmp_path, text).table) == 3
        return
    with pytest.raises(BrightfieldError, match="whether it counts frames or seconds cannot be told"):
        read(tmp_path, text)


def test_results_of_imagej_count_from_1(tmp_path: Path) -> None:
    spots = read(tmp_path, " ,Area,X,Y,Slice\n1,9,5.5,6.5,1\n2,9,7.5,8.5,2\n")
    assert spots.first == 1
    assert spots.table.to_numpy().tolist() == [[1, 5.5, 6.5], [2, 7.5, 8.5]]
    both = read(tmp_path, " ,X,Y,Ch,Slice,Frame\n1,5.5,6.5,1,1,1\n2,7.5,8.5,1,1,2\n")
    assert both.first == 1
    assert both.table["frame"].tolist() == [1, 2]
    planes = read(tmp_path, " ,X,Y,Ch,Slice,Frame\n1,5.5,6.5,1,1,1\n2,7.5,8.5,1,2,1\n")
    assert planes.table["frame"].tolist() == [1, 2]
    assert read(tmp_path, "X,Y,Slice\n5,6,0\n7,8,1\n").first is None  # ImageJ has no slice 0
    with pytest.raises(BrightfieldError, match="several frames and several slices"):
        read(tmp_path, "X,Y,Slice,Frame\n5,6,1,1\n7,8,2,2\n")


@pytest.mark.parametrize(("unit", "side"), [("micron", 0.5), ("µm", 0.5), ("pixel", 1)])
def test_spots_of_trackmate(tmp_path: Path, unit: str, side: float) -> None:
    text = SPOTS.replace("unit", unit) + ROWS
    semicolons = text.replace(",", ";").replace(".", ",")
    for dialect in (text, semicolons, text.replace(",", "\t")):
        spots = read(tmp_path, dialect)
        assert spots.trackmate
        assert spots.first == 0
        table = spots.table
        assert table[["frame", "x", "y"]].to_numpy().tolist() == [
            [0, 2 / side, 1.5 / side], [0, 4 / side, 3 / side], [1, 2.5 / side, 1.5 / side],
        ]  # fmt: skip
        assert table["particle"].fillna(-1).tolist() == [0, -1, 0]
        assert table.index.tolist() == [5, 6, 7]


def test_trackmate_without_a_unit_or_a_pixel_size(tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="does not say in which unit POSITION_X is.* write columns frame, x, y"):
        read(tmp_path, SPOTS.splitlines()[0] + "\n" + ROWS)
    path = tmp_path / "table.csv"
    path.write_text(SPOTS.replace("unit", "micron") + ROWS)
    with pytest.raises(BrightfieldError, match="positions in micron: expected a pixel size"):
        read_spots(path, None)
    path.write_text(SPOTS.replace("unit", "pixel") + ROWS)
    assert len(read_spots(path, None).table) == 3


def test_further_columns_by_name(tmp_path: Path) -> None:
    text = "Movie,frame,x,y,Quality,particle\n007,0,1,2,0.5,\n"
    table = read(tmp_path, text, text=("movie", "file"), optional=("quality", "x_error")).table
    assert table.columns.tolist() == ["frame", "x", "y", "movie", "quality"]
    assert table["movie"].tolist() == ["007"]
