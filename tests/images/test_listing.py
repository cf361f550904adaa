"""Which files of a folder are images to read, and which are passed over and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brightfield import images, layout
from brightfield.errors import BrightfieldError
from brightfield.results import FORMS


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def taken(folder: Path) -> list[str]:
    return [path.name for path in images.files([folder])]


def test_every_end_of_an_answer_is_known() -> None:
    ends = {end for form in FORMS.values() for end in form.files} | {layout.OVERLAY}
    assert ends == set(layout.ANSWERS)


def test_answers_beside_their_images_are_passed_over(tmp_path: Path) -> None:
    answers = [f"a_{end}" for end in layout.ANSWERS] + [
        "movie_0003_overlay.png",
        "a_beside-otsu.png",
        "c_1_labels.tif",
        "a_2_labels.tif",
    ]
    fill(tmp_path, "a.png", "movie.tif", "c 1.tif", *answers)
    listing = images.list_images([tmp_path])
    assert [path.name for path in listing.taken] == ["a.png", "c 1.tif", "movie.tif"]
    assert listing.left_out == {"written by Brightfield": len(answers)}


def test_labels_without_their_images_are_images(tmp_path: Path) -> None:
    fill(tmp_path, "a_labels.tif", "b_cp_masks.png", "c_overlay.png")
    assert taken(tmp_path) == ["a_labels.tif", "b_cp_masks.png", "c_overlay.png"]


@pytest.mark.parametrize("end", ["_cp_masks.png", "_cp_masks.tif", "_seg.npy", "_flows.tif", "_cp_outlines.png"])
def test_files_of_cellpose_beside_their_images_are_passed_over(tmp_path: Path, end: str) -> None:
    fill(tmp_path, "a0.tif", f"a0{end}")
    listing = images.list_images([tmp_path])
    assert [path.name for path in listing.taken] == ["a0.tif"]
    assert listing.left_out == {"written by Cellpose": 1}


def test_an_array_of_objects_is_passed_over_wherever_it_lies(tmp_path: Path) -> None:
    fill(tmp_path, "b.tif")
    np.save(tmp_path / "a_seg.npy", np.array({"masks": 1}, dtype=object))
    np.save(tmp_path / "c_seg.npy", np.zeros((4, 4), np.uint8))
    assert taken(tmp_path) == ["b.tif", "c_seg.npy"]


def test_pictures_of_a_table_are_passed_over_beside_it(tmp_path: Path) -> None:
    fill(tmp_path, "f1.png", "profile.png")
    assert taken(tmp_path) == ["f1.png", "profile.png"]
    fill(tmp_path, "positions.csv")
    assert taken(tmp_path) == ["f1.png"]


def test_a_file_that_is_named_is_taken(tmp_path: Path) -> None:
    fill(tmp_path, "a.tif", "a_labels.tif")
    assert images.files([tmp_path / "a_labels.tif"]) == [tmp_path / "a_labels.tif"]


def test_the_count_names_what_was_left_out_and_why(tmp_path: Path) -> None:
    fill(tmp_path, "f10.png", "f9.png", "notes.txt", "Thumbs.db", ".DS_Store", "._f9.png", "f9_overlay.png")
    for folder in ("monday", "__MACOSX", ".ipynb_checkpoints", "@eaDir"):
        fill(tmp_path / folder, "x.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    listing = images.list_images([tmp_path])
    assert [path.name for path in listing.taken] == ["f9.png", "f10.png"]
    assert listing.lines()[0] == "Found: 13, taken: 2, left out: 11."
    assert set(listing.lines()[1:]) == {
        "Left out: ._f9.png, .DS_Store, .ipynb_checkpoints and 3 more: hidden, or of a file browser.",
        "Left out: circle.png, gone.png: a link to nothing.",
        "Left out: f9_overlay.png: written by Brightfield.",
        "Left out: monday: a folder, not looked into.",
        "Left out: notes.txt: not an image.",
    }


def test_a_link_to_an_image_is_an_image(tmp_path: Path) -> None:
    fill(tmp_path / "annex", "1.png")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "a.png").symlink_to(tmp_path / "annex" / "1.png")
    assert taken(tmp_path / "links") == ["a.png"]


def test_a_folder_without_images_names_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path / "inner", "x.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(BrightfieldError, match=r"It has the folders inner: .*Left out: gone.png: a link to nothing."):
        images.list_images([tmp_path])


@pytest.mark.parametrize(
    ("one", "other"), [("\u00e9.tif", "e\u0301.tif"), ("A.tif", "a.tif"), ("A\u030a.tif", "\u00e5.tif")]
)
def test_names_that_are_one_name_on_some_systems_have_one_key(one: str, other: str) -> None:
    assert images.name_key(one) == images.name_key(other)


def test_a_folder_of_answers_is_known_by_its_table_and_its_pictures(tmp_path: Path) -> None:
    assert images.holds_answers(fill(tmp_path / "answers", "positions.csv", "a_overlay.png"))
    assert not images.holds_answers(fill(tmp_path / "labels", "a_labels.tif"))
    assert not images.holds_answers(fill(tmp_path / "movie", "positions.csv", "a.tif"))


def test_frames_have_the_names_that_are_given(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 20), np.uint8))
    np.save(tmp_path / "b.npy", np.zeros((5, 20, 20), np.uint8))
    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    found = images.frames_of(files, {files[0]: "day 1/a", files[1]: "b1"})
    assert [frame.name for frame in found] == ["day_1_a", *(f"b1_000{i}" for i in range(5))]
