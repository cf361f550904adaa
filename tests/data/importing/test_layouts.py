"""Folders in the layouts of an import, where images are answered: which are taken, what they are called, where their truth is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield import images
from brightfield.data.importing import IMPORTERS, import_dataset
from brightfield.data.importing.inputs import Inputs
from brightfield.errors import BrightfieldError
from brightfield.params import (
    ClassificationSettings,
    RestorationSettings,
    SegmentationSettings,
    TaskSettings,
    TrackingSettings,
)

Put = Callable[..., np.ndarray]
TRUTH = "truth beside the images"
SETTINGS: dict[str, TaskSettings] = {
    "classification": ClassificationSettings(classes=["bad", "good"], channels=1, size_px=32),
    "tracking": TrackingSettings(),
    "segmentation": SegmentationSettings(),
    "restoration": RestorationSettings(),
}


def read(kind: str, source: Path) -> Inputs:
    found = IMPORTERS[kind].inputs(source, SETTINGS[kind])
    assert found is not None
    return found


def taken(kind: str, source: Path) -> list[str]:
    return [path.relative_to(source).as_posix() for path in read(kind, source).listing.taken]


def names(found: Inputs) -> list[str]:
    return [frame.name for frame in images.frames_of(found.listing.taken, found.names)]


def labels(path: Path) -> np.ndarray:
    """Two cells in the image of the fixture ``put``."""
    cells = np.zeros((20, 24), np.uint16)
    cells[2:8, 2:8], cells[10:16, 10:18] = 1, 2
    path.parent.mkdir(parents=True, exist_ok=True)
    images.write_tiff(path, cells)
    return cells


def test_crops_lie_in_their_classes_at_any_depth_and_unsure_ones_beside_them(source: Path, put: Put) -> None:
    for i, name in enumerate(("good/1_a.png", "bad/1_a.png", "bad/torn/2_b.png", "unsure/3_c.png")):
        put(name, i)
    put("least-certain.png", 9)
    (source / "sorted.csv").write_text("image,source\n")
    found = read("classification", source)
    assert taken("classification", source) == ["bad/1_a.png", "bad/torn/2_b.png", "good/1_a.png", "unsure/3_c.png"]
    assert names(found) == ["bad_1_a", "2_b", "good_1_a", "3_c"]
    assert list(found.listing.sources().values()) == taken("classification", source)
    assert found.listing.left_out == {"written by Brightfield": 1, "not an image": 1}


def test_one_class_alone_is_named_as_the_source(source: Path, put: Put) -> None:
    put("good/1.png", 0)
    assert list(read("classification", source).listing.sources().values()) == ["good/1.png"]


def test_loose_crops_are_left_out_where_the_import_leaves_them_out(source: Path, put: Put) -> None:
    for i, name in enumerate(("good/1.png", "bad/2.png", "3.png")):
        put(name, i)
    found = read("classification", source)
    assert found.listing.lines() == ["Found: 3, taken: 2, left out: 1.", "Left out: 3.png: in no class folder."]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ("good/1.png", "bad/2.png", "maybe/3.png"),
            "class folders bad, good and beside them the folders maybe: expected",
        ),
        (("good/1.png", "2.png"), "class folders good and beside them 1 images: expected the folders bad, good"),
    ],
)
def test_folders_that_may_mean_several_things_are_refused(
    source: Path, put: Put, files: tuple[str, ...], message: str
) -> None:
    for i, name in enumerate(files):
        put(name, i)
    with pytest.raises(BrightfieldError, match=message + r".*Name the folders or images that are to be answered\."):
        read("classification", source)


def test_class_folders_without_images_are_refused(source: Path) -> None:
    (source / "good").mkdir()
    (source / "bad").mkdir()
    with pytest.raises(BrightfieldError, match="no images to be answered in its folders"):
        read("classification", source)


@pytest.mark.parametrize("kind", ["classification", "segmentation"])
def test_folders_without_a_layout_stand_for_their_own_images(source: Path, put: Put, kind: str) -> None:
    for i, name in enumerate(("a.png", "older/b.png")):
        put(name, i)
    assert IMPORTERS[kind].inputs(source, SETTINGS[kind]) is None


def test_a_field_in_its_folder_has_the_name_of_the_folder(source: Path, put: Put) -> None:
    for i, day in enumerate(("monday", "tuesday")):
        put(f"{day}/field/image.tif", i)
        cells = labels(source / day / "field" / "labels.tif")
        put(f"{day}/field/fluorescence.tif", 10 + i)
    put("monday/only/image.tif", 2)  # not labelled yet
    put("overview.png", 3)
    found = read("segmentation", source)
    assert names(found) == ["monday_field", "only", "tuesday_field"]
    assert found.listing.left_out == {
        TRUTH: 2,
        "fluorescence beside the images": 2,
        "not called image, labels or fluorescence": 1,
    }
    assert found.truth is not None
    true = found.truth()
    of_frames = [true(frame, 0) for frame in images.frames_of(found.listing.taken, found.names)]
    assert of_frames[1] is None
    np.testing.assert_array_equal(of_frames[0]["labels"], cells)  # type: ignore[index]


def test_parallel_folders_are_told_apart(source: Path, put: Put) -> None:
    for i, name in enumerate("ab"):
        put(f"day/images/{name}.tif", i)
        labels(source / "day/labels" / f"{name}_cp_masks.tif")
    put("day/fluorescence/a.tif", 5)
    (source / "species.csv").write_text("image,label,species\na,1,2\n")
    found = read("segmentation", source)
    assert taken("segmentation", source) == ["day/images/a.tif", "day/images/b.tif"]
    assert names(found) == ["a", "b"]
    assert found.listing.left_out == {TRUTH: 3, "fluorescence beside the images": 1}
    assert found.truth is not None
    true = found.truth()
    assert [true(frame, 0) is None for frame in images.frames_of(found.listing.taken)] == [False, False]


def test_all_fields_beside_masks_of_cellpose_are_taken(source: Path, put: Put) -> None:
    for i, name in enumerate("ab"):
        put(f"{name}.tif", i)
    labels(source / "a_cp_masks.tif")
    found = read("segmentation", source)
    assert names(found) == ["a", "b"]
    assert found.listing.left_out == {"written by Cellpose": 1}
    assert found.listing.sources() == {}
    assert found.truth is not None
    assert [found.truth()(frame, 0) is None for frame in images.frames_of(found.listing.taken)] == [False, True]


def test_all_movies_of_a_folder_are_taken_and_earlier_answers_are_not(source: Path, put: Put) -> None:
    for i, name in enumerate(("run1/0.png", "run1/1.png", "run2/0.png", "2.png")):
        put(name, i)
    put("answers/2_overlay.png", 9)
    for table in ("answers/positions.csv", "run1/positions.csv"):
        (source / table).write_text("frame,x,y\n0,3,4\n")
    found = read("tracking", source)
    assert names(found) == ["2", "run1_0", "1", "run2_0"]
    assert found.listing.left_out == {"written by Brightfield": 1, TRUTH: 1}
    assert found.truth is None  # a number alone does not tell of which movie a frame is


def test_positions_beside_the_only_movie_are_its_truth(source: Path, put: Put) -> None:
    for i in range(2):
        put(f"{i}.png", i)
    (source / "positions.csv").write_text("frame,x,y\n1,3,4\n")
    found = read("tracking", source)
    assert found.truth is not None
    true = [found.truth()(frame, number) for number, frame in enumerate(images.frames_of(found.listing.taken))]
    assert true[0] is None
    np.testing.assert_array_equal(true[1]["positions"], [[3, 4]])  # type: ignore[index]


@pytest.mark.parametrize(("noisy", "clean"), [("noisy", "clean"), ("low", "high")])
@pytest.mark.parametrize("day", ["", "monday/"])
def test_clean_images_are_not_denoised_but_the_truth(source: Path, put: Put, day: str, noisy: str, clean: str) -> None:
    put(f"{day}{noisy}/deep/a.tif", 0)
    true = put(f"{day}{clean}/deep/a.tif", 1)
    put(f"{day}notes/c.png", 3)
    found = read("restoration", source)
    assert taken("restoration", source) == [f"{day}{noisy}/deep/a.tif"]
    assert found.listing.left_out == {TRUTH: 1, "beside the folders of noisy images": 1}
    assert found.truth is not None
    (frame,) = images.frames_of(found.listing.taken)
    np.testing.assert_array_equal(found.truth()(frame, 0)["clean"], true)  # type: ignore[index]


@pytest.mark.parametrize(
    "files", [("noisy/a.tif", "noisy/b/0.tif"), ("repeats/a/0.tif", "repeats/a/1.tif"), ("a/0.tif", "b/0.tif")]
)
def test_noisy_images_alone_are_taken_at_any_depth(source: Path, put: Put, files: tuple[str, ...]) -> None:
    for i, name in enumerate(files):
        put(name, i)
    assert taken("restoration", source) == list(files)
    assert read("restoration", source).truth is None


def test_clean_images_alone_are_refused(source: Path, put: Put) -> None:
    put("clean/a.tif", 0)
    with pytest.raises(
        BrightfieldError, match="has a folder clean and no noisy images: expected .* Name the folder clean"
    ):
        read("restoration", source)


def test_links_in_a_circle_end(source: Path, put: Put) -> None:
    put("run/0.png", 0)
    (source / "run" / "again").symlink_to(source)
    assert taken("tracking", source) == ["run/0.png"]


@pytest.mark.parametrize(
    ("kind", "images_of"),
    [
        ("classification", ("good/1_a.png", "bad/kind/2_a.png", "bad/3_b.png")),
        ("segmentation", ("1/image.tif", "deep/2/image.tif", "3/image.tif")),
        ("tracking", ("1/0.png", "1/1.png", "2/0.png")),
        ("restoration", ("noisy/1_a.tif", "noisy/2_a.tif", "noisy/deep/3_a.tif")),
    ],
)
def test_what_an_import_takes_is_answered(
    source: Path, destination: Path, put: Put, kind: str, images_of: tuple[str, ...]
) -> None:
    for i, name in enumerate(images_of):
        put(name, i, shape=(32, 32) if kind == "classification" else (20, 24))
        if kind == "segmentation":
            labels(source / Path(name).parent / "labels.tif")
    if kind == "restoration":
        shutil.copytree(source / "noisy", source / "clean")
    report = import_dataset(kind, source, destination, settings=SETTINGS[kind])
    assert report.images == len(images_of)
    assert sorted(taken(kind, source)) == sorted(images_of)
