"""`brightfield predict` on the folders that `brightfield import` takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import tiny
from brightfield import images, prediction
from brightfield.cli import app
from brightfield.prediction import inputs, sorting
from trained import write_bundle


@pytest.fixture
def classes(project: Path) -> Path:
    """Crops in class folders, two of one name."""
    write_bundle("classification")
    rng = np.random.default_rng(0)
    for name in ("good/1_a.png", "bad/torn/1_a.png", "bad/2_b.png"):
        path = Path("crops") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write_png(path, rng.integers(0, 255, (85, 85, 3), dtype=np.uint8))
    return Path("crops")


def test_the_class_folder_of_each_crop_stands_beside_its_answer(classes: Path) -> None:
    result = CliRunner().invoke(app, ["predict", "rbc", str(classes), "--model", "mine", "-o", "out"])
    assert result.exit_code == 0, result.output
    assert "Found: 3, taken: 3, left out: 0." in result.stdout
    table = pd.read_csv("out/labels.csv")
    assert dict(zip(table["image"], table["source"], strict=True)) == {
        "2_b": "bad/2_b.png",
        "bad_torn_1_a": "bad/torn/1_a.png",
        "good_1_a": "good/1_a.png",
    }


def test_crops_in_class_folders_are_sorted_anew(classes: Path) -> None:
    done = sorting.sort("rbc", [classes], Path("out"), reference="mine")
    assert sorted(Path(source).parent.name for source in done.table["source"]) == ["bad", "good", "torn"]


def test_the_truth_beside_the_images_scores_both_answers(project: Path) -> None:
    write_bundle("segmentation")
    for record in tiny.records("segmentation", 2):
        for folder, array in (("images", record.image), ("labels", record.fields["labels"])):
            (Path("fields") / folder).mkdir(parents=True, exist_ok=True)
            images.write_tiff(Path("fields") / folder / f"{record.id}.tif", array.astype(np.uint16))
    done = prediction.predict("bacteria", [Path("fields")], Path("out"), reference="mine", beside="otsu")
    assert any(line.startswith("Against the truth: otsu has AP50") for line in done.beside)
    assert done.listing is not None
    assert done.listing.left_out == {"truth beside the images": 2}
    given = prediction.predict(
        "bacteria", [Path("fields")], Path("again"), reference="mine", beside="otsu", truth=Path("fields/labels")
    )
    assert given.beside == done.beside


def test_several_folders_are_read_together_and_their_truths_are_not(project: Path) -> None:
    for number in range(2):
        for name in ("noisy", "clean"):
            path = Path(f"{number}") / name / "a.tif"
            path.parent.mkdir(parents=True)
            images.write_tiff(path, np.full((20, 20), number, np.uint16))
    both = inputs.given("denoise", [Path("0"), Path("1")])
    assert list(both.listing.sources().values()) == ["0/noisy/a.tif", "1/noisy/a.tif"]
    assert both.truth is None
    assert inputs.given("denoise", [Path("0")]).truth is not None
