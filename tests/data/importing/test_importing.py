"""Whatever the kind: everything is checked first, everything wrong is told at once, and all or nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from brightfield import images
from brightfield.data import importing, store
from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import ClassificationSettings, TaskSettings

Put = Callable[..., np.ndarray]
SETTINGS = ClassificationSettings(channels=1)


@pytest.fixture
def crops(source: Path, put: Put) -> Path:
    """Three smears, two crops each, one of each class."""
    for smear in range(3):
        put(f"good/{smear}_1.png", 10 + smear)
        put(f"bad/{smear}_2.png", 20 + smear)
    return source


def bring(source: Path, destination: Path, **options: object) -> importing.ImportReport:
    return import_dataset("classification", source, destination, settings=SETTINGS, **options)


def test_what_is_written_can_be_read_and_says_where_it_is_from(crops: Path, destination: Path) -> None:
    report = bring(crops, destination, licence="CC0 1.0")
    assert sorted(path.name for path in destination.iterdir()) == ["about.json", "images.h5", "index.csv"]
    assert [path.name for path in destination.parent.iterdir()] == ["mine"]
    about = json.loads((destination / "about.json").read_text())
    assert about["source"] == "lab"
    assert about["licence"] == "CC0 1.0"
    assert about["images"] == report.images == 6
    assert about["groups"] == report.groups == 3
    assert about["counts"] == {"bad": 3, "good": 3}
    assert str(crops) not in (destination / "about.json").read_text()
    assert len(ImageSet.raw(destination)) == 6
    assert "images: 6, groups: 3" in str(report)


def test_the_same_source_gives_the_same_bytes(crops: Path, tmp_path: Path) -> None:
    bring(crops, tmp_path / "a")
    bring(crops, tmp_path / "b")
    for name in ("images.h5", "index.csv", "about.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def _truncate(crops: Path, put: Put) -> None:
    data = (crops / "bad/1_2.png").read_bytes()
    (crops / "bad/1_2.png").write_bytes(data[: len(data) // 2])


def _empty_tiff(crops: Path, put: Put) -> None:
    (crops / "bad/9_9.tif").write_bytes(b"")


def _no_image(crops: Path, put: Put) -> None:
    (crops / "bad/9_9.png").write_text("an error page saved by a browser")


def _constant(crops: Path, put: Put) -> None:
    images.write_png(crops / "bad/9_9.png", np.full((20, 24), 7, np.uint8))


def _tiny(crops: Path, put: Put) -> None:
    put("bad/9_9.png", 5, (15, 24))


def _copy(crops: Path, put: Put) -> None:
    put("good/9_9.png", 21)


def _stack(crops: Path, put: Put) -> None:
    put("bad/9_9.tif", 5, (4, 20, 24))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_truncate, "bad/1_2.png cannot be read as an image: .*truncated"),
        (_empty_tiff, r"bad/9_9.tif is empty \(0 bytes\), expected an image"),
        (_no_image, "bad/9_9.png cannot be read as an image"),
        (_constant, r"bad/9_9.png is constant \(every value is 7\), expected an image with contrast"),
        (_tiny, "bad/9_9.png is 15 x 24 pixels, expected at least 16 x 16"),
        (_copy, "bad/1_2.png and good/9_9.png hold the same pixels, expected each image once"),
        (_stack, "bad/9_9.tif holds 4 frames, expected one image"),
    ],
)
def test_one_bad_file_stops_everything(
    crops: Path, destination: Path, put: Put, spoil: Callable[[Path, Put], None], says: str
) -> None:
    spoil(crops, put)
    with pytest.raises(BrightfieldError, match=says) as caught:
        bring(crops, destination)
    assert "Nothing was imported" in str(caught.value)
    assert "1 problem found" in str(caught.value)
    assert not destination.parent.exists()


def test_all_problems_are_told_at_once_up_to_twenty(crops: Path, destination: Path) -> None:
    for i in range(30):
        (crops / f"bad/x_{i}.png").write_bytes(b"")
    with pytest.raises(BrightfieldError) as caught:
        bring(crops, destination)
    lines = str(caught.value).splitlines()
    assert "30 problems" in lines[0]
    assert len(lines) == 22
    assert "x_9.png" in lines[10]  # in natural order
    assert lines[-1].strip() == "... and 10 more"


def test_a_failure_while_writing_leaves_nothing(
    crops: Path, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, index: object) -> None:
        (folder / "index.csv").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_index", full)
    with pytest.raises(BrightfieldError, match="could not be written: No space left on device. Nothing was kept"):
        bring(crops, destination)
    assert list(destination.parent.iterdir()) == []


def test_a_disk_without_room_is_found_out_before_writing(
    crops: Path, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def nearly_full(folder: Path) -> SimpleNamespace:
        asked.append(folder)
        return SimpleNamespace(free=6 * 20 * 24 - 1)  # one byte less than the six crops

    monkeypatch.setattr(importing.shutil, "disk_usage", nearly_full)
    with pytest.raises(BrightfieldError, match="may take 0 MB, but 0 MB are free in .*Make room"):
        bring(crops, destination)
    assert asked == [crops.parent]  # the nearest folder that exists
    assert not destination.parent.exists()


def test_an_interruption_leaves_nothing(crops: Path, destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path, index: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "write_index", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring(crops, destination)
    assert list(destination.parent.iterdir()) == []


def test_an_existing_dataset_is_not_touched(crops: Path, destination: Path) -> None:
    destination.mkdir(parents=True)
    (destination / "index.csv").write_text("precious")
    with pytest.raises(BrightfieldError, match="mine exists already. Choose another name"):
        bring(crops, destination)
    assert (destination / "index.csv").read_text() == "precious"


def test_what_is_no_image_is_skipped_or_named(crops: Path, destination: Path, tmp_path: Path) -> None:
    (crops / "LICENSE").write_text("MIT")
    (crops / "good" / "notes.txt").write_text("x")
    for junk in (".DS_Store", "Thumbs.db", "._0_1.png"):
        (crops / "good" / junk).write_bytes(b"x")
    for tool in ("0_1_seg.npy", "0_1_cp_masks.png", "0_1_overlay.png"):
        (crops / "good" / tool).write_bytes(b"x")
    (crops / "__MACOSX" / "good").mkdir(parents=True)
    (crops / "__MACOSX" / "good" / "._0_1.png").write_bytes(b"x")
    (crops / "good" / "circle").symlink_to(crops)
    (crops / "good" / "readme").symlink_to(tmp_path / "nowhere")
    report = bring(crops, destination)
    assert report.images == 6
    assert sorted(report.warnings) == [
        "LICENSE and 1 more: not an image, left out",
        "folder __MACOSX and 3 more: hidden, or of a file browser, left out",
        "good/0_1_cp_masks.png and 1 more: written by Cellpose, left out",
        "good/0_1_overlay.png: written by Brightfield, left out",
        "good/circle: a link in a circle, left out",
        "good/readme: a link to nothing, left out",
    ]
    assert (report.found, report.taken) == (17, 6)
    assert report.left_out == {
        "hidden, or of a file browser": 4,
        "not an image": 2,
        "written by Cellpose": 2,
        "written by Brightfield": 1,
        "a link in a circle": 1,
        "a link to nothing": 1,
    }
    assert "Files found: 17, taken: 6, left out: 11 (" in str(report)


def test_links_within_the_source_are_followed(crops: Path, destination: Path, put: Put) -> None:
    put("good/new.png", 31)
    (crops / "good" / "new.png").rename(crops / "new.bin")
    (crops / "good" / "new.png").symlink_to(crops / "new.bin")
    put("kept/x/7_7.png", 32)
    (crops / "kept" / "x").rename(crops / "bad" / "true")
    (crops / "good" / "linked").symlink_to(crops / "bad" / "true")
    (crops / "kept").rmdir()
    with pytest.raises(BrightfieldError, match="hold the same pixels"):  # one crop that is good and bad
        bring(crops, destination)
    (crops / "good" / "linked").unlink()
    assert bring(crops, destination).images == 8


def test_links_in_a_circle_of_two_end(crops: Path, destination: Path) -> None:
    (crops / "good" / "a").mkdir()
    (crops / "good" / "b").mkdir()
    (crops / "good" / "a" / "to-b").symlink_to(crops / "good" / "b")
    (crops / "good" / "b" / "to-a").symlink_to(crops / "good" / "a")
    assert bring(crops, destination).images == 6


def _to_an_image(crops: Path, elsewhere: Path) -> None:
    for name in ("5_5.png", "6_6.png"):
        images.write_png(elsewhere / name, np.eye(20, dtype=np.uint8))
        (crops / "good" / name).symlink_to(elsewhere / name)


def _to_a_folder(crops: Path, elsewhere: Path) -> None:
    (crops / "good" / "more").symlink_to(elsewhere)


def _to_nothing(crops: Path, elsewhere: Path) -> None:
    (crops / "good" / "5_5.png").symlink_to(elsewhere / "gone.png")


def _to_itself(crops: Path, elsewhere: Path) -> None:
    (crops / "good" / "5_5.png").symlink_to(crops / "good" / "5_5.png")


def _as_text(crops: Path, elsewhere: Path) -> None:
    (crops / "good" / "5_5.png").write_text("../../annex/5_5.png")


def _large_file(crops: Path, elsewhere: Path) -> None:
    (crops / "good" / "5_5.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (_to_an_image, r"good/5_5.png and 1 more: a link that leads out of the folder: copy .*`cp -rL`.*dvc unprotect"),
        (_to_a_folder, "good/more: a link that leads out of the folder"),
        (_to_nothing, "good/5_5.png: a link to nothing: fetch .*dvc pull"),
        (_to_itself, "good/5_5.png: a link to nothing"),
        (_as_text, "good/5_5.png: the text of a link in place of an image"),
        (_large_file, "good/5_5.png: the text of a link in place of an image.*git lfs pull"),
    ],
)
def test_images_that_are_links_elsewhere_stop_everything(
    crops: Path, destination: Path, tmp_path: Path, link: Callable[[Path, Path], None], says: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    link(crops, tmp_path / "elsewhere")
    with pytest.raises(BrightfieldError, match=says) as caught:
        bring(crops, destination)
    assert "1 problem found" in str(caught.value)
    assert not destination.parent.exists()


def test_a_class_that_is_a_link_elsewhere_is_named_with_the_layout(crops: Path, destination: Path) -> None:
    (crops / "good").rename(crops.parent / "good")
    (crops / "good").symlink_to(crops.parent / "good")
    with pytest.raises(BrightfieldError, match="(?s)2 problems.*good: a link that leads out.*has the folders bad"):
        bring(crops, destination)


@pytest.mark.parametrize("other", ["good/0_1.tif", "good/0_1.ome.tif", "good/0_1.PNG"])
def test_two_files_of_one_name_are_refused(crops: Path, destination: Path, put: Put, other: str) -> None:
    put("good/x.tif", 40)
    (crops / "good" / "x.tif").rename(crops / other)
    with pytest.raises(BrightfieldError, match=r"good has 0_1 twice \(.*0_1.*0_1.*\), expected one of them"):
        bring(crops, destination)


def test_wrong_calls_are_explained(crops: Path, destination: Path, tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="no kind of task 'classificaton'. Did you mean 'classification'"):
        import_dataset("classificaton", crops, destination, settings=SETTINGS)
    with pytest.raises(BrightfieldError, match="There is no .*nowhere, expected a folder"):
        bring(tmp_path / "nowhere", destination)
    with pytest.raises(BrightfieldError, match="is a file, expected a folder"):
        bring(crops / "good" / "0_1.png", destination)
    with pytest.raises(BrightfieldError, match="Positions belong to movies"):
        bring(crops, destination, positions=tmp_path / "p.csv")
    assert not destination.exists()


@pytest.mark.parametrize("kind", ["tracking", "segmentation", "restoration"])
def test_a_folder_without_images_says_what_was_expected(source: Path, destination: Path, kind: str) -> None:
    (source / "readme.txt").write_text("x")
    with pytest.raises(BrightfieldError, match="lab has no images.*expected"):
        import_dataset(kind, source, destination, settings=TaskSettings())
    assert not destination.parent.exists()
