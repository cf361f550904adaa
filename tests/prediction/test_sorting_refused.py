"""What `brightfield predict --sort` refuses, and leaves as it was."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import images, layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.prediction import sorting
from brightfield.system.files import atomic_folder
from sortable import OUT, PROBABILITIES, found, sort, trained, write_crops

pytestmark = pytest.mark.usefixtures("brightness_is_the_answer")


@pytest.fixture
def crops(project: Path) -> Path:
    return write_crops(project)


def test_a_sorted_folder_is_replaced_only_when_asked(crops: Path) -> None:
    sort(crops)
    shutil.move(OUT / "unsure" / "002_1_1.png", OUT / "good")
    with pytest.raises(BrightfieldError, match=r"out contains files, such as .* Choose another folder"):
        sort(crops)
    assert found()["good"] == ["001_5_6.png", "002_1_1.png"]
    (OUT / "good" / "Thumbs.db").write_bytes(b"of a file browser")
    sort(crops, overwrite=True)
    assert found() == {
        "bad": ["001_7_8.png"],
        "good": ["001_5_6.png"],
        "unsure": ["002_1_1.png", "002_9_9.png", "003_4_4.png"],
    }


def test_an_empty_folder_is_taken(crops: Path) -> None:
    OUT.mkdir()
    sort(crops)
    assert len(list(OUT.glob("*/*.png"))) == len(PROBABILITIES)


def test_a_table_that_excel_saved_still_lists_the_copies(crops: Path) -> None:
    sort(crops)
    table = pd.read_csv(OUT / "sorted.csv")
    table.to_csv(OUT / "sorted.csv", sep=";", decimal=",", index=False, encoding="utf-8-sig", lineterminator="\r\n")
    sort(crops, overwrite=True)
    pd.testing.assert_frame_equal(pd.read_csv(OUT / "sorted.csv"), table)


@pytest.mark.parametrize("what", ["foreign", "only copy", "no table", "source inside"])
def test_nothing_is_overwritten_that_is_no_copy(crops: Path, what: str) -> None:
    sources = [crops]
    sort(crops)
    if what == "foreign":
        (OUT / "good" / "notes.txt").write_text("mine")
    elif what == "only copy":
        (crops / "001_5_6.png").unlink()
    elif what == "no table":
        (OUT / "sorted.csv").unlink()
    else:
        sources = [OUT / "unsure"]
    before = sorted(OUT.rglob("*"))
    with pytest.raises(BrightfieldError, match="is not overwritten|lies in the folder that is to be overwritten"):
        sort(*sources, overwrite=True)
    assert sorted(OUT.rglob("*")) == before


def test_a_file_is_no_folder(crops: Path) -> None:
    OUT.write_text("mine")
    with pytest.raises(BrightfieldError, match="out is a file: expected a new folder"):
        sort(crops, overwrite=True)
    assert OUT.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("002_broken.png", b"\x89PNG\r\n\x1a\n and no more", "002_broken.png cannot be read as an image"),
        ("002_grey.png", np.zeros((32, 32), np.uint8), "002_grey.png: This task needs RGB crops, got a grey image"),
        ("002_stack.tif", np.zeros((3, 32, 32), np.uint8), "002_stack.tif holds 3 frames, expected one image"),
    ],
)
def test_an_image_that_cannot_be_answered_is_named_and_nothing_is_left(
    crops: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: Any, message: str
) -> None:
    monkeypatch.setattr(sorting, "BATCH_VALUES", 1)  # copies were made before
    before = set(Path().iterdir())
    if isinstance(content, bytes):
        (crops / name).write_bytes(content)
    else:
        (images.write_png if name.endswith("png") else images.write_tiff)(crops / name, content)
    with pytest.raises(BrightfieldError, match=message):
        sort(crops)
    assert set(Path().iterdir()) == before


def test_a_full_disk_leaves_no_folder_that_looks_whole(crops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(Path().iterdir())

    def full(self: pd.DataFrame, *_: object, **__: object) -> None:
        del self
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(BrightfieldError, match="out could not be written: No space left on device. Nothing was kept"):
        sort(crops)
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize("classes", [("bad", "../good"), ("bad", "Unsure"), ("good", "Good"), ("bad", ""), (".a", "b")])
def test_classes_that_cannot_be_folders_are_refused(crops: Path, classes: tuple[str, str]) -> None:
    trained(classes=classes)
    with pytest.raises(BrightfieldError, match="Rename (it|them) in params.yaml"):
        sort(crops)
    assert not OUT.exists()


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("beads", {}, "Task 'beads' is of kind tracking: expected classification, whose images can be sorted"),
        ("rcb", {}, "Did you mean 'rbc'"),
        ("rbc", {"sure": 1.2}, "--sure is 1.2: expected a probability from 0 to 1"),
        ("rbc", {"sure": float("nan")}, "--sure is nan: expected a probability from 0 to 1"),
        ("rbc", {"reference": "models/rbc/theirs"}, "is a model of task 'other': expected one of 'rbc'"),
    ],
)
def test_what_cannot_be_sorted_is_said(crops: Path, task: str, options: dict[str, Any], message: str) -> None:
    model = tiny.model("classification")
    settings = params.ClassificationSettings(size_px=32)
    with atomic_folder(layout.model("rbc", "theirs")) as folder:
        network = tasks.build("classification", settings).learning.network(model)
        bundle.write(folder, "theirs", "other", settings, model, network, {})
    with pytest.raises(BrightfieldError, match=message):
        sorting.sort(task, [crops], OUT, **{"reference": "mine", **options})
    assert not OUT.exists()
