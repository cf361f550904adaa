"""`brightfield predict --sort`: copies in folders of classes, and the way back by `import`."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import images, params
from brightfield.data import coverage
from brightfield.data.coverage import Coverage
from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.prediction import sorting
from brightfield.results import Label
from brightfield.tasks.classification.answering import ClassificationAnswering
from sortable import OUT, PROBABILITIES, found, put, sort, trained, write_crops

pytestmark = pytest.mark.usefixtures("brightness_is_the_answer")


@pytest.fixture
def crops(project: Path) -> Path:
    return write_crops(project)


def test_a_folder_for_each_class_and_one_for_what_is_doubtful(crops: Path) -> None:
    done = sort(crops)
    assert found() == {
        "bad": ["001_7_8.png"],
        "good": ["001_5_6.png"],
        "unsure": ["002_1_1.png", "002_9_9.png", "003_4_4.png"],
    }
    assert {path.name for path in OUT.iterdir()} == {"bad", "good", "unsure", "sorted.csv", "least-certain.png"}
    assert "bad: 1, good: 1, unsure: 3 in out" in str(done)
    assert "Found: 5, taken: 5, left out: 0." in str(done)
    assert "move the images of out/unsure into out/bad or out/good, then `brightfield import rbc out --name" in str(
        done
    )


def test_copies_are_the_same_bytes_with_the_same_times_and_originals_stay(crops: Path) -> None:
    before = {path.name: path.read_bytes() for path in crops.iterdir()}
    for path in crops.iterdir():
        os.utime(path, (1e9, 1e9))
    sort(crops)
    copies = {path.name: path for path in OUT.glob("*/*.png")}
    assert {name: path.read_bytes() for name, path in copies.items()} == before
    assert {path.read_bytes() for path in crops.iterdir()} == set(before.values())
    assert {path.stat().st_mtime for path in copies.values()} == {1e9}


@pytest.mark.parametrize("asked", [{}, {"magnify": 0.5}, {"pixel_size_um": 0.07}])
def test_crops_of_another_magnification_are_answered_as_those_of_the_training(
    crops: Path, seen_crops: list[np.ndarray], asked: dict[str, float]
) -> None:
    sort(crops, **asked)
    (first, *_) = sorted(crops.iterdir())
    image = images.read(first)
    expected = images.framed(images.magnified(image, 0.5), 32) if asked else image
    assert len(seen_crops) == 2 * len(PROBABILITIES)  # and a changed view of each
    np.testing.assert_array_equal(seen_crops[0], expected)


def test_a_magnified_crop_is_compared_with_the_training_as_it_came(crops: Path) -> None:
    """What fills it up, and interpolation, have no noise: all would be outside, and so unsure."""
    trained(Coverage.fit(coverage.measure_records(tiny.records("classification", 40, groups=10))))
    asked, usual = (
        sort(crops, out=Path(name), **options).table for name, options in (("a", {"magnify": 0.5}), ("b", {}))
    )
    assert asked.set_index("image")["distance"].to_dict() == pytest.approx(
        usual.set_index("image")["distance"].to_dict()
    )


def test_the_table_has_the_least_certain_first(crops: Path) -> None:
    sort(crops)
    table = pd.read_csv(OUT / "sorted.csv")
    assert list(table.columns) == [
        "image",
        "source",
        "probability",
        "answer",
        "certainty",
        "sorted_into",
        "outside",
        "doubt",
    ]
    assert list(table["image"]) == [f"{name}.png" for name in ("002_9_9", "002_1_1", "003_4_4", "001_7_8", "001_5_6")]
    assert list(table["answer"]) == ["good", "good", "bad", "bad", "good"]
    assert list(table["sorted_into"]) == ["unsure"] * 3 + ["bad", "good"]
    assert table["probability"].to_numpy() == pytest.approx([0.22, 0.6, 0.17, 0.05, 0.98], abs=0.003)
    assert table["certainty"].to_numpy() == pytest.approx([0.22, 0.6, 0.83, 0.95, 0.98], abs=0.003)
    for row in table.itertuples():
        assert Path(row.source) == (crops / row.image).absolute()


@pytest.mark.parametrize(
    ("label", "certainty"),
    [(Label(0.3, 0.2), 0.3), (Label(0.1, 0.2), 0.9), (Label(0.97, 0.99), 0.03), (Label(1.0), 1.0), (Label(0.0), 1.0)],
)
def test_certainty_is_the_chance_that_the_answer_is_right(label: Label, certainty: float) -> None:
    assert sorting.certainty(label) == pytest.approx(certainty)


@pytest.mark.parametrize(("sure", "unsure"), [(0.0, 0), (0.5, 1), (0.8, 2), (0.9, 3), (0.96, 4), (1.0, 5)])
def test_how_sure_is_sure_can_be_said(crops: Path, sure: float, unsure: int) -> None:
    done = sort(crops, sure=sure)
    assert len(found()["unsure"]) == unsure
    assert (f"a probability below {sure:g} (--sure)" in str(done)) == (unsure > 0)


def test_doubtful_answers_are_unsure_unless_more_doubt_is_allowed(crops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(Coverage.fit(coverage.measure_records(tiny.records("classification", 40, groups=10))))
    monkeypatch.setattr(
        ClassificationAnswering, "doubted", lambda _, agreements: [0.45] + [0.1] * (len(agreements) - 1)
    )
    done = sort(crops)
    table = pd.read_csv(OUT / "sorted.csv").set_index("image")
    assert list(table.columns)[-3:] == ["outside", "doubt", "distance"]
    assert (table["distance"] > 1).all()  # all are unlike the training, and only one is doubtful
    assert table.loc["001_5_6.png", ["outside", "answer", "sorted_into"]].tolist() == [1, "good", "unsure"]
    assert table.loc["001_7_8.png", ["outside", "sorted_into"]].tolist() == [0, "bad"]
    assert "1 of 5 answers are doubtful" in str(done)
    sort(crops, sure=0.54, out=Path("most"))
    assert found(Path("most"))["good"] == ["001_5_6.png", "002_1_1.png"]
    sort(crops, sure=0, out=Path("all"))
    assert found(Path("all"))["unsure"] == []


def test_the_contact_sheet_shows_the_first(crops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sort(crops)
    five = images.read(OUT / "least-certain.png")
    monkeypatch.setattr(sorting, "SHOWN", 2)
    sort(crops, out=Path("other"))
    two = images.read(Path("other/least-certain.png"))
    assert five.shape == two.shape  # one row of ten
    drawn = [(sheet != 255).any(axis=(0, 2)).nonzero()[0].max() // 136 for sheet in (five[40:], two[40:])]
    assert drawn == [4, 1]


# --- names -----------------------------------------------------------------------------------------------------------


def test_the_same_name_in_several_folders_gets_a_number_behind_it(crops: Path) -> None:
    put(Path("second/001_5_6.png"), 0.97)
    put(Path("second/001_5_6-2.png"), 0.96)
    put(Path("third/001_5_6.PNG"), 0.02)
    done = sort(crops, Path("second"), Path("third"))
    assert found()["good"] == ["001_5_6-2.png", "001_5_6-3.png", "001_5_6.png"]  # each real name is kept
    assert found()["bad"] == ["001_5_6-4.PNG", "001_7_8.png"]
    sources = pd.read_csv(OUT / "sorted.csv").set_index("image")["source"]
    assert sources["001_5_6-3.png"] == str(Path("second/001_5_6.png").absolute())
    for image, source in sources.items():
        copy = next(OUT.glob(f"*/{image}"))
        assert copy.read_bytes() == Path(source).read_bytes()
    assert "2 copies have a number after their name" in str(done)


def test_a_file_that_is_given_twice_is_copied_once(crops: Path) -> None:
    done = sort(crops, crops / "001_5_6.png", Path("crops/../crops"))
    assert len(done.table) == len(PROBABILITIES)
    assert "behind their name" not in str(done)


def test_odd_names_survive(crops: Path) -> None:
    odd = ["a, b; c.png", "=1+1.png", "ärzte µ.png", "two\nlines.png", "x.y.png"]
    for i, name in enumerate(odd):
        put(Path("odd") / name, 0.5, pattern=i)
    sort(Path("odd"))
    assert set(found()["unsure"]) == set(odd)
    assert len(pd.read_csv(OUT / "sorted.csv")) == len(odd)


@pytest.mark.parametrize(
    ("name", "message"), [(b"\xff_1.png", "is not valid Unicode"), (b".hidden.png", "is a hidden file")]
)
def test_names_that_would_get_lost_are_refused(crops: Path, name: bytes, message: str) -> None:
    path = crops / os.fsdecode(name)
    put(path, 0.5)
    with pytest.raises(BrightfieldError, match=message) as raised:
        sort(path)
    str(raised.value).encode()  # can be printed
    assert not OUT.exists()


def test_an_image_in_chunks_is_copied_as_a_folder(crops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zarr

    read, read_frame = images.read, images.read_frame  # of a task whose crops are grey, as those in chunks are

    def in_colour(path: Path) -> images.Frame:
        frame = read_frame(path)
        return replace(frame, image=np.dstack([images.to_grey(frame.image)] * 3))

    monkeypatch.setattr(images, "read_frame", in_colour)
    monkeypatch.setattr(images, "read", lambda path: in_colour(path).image)

    group = zarr.open_group(crops / "chunks.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=np.full((32, 32), 200, np.uint8))
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]
    sort(crops)
    (copy,) = OUT.glob("*/chunks.zarr")
    np.testing.assert_array_equal(read(copy), read(crops / "chunks.zarr"))


# --- the way back ----------------------------------------------------------------------------------------------------


def test_after_a_person_moved_the_unsure_the_folder_is_imported_as_it_is(crops: Path, tmp_path: Path) -> None:
    put(Path("second/001_5_6.png"), 0.97, pattern=1)
    sort(crops, Path("second"))
    for name, where in {"002_1_1": "good", "002_9_9": "bad", "003_4_4": "good"}.items():
        shutil.move(OUT / "unsure" / f"{name}.png", OUT / where)
    report = import_dataset("classification", OUT, tmp_path / "raw", settings=params.load().tasks["rbc"].settings)
    index = ImageSet.raw(tmp_path / "raw").index.set_index("id")
    assert report.counts == {"bad": 2, "good": 4}
    assert report.warnings == [
        "least-certain.png: written by Brightfield, left out",
        "the labels are a model's predictions (sorted.csv): they are only as good as your check of them",
    ]
    assert index["group"].to_dict() == {
        "bad_001_7_8": "001",
        "bad_002_9_9": "002",
        "good_001_5_6": "001",
        "good_001_5_6-2": "001",
        "good_002_1_1": "002",
        "good_003_4_4": "003",
    }
    assert "kind" not in index
    np.testing.assert_array_equal(
        next(record.image for record in ImageSet.raw(tmp_path / "raw") if record.id == "good_003_4_4"),
        images.read(crops / "003_4_4.png"),
    )


def test_what_is_left_in_unsure_can_be_sorted_again(crops: Path) -> None:
    sort(crops)
    sort(OUT / "unsure", out=Path("again"), sure=0.5)
    assert found(Path("again")) == {"bad": ["003_4_4.png"], "good": ["002_1_1.png"], "unsure": ["002_9_9.png"]}
