"""Movies, with and without positions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import TrackingSettings

Put = Callable[..., np.ndarray]


def bring(source: Path, destination: Path, **options: object) -> ImportReport:
    return import_dataset("tracking", source, destination, settings=TrackingSettings(), **options)


@pytest.fixture
def movie(source: Path, put: Put) -> list[np.ndarray]:
    """Frames 8 to 11 in the source: natural order is not that of the alphabet."""
    return [put(f"f{number}.png", number) for number in (8, 9, 10, 11)]


@pytest.fixture
def stack(source: Path) -> np.ndarray:
    frames = np.random.default_rng(0).integers(0, 4000, (5, 20, 24), dtype=np.uint16)
    tifffile.imwrite(source / "run.tif", frames, photometric="minisblack", compression="zlib")
    return frames


def test_a_folder_of_frames_is_one_movie(source: Path, destination: Path, movie: list[np.ndarray]) -> None:
    report = bring(source, destination)
    records = list(ImageSet.raw(destination))
    assert [record.id for record in records] == ["lab_0000", "lab_0001", "lab_0002", "lab_0003"]
    assert [record.row["frame"] for record in records] == [0, 1, 2, 3]
    assert {record.group for record in records} == {"lab"}
    for record, frame in zip(records, movie, strict=True):
        np.testing.assert_array_equal(record.image, frame)
        assert record.row["labelled"] == 0
        assert "positions" not in record.fields
    assert report.labelled == 0
    assert any("no labels to train on" in warning for warning in report.warnings)


def test_a_stack_is_one_movie(source: Path, destination: Path, stack: np.ndarray) -> None:
    bring(source / "run.tif", destination)
    records = list(ImageSet.raw(destination))
    np.testing.assert_array_equal(np.stack([record.image for record in records]), stack)
    assert [(record.group, record.row["movie"], record.row["frame"]) for record in records] == [
        ("run", "run", i) for i in range(5)
    ]


def test_folders_and_stacks_are_movies_of_their_own(
    source: Path, destination: Path, put: Put, stack: np.ndarray
) -> None:
    for i, name in enumerate(["a/f1.png", "a/f2.png", "b/c/f1.png", "b/c/f2.png"]):
        put(name, 100 + i)
    report = bring(source, destination)
    index = ImageSet.raw(destination).index
    assert index.groupby("movie").size().to_dict() == {"a": 2, "b/c": 2, "run": 5}
    assert report.groups == 3
    assert index[index["movie"] == "b/c"]["frame"].tolist() == [0, 1]


def test_a_pattern_cuts_a_folder_into_groups(source: Path, destination: Path, movie: list[np.ndarray]) -> None:
    bring(source, destination, group_pattern=r"f(\d)")
    assert ImageSet.raw(destination).index["group"].tolist() == ["8", "9", "1", "1"]
    assert ImageSet.raw(destination).index["frame"].tolist() == [0, 1, 2, 3]


def test_positions_as_trackpy_writes_them(source: Path, destination: Path, movie: list[np.ndarray]) -> None:
    (source / "positions.csv").write_text(
        ",y,x,mass,frame,particle\n0,3.25,20.5,7,0,1\n1,4,5,7,0,2\n2,19.5,-0.5,7,2.0,1\n3,,,,3,\n"
    )
    report = bring(source, destination)
    records = list(ImageSet.raw(destination))
    assert records[0].fields["positions"].tolist() == [[20.5, 3.25], [5, 4]]
    assert records[0].fields["positions"].dtype == np.float64
    assert "positions" not in records[1].fields  # no row: nobody looked
    assert records[2].fields["positions"].tolist() == [[-0.5, 19.5]]  # the very corner of the frame
    assert records[3].fields["positions"].shape == (0, 2)  # looked, and there is none
    assert [record.row["labelled"] for record in records] == [1, 0, 1, 1]
    assert report.labelled == 3
    assert report.counts == {"frames with positions": 3}
    assert any("1 of 4 frames have no row" in warning for warning in report.warnings)


def test_positions_beside_a_stack_or_anywhere(
    source: Path, destination: Path, stack: np.ndarray, tmp_path: Path
) -> None:
    table = "frame,x,y\n" + "".join(f"{i},{i},1\n" for i in range(5))
    (tmp_path / "elsewhere.csv").write_text(table)
    bring(source / "run.tif", destination, positions=tmp_path / "elsewhere.csv")
    assert [record.fields["positions"][0, 0] for record in ImageSet.raw(destination)] == [0, 1, 2, 3, 4]
    (source / "positions.csv").write_text(table)
    assert bring(source / "run.tif", destination.with_name("b")).labelled == 5


@pytest.mark.parametrize(
    "table",
    [
        "movie,frame,x,y\na,0,1,2\na,1,3,4\nb,0,5,6\nb,1,7,8\n",
        "file,frame,x,y\na/f1.png,0,1,2\na/f2.png,0,3,4\nb/g1.png,0,5,6\ng2,0,7,8\n",  # the file says which frame
    ],
)
def test_several_movies_in_one_table(source: Path, destination: Path, put: Put, table: str) -> None:
    for i, name in enumerate(["a/f1.png", "a/f2.png", "b/g1.png", "b/g2.png"]):
        put(name, i)
    (source / "positions.csv").write_text(table)
    bring(source, destination)
    found = {(r.row["movie"], r.row["frame"]): r.fields["positions"].tolist() for r in ImageSet.raw(destination)}
    assert found == {("a", 0): [[1, 2]], ("a", 1): [[3, 4]], ("b", 0): [[5, 6]], ("b", 1): [[7, 8]]}


def test_a_table_in_the_folder_of_each_movie(source: Path, destination: Path, put: Put) -> None:
    for i, name in enumerate(["a/f1.png", "b/f1.png"]):
        put(name, i)
        (source / name).with_name("positions.csv").write_text(f"frame,x,y\n0,{i},9\n")
    bring(source, destination)
    assert {r.row["movie"]: r.fields["positions"].tolist() for r in ImageSet.raw(destination)} == {
        "a": [[0, 9]],
        "b": [[1, 9]],
    }


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            "frame,x,y\n0,24,5\n",
            "f8.png has a position outside: x = 24, y = 5, expected x from 0 to 23 and y from 0 to 19",
        ),
        ("frame,x,y\n0,5,-0.6\n", "f8.png has a position outside: x = 5, y = -0.6"),
        ("frame,x,y\n4,5,5\n", "positions.csv: frame 4 of lab does not exist, expected 0 to 3"),
        ("frame,x,y\n0,1,1\n1,inf,2\n", r"1 rows are not positions, the first in line 3 \(frame = 1, x = inf, y = 2"),
        ("frame,x,y\n0,1,\n", "1 rows are not positions, the first in line 2"),
        ("frame,x,y\n0.5,1,1\n", "1 rows are not positions"),
        ("frame,x,y\n-1,1,1\n", "1 rows are not positions"),
        ("frame,x,y\n0,one,1\n", "1 rows are not positions, the first in line 2 .*x = one"),
        ("frame,x\n0,1\n", "positions.csv has the columns frame, x; missing: y"),
        ("", "positions.csv cannot be read as CSV"),
        ("movie,frame,x,y\nother,0,1,1\n", "positions.csv names the movie 'other', expected one of lab"),
        ("file,frame,x,y\ng.png,0,1,1\n", "positions.csv names the file 'g.png', expected one of .*f8.png"),
    ],
)
def test_positions_that_do_not_fit(
    source: Path, destination: Path, movie: list[np.ndarray], table: str, says: str
) -> None:
    (source / "positions.csv").write_text(table)
    with pytest.raises(BrightfieldError, match=says):
        bring(source, destination)
    assert not destination.parent.exists()


def test_a_table_must_say_which_movie_it_means(source: Path, destination: Path, put: Put) -> None:
    put("a/f1.png", 0)
    put("b/f1.png", 1)
    (source / "positions.csv").write_text("frame,x,y\n0,1,1\n")
    with pytest.raises(BrightfieldError, match=r"has no column movie, but there are 2 movies \(a, b\)"):
        bring(source, destination)
    (source / "positions.csv").write_text("file,frame,x,y\nf1.png,0,1,1\n")
    with pytest.raises(BrightfieldError, match="the file 'f1.png', which is in 2 movies, expected one of a/f1.png"):
        bring(source, destination)


def notes(report: ImportReport, text: str) -> bool:
    return any(text in warning for warning in report.warnings)


def test_frames_counted_from_1_if_the_last_number_is_that_of_frames(
    source: Path, destination: Path, stack: np.ndarray
) -> None:
    (source / "positions.csv").write_text("frame,x,y\n" + "".join(f"{i},{i},1\n" for i in range(1, 6)))
    report = bring(source, destination)
    assert [record.fields["positions"][0, 0] for record in ImageSet.raw(destination)] == [1, 2, 3, 4, 5]
    assert notes(report, "positions.csv: frames were counted from 1, because they run from 1 to the number of frames")
    (source / "positions.csv").write_text("frame,x,y\n1,1,1\n2,9,9\n")  # nobody can tell: from 0, as documented
    report = bring(source, destination.with_name("b"))
    assert ImageSet.raw(destination.with_name("b"))[1].fields["positions"].tolist() == [[1, 1]]
    assert notes(report, "the smallest frame is 1, and frames were counted from 0")
    (source / "positions.csv").write_text("frame,x,y\n0,1,1\n5,9,9\n")
    with pytest.raises(BrightfieldError, match="frame 5 of run does not exist, expected 0 to 4"):
        bring(source, destination.with_name("c"))


def test_slices_of_imagej_are_frames_from_1(source: Path, destination: Path, stack: np.ndarray) -> None:
    (source / "Results.csv").write_text(" ,Area,X,Y,Slice\n1,4,1.5,1,1\n2,4,2.5,1,2\n")
    report = bring(source / "run.tif", destination, positions=source / "Results.csv")
    found = [record.fields.get("positions") for record in ImageSet.raw(destination)]
    assert [None if xy is None else xy.tolist() for xy in found] == [[[1.5, 1]], [[2.5, 1]], None, None, None]
    assert notes(report, "ImageJ counts frames from 1, and 1 was subtracted")
    (source / "Results.csv").write_text(" ,X,Y,Slice\n1,1,1,6\n")
    with pytest.raises(BrightfieldError, match="frame 6 of run does not exist, expected 1 to 5"):
        bring(source / "run.tif", destination.with_name("b"), positions=source / "Results.csv")


def test_a_movie_numbered_as_one_frame_is_refused(source: Path, destination: Path, stack: np.ndarray) -> None:
    drift = "".join(f"0,{5 + i / 10},6\n0,{15 - i / 10},12\n" for i in range(5))
    (source / "positions.csv").write_text("frame,x,y\n" + drift)
    with pytest.raises(
        BrightfieldError, match="all 10 positions are of one frame only, of 5 of run, and 10 of them have"
    ):
        bring(source, destination)
    (source / "positions.csv").write_text("frame,x,y\n0,2,2\n0,20,2\n0,2,16\n")  # three beads of a labelled frame
    report = bring(source, destination)
    assert report.labelled == 1
    assert notes(report, "all 3 positions are of one frame only, of 5 of run; if they are of several frames")
    (source / "positions.csv").write_text("frame,x,y\n0,2,2\n0,4,2\n")  # two beads that touch
    assert bring(source, destination.with_name("b")).labelled == 1


def test_the_name_of_a_file_says_the_frame(source: Path, destination: Path, movie: list[np.ndarray]) -> None:
    rows = "".join(f"f9.png,0,{5 + i},6\n" for i in range(12))
    (source / "positions.csv").write_text("file,frame,x,y\n" + rows)
    report = bring(source, destination)
    assert [record.row["labelled"] for record in ImageSet.raw(destination)] == [0, 1, 0, 0]
    assert not notes(report, "one frame only")


def test_a_table_without_rows_is_refused(source: Path, destination: Path, stack: np.ndarray) -> None:
    (source / "positions.csv").write_text("frame,x,y\n")
    with pytest.raises(BrightfieldError, match="positions.csv has no rows below its header"):
        bring(source, destination)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("name", ["Müller é", "Mu\u0308ller e\u0301"])
def test_names_of_movies_match_in_any_encoding_and_unicode_form(
    source: Path, destination: Path, put: Put, encoding: str, name: str
) -> None:
    put(f"{name}/a.png", 0)
    put("b/b.png", 1)
    table = "movie;frame;x;y\nMüller é ;0;1,5;2\nb;0;3;4\n"
    (source / "positions.csv").write_bytes(table.encode(encoding))
    bring(source, destination)
    found = [record.fields["positions"].tolist() for record in ImageSet.raw(destination)]
    assert sorted(found) == [[[1.5, 2]], [[3, 4]]]
    (source / "positions.csv").write_bytes(f"file;frame;x;y\n{name}\\a.png;0;1,5;2\n".encode("utf-16"))
    assert bring(source, destination.with_name("b")).labelled == 1


def test_two_files_of_one_name_but_for_its_unicode_form(source: Path, destination: Path, put: Put) -> None:
    put("é.png", 0)
    put("e\u0301.png", 1)
    (source / "positions.csv").write_text("file,frame,x,y\né.png,0,1,2\n", encoding="utf-8")
    with pytest.raises(BrightfieldError, match="names the file 'é.png', which is in 2 files"):
        bring(source, destination)


def test_frames_of_another_size_and_broken_frames(
    source: Path, destination: Path, put: Put, movie: list[np.ndarray]
) -> None:
    put("f12.png", 12, (20, 25))
    (source / "f13.png").write_text("not an image")
    with pytest.raises(BrightfieldError) as caught:
        bring(source, destination)
    assert "f12.png is 20 x 25 pixels, expected 20 x 24 pixels" in str(caught.value)
    assert "f13.png cannot be read as an image" in str(caught.value)


def test_a_camera_that_stood_still_is_only_told_but_not_across_movies(
    source: Path, destination: Path, put: Put
) -> None:
    put("a/f1.png", 0)
    put("a/f2.png", 0)
    report = bring(source, destination)
    assert "a/f2.png: the same pixels as an earlier image of a" in report.warnings
    put("b/f1.png", 0)
    with pytest.raises(BrightfieldError, match="a/f1.png and b/f1.png hold the same pixels"):
        bring(source, destination.with_name("copies"))


def test_a_blank_frame_of_a_stack_is_named(source: Path, destination: Path, stack: np.ndarray) -> None:
    stack[3] = 7
    tifffile.imwrite(source / "run.tif", stack, photometric="minisblack")
    with pytest.raises(BrightfieldError, match=r"run.tif, frame 3 is constant \(every value is 7\)"):
        bring(source, destination)


def test_a_truncated_stack_is_refused(source: Path, destination: Path, stack: np.ndarray) -> None:
    data = (source / "run.tif").read_bytes()
    (source / "run.tif").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(BrightfieldError, match="run.tif"):
        bring(source, destination)
    assert not destination.exists()


def test_two_movies_of_one_name_are_refused(source: Path, destination: Path, put: Put, stack: np.ndarray) -> None:
    put("run/f1.png", 0)
    put("run/f2.png", 1)
    with pytest.raises(BrightfieldError, match="two movies called 'run'"):
        bring(source, destination)


def stacks(source: Path, *names: str, lengths: int = 2) -> list[np.ndarray]:
    rng, made = np.random.default_rng(3), []
    for i, name in enumerate(names):
        made.append(rng.integers(0, 4000, (lengths + i, 20, 24), dtype=np.uint16))
        tifffile.imwrite(source / name, made[-1], photometric="minisblack", metadata={"axes": "TYX"})
    return made


@pytest.mark.parametrize(
    ("names", "movie"),
    [
        (("a_MMStack_Pos0.ome.tif", "a_MMStack_Pos0_1.ome.tif", "a_MMStack_Pos0_2.ome.tif"), "a_MMStack_Pos0"),
        (("run.tif", "run@0001.tif", "run@0002.tif"), "run"),
        (("run_part1.tif", "run_part2.tif", "run_part10.tif"), ""),
        (("run part 1.tif", "run part 2.tif", "run part 3.tif"), "run"),
    ],
)
def test_pieces_of_a_movie_are_joined(source: Path, destination: Path, names: tuple[str, ...], movie: str) -> None:
    pieces = stacks(source, *names)
    if not movie:
        with pytest.raises(BrightfieldError, match=r"run is a movie in pieces .*, but piece 3 is missing"):
            bring(source, destination)
        return
    report = bring(source, destination)
    records = list(ImageSet.raw(destination))
    assert {(record.row["movie"], record.group) for record in records} == {(movie, movie)}
    assert [record.row["frame"] for record in records] == list(range(9))
    np.testing.assert_array_equal(np.stack([record.image for record in records]), np.concatenate(pieces))
    assert f"{movie}: a movie in 3 pieces, joined: frames are numbered on" in report.warnings


def test_a_pattern_does_not_cut_a_movie_in_pieces(source: Path, destination: Path) -> None:
    stacks(source, "run.tif", "run@0001.tif")
    bring(source, destination, group_pattern="(.+)")
    assert {record.group for record in ImageSet.raw(destination)} == {"run"}


def test_positions_of_a_movie_in_pieces_are_numbered_within_the_movie(source: Path, destination: Path) -> None:
    stacks(source, "run.tif", "run@0001.tif")
    (source / "positions.csv").write_text("frame,x,y\n4,7,8\n")
    bring(source, destination)
    labelled = {r.row["frame"]: r.fields["positions"].tolist() for r in ImageSet.raw(destination) if r.row["labelled"]}
    assert labelled == {4: [[7, 8]]}
    (source / "positions.csv").write_text("file,frame,x,y\nrun@0001.tif,0,7,8\n")
    with pytest.raises(BrightfieldError, match="names the file 'run@0001.tif'"):
        bring(source, destination.with_name("b"))


def test_positions_of_a_dish_are_movies_of_their_own(source: Path, destination: Path) -> None:
    stacks(source, "a_MMStack_Pos0.ome.tif", "a_MMStack_Pos1.ome.tif", "a_MMStack_1-Pos_000_001.ome.tif")
    assert bring(source, destination).groups == 3


@pytest.mark.parametrize("names", ["run_1 run_2", "run-0001 run-0002", "run1 run2", "1 2"])
def test_numbered_stacks_are_one_group_unless_a_pattern_says_otherwise(
    source: Path, destination: Path, names: str
) -> None:
    stacks(source, *(f"{name}.tif" for name in [*names.split(), "other"]))
    report = bring(source, destination)
    assert report.groups == 2
    assert any("may be pieces of one movie: they are one group; where" in warning for warning in report.warnings)
    movies = {record.row["movie"]: record.row["frame"] for record in ImageSet.raw(destination)}
    assert movies == {**dict(zip(names.split(), (1, 2), strict=True)), "other": 3}  # the last frame of each
    assert bring(source, destination.with_name("b"), group_pattern="(.+)").groups == 3


def test_one_piece_alone_is_a_movie_and_names_the_others(source: Path, destination: Path) -> None:
    stacks(source, "run.tif", "run@0001.tif")
    report = bring(source / "run.tif", destination)
    assert (report.images, report.found, report.taken) == (2, 1, 1)
    assert any("run.tif: one of 2 pieces of a movie" in warning for warning in report.warnings)


def test_two_frames_of_one_name_are_refused(source: Path, destination: Path, put: Put, movie: list[np.ndarray]) -> None:
    put("f9.tif", 30)
    with pytest.raises(BrightfieldError, match=r"lab has f9 twice \(f9.png and f9.tif\)"):
        bring(source, destination)


def test_real_frames(real: Path, destination: Path) -> None:
    beads = real / "beads"
    report = bring(
        beads / "brightfield",
        destination,
        positions=beads / "brightfield_trackpy_reference.csv",
        group_pattern=r"bf_00(\d)",
    )
    assert (report.images, report.labelled, report.groups) == (50, 50, 5)
    assert ImageSet.raw(destination)[0].fields["positions"].shape == (5, 2)
