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
    outside = tmp_path / "outside.png"
    images.write_png(outside, np.eye(20, dtype=np.uint8))
    (crops / "good" / "5_5.png").symlink_to(outside)
    (crops / "good" / "circle").symlink_to(crops)
    (crops / "good" / "self.png").symlink_to(crops / "good" / "self.png")
    report = bring(crops, destination)
    assert report.images == 6
    assert sorted(report.warnings) == [
        "LICENSE and 1 more: not an image, left out",
        "good/5_5.png and 2 more: a link that leads elsewhere, left out",
    ]


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
