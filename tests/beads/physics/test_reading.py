"""Tables of positions, good and hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightfield.beads.physics.reading import UNTRACKED, read_positions
from brightfield.errors import BrightfieldError


def written(folder: Path, text: str) -> Path:
    path = folder / "positions.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_predict_writes(tmp_path: Path) -> None:
    text = "frame,x,y,quality,image\n0,1.5,2,0.9,007\n1,,,,008\n2,3,4,0.8,009\n"
    table = read_positions(written(tmp_path, text))
    assert table.columns.tolist() == ["frame", "x", "y", "quality", "image"]
    assert table["frame"].tolist() == [0, 2]  # none was found in frame 1
    assert table["image"].tolist() == ["007", "009"]


def test_errors_and_particles(tmp_path: Path) -> None:
    table = read_positions(
        written(tmp_path, "y,x,frame,x_error,y_error,particle,mass\n2,1,0,0.1,,4,7\n2,1,1,0,0.2,4,8\n")
    )
    assert table.columns.tolist() == ["frame", "x", "y", "x_error", "y_error", "particle"]
    assert table["particle"].tolist() == [4, 4]
    assert table["x_error"].tolist() == [0.1, 0]


def test_tracks_of_trackmate_are_particles_unless_they_branch(tmp_path: Path) -> None:
    head = "TRACK_ID;FRAME;POSITION_X;POSITION_Y\nTrack ID;Frame;X;Y\nTrack ID;Frame;X;Y\n;;(micron);(micron)\n"
    path = written(tmp_path, head + "0;0;1,5;2\n;0;9;9\n0;1;1,75;2\n")
    table = read_positions(path, 0.25)
    assert table["x"].tolist() == [6, 36, 7]
    assert table["particle"].tolist() == [0, UNTRACKED, 0]
    path = written(tmp_path, head + "0;0;1,5;2\n0;0;9;9\n0;1;1,75;2\n")
    assert "particle" not in read_positions(path, 0.25)


def test_frames_stay_as_they_are_counted(tmp_path: Path) -> None:
    assert read_positions(written(tmp_path, " ,X,Y,Slice\n1,1,2,1\n2,1,2,2\n"))["frame"].tolist() == [1, 2]


def test_no_positions_are_no_error(tmp_path: Path) -> None:
    assert read_positions(written(tmp_path, "frame,x,y\n")).empty


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("frame,x\n0,1\n", "missing: y"),
        ("", "cannot be read as CSV"),
        (
            "frame,x,y\n0,1,2\n1,cat,2\n",
            r"1 rows are not positions, the first in line 3 \(frame = 1, x = cat, y = 2\): expected finite x",
        ),
        ("frame,x,y\n0,inf,2\n", "line 2 .*finite x and y in pixels"),
        ("frame,x,y\n0,1,\n", "finite x and y"),
        ("frame,x,y\n-1,1,2\n", "frame = -1.*: expected a whole frame number from 0 up"),
        ("frame,x,y\n0.5,1,2\n", "whole frame number"),
        ("frame,x,y\n,1,2\n", "whole frame number"),
        ("frame,x,y\n99999999999,1,2\n", "whole frame number"),
        ("frame,x,y\n0,1,2\n20000000,1,2\n", "frames from 0 to 20000000: expected a range of at most 10,000,000"),
        ("frame,x,y\n0,1e9,2\n", "at most 1,000,000"),
        ("frame,x,y,x_error\n0,1,2,-1\n", "standard errors in pixels"),
        ("frame,x,y,particle\n0,1,2,a\n", "whole numbers from 0 up as particles"),
        ("frame,x,y,particle\n0,1,2,1\n0,1,3,1\n", "line 3 .*each particle once in a frame"),
        ("frame,x,y,particle\n0,1,2,7\n9000000,1,3,7\n", "particle 7 is seen in 2 of 9,000,001 frames"),
        ('frame,x,y\n0,"1\n', "cannot be read|not positions"),
        (
            "frame,x,y\n" + "0,1,2\n" * 60,
            "has one frame only: all 60 positions are of frame 0, expected a movie. Number",
        ),
        ("movie,frame,x,y\na,0,1,2\nb,1,1,2\n", "has positions of 2 movies .a, b., expected one"),
        ("frame;x;y\n0;1,5;2\n1;cat;2\n", "the first in line 3 .frame = 1, x = cat, y = 2.: expected finite x"),
    ],
)
def test_what_is_no_table_of_positions(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BrightfieldError, match=told):
        read_positions(written(tmp_path, text))


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="There is no file"):
        read_positions(tmp_path / "positions.csv")
    (tmp_path / "positions.csv").write_bytes(b"frame,x,y\n\xff\xfe\x00\x01")
    with pytest.raises(BrightfieldError, match="cannot be read as CSV"):
        read_positions(tmp_path / "positions.csv")
