"""Classical answers beside a model's: files, numbers and advice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from typer.testing import CliRunner

import tiny
from brightfield import images, layout, prediction, tasks
from brightfield.cli import app
from brightfield.data.importing import IMPORTERS
from brightfield.errors import BrightfieldError
from brightfield.prediction.beside import chosen, methods_of
from trained import TASKS, write_bundle

WITH_METHODS = [kind for kind, task in tasks.KINDS.items() if task.beside_class is not None]


@pytest.fixture
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields of dark cells with their labels, in folders images and labels."""
    top, rng = tmp_path_factory.mktemp("cells"), np.random.default_rng(0)
    (top / "images").mkdir()
    (top / "labels").mkdir()
    for name in ("a", "b"):
        image, labels = rng.normal(20_000, 300, (80, 100)), np.zeros((80, 100), np.uint16)
        for number, (row, column) in enumerate(((20, 20), (50, 60)), start=1):
            labels[row : row + 12, column : column + 18] = number
        image[labels > 0] = 5_000
        images.write_tiff(top / "images" / f"{name}.tif", image.astype(np.uint16))
        tifffile.imwrite(top / "labels" / f"{name}.tif", labels)
    return top


def test_both_answers_are_written_compared_and_scored(project: Path, cells: Path) -> None:
    write_bundle("segmentation")
    done = prediction.predict(
        "bacteria", [cells / "images"], Path("out"), reference="mine", beside="otsu", truth=cells / "labels"
    )
    assert all(path.is_file() for path in done.files)
    assert {"a_beside-otsu.png", "b_beside-otsu.png", "beside.csv"} <= {path.name for path in done.files}
    assert (tifffile.imread("out/otsu/a_labels.tif") > 0).sum() == pytest.approx(2 * 12 * 18, rel=0.2)
    table = pd.read_csv("out/beside.csv")
    assert table[["image", "method"]].to_numpy().tolist() == [[i, m] for i in "ab" for m in ("mine", "otsu")]
    of = table.set_index("method")
    assert (of.loc["otsu", "truth_ap50"] == 1).all()
    assert of.loc["mine", "model_dice"].isna().all()
    assert of.loc["otsu", "model_dice"].between(0, 1).all()
    assert "otsu 4 cells" in done.beside[0]
    assert "otsu has AP50 1.0000 where mine has 0.0000 (better in 2 of 2 images)" in done.beside[1]
    assert "teach the model with a few labelled images" in done.beside[1]


def test_answers_that_are_there_are_not_replaced_and_older_numbers_do_not_stay(project: Path, cells: Path) -> None:
    write_bundle("segmentation")

    def again(**options: object) -> None:
        prediction.predict("bacteria", [cells / "images"], Path("out"), reference="mine", **options)  # type: ignore[arg-type]

    again(beside="otsu")
    with pytest.raises(BrightfieldError, match="There are answers in out already"):
        again(beside="otsu")
    again(overwrite=True)
    assert not Path("out/beside.csv").exists()


@pytest.mark.parametrize("kind", WITH_METHODS)
def test_every_method_answers_and_draws(project: Path, tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    for record in tiny.records(kind, 3):
        images.write_tiff(folder / f"{record.id}.tif", record.image)
    write_bundle(kind)
    methods = methods_of(kind)
    done = prediction.predict(TASKS[kind], [folder], Path("out"), reference="mine", beside=", ".join(methods))
    table, names = pd.read_csv("out/beside.csv"), {path.name for path in done.files}
    for method in methods:
        answered = (table["method"] == method).sum() == 3
        assert answered or any(line.startswith(f"{method} has no answer") for line in done.beside)
        assert (layout.beside(method) in {name.rpartition("_")[2] for name in names}) == answered
    assert len(images.list_images([folder]).taken) == 3


def test_a_method_that_finds_nothing_to_begin_with_leaves_the_models_answers(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("noise")
    noise = np.random.default_rng(0).normal(1000, 10, (3, 64, 80)).astype(np.uint16)
    tifffile.imwrite(folder / "movie.tif", noise, photometric="minisblack")
    write_bundle("tracking")
    done = prediction.predict("beads", [folder], Path("out"), reference="mine", beside="locate")
    assert done.beside[0].startswith("locate has no answer to these images. No bead was found")
    assert Path("out/positions.csv").is_file()
    assert not Path("out/locate").exists()


def test_unknown_methods_are_refused_with_those_there_are(project: Path) -> None:
    assert chosen("bacteria", " otsu,otsu") == ("otsu",)
    with pytest.raises(
        BrightfieldError, match="no 'nlm' .* 'bacteria': expected otsu. .* beads: locate; .* denoise: nlm"
    ):
        chosen("bacteria", "otsu,nlm")
    with pytest.raises(BrightfieldError, match="expected none, it has no such method"):
        chosen("rbc", "otsu")


def test_truth_of_other_images_is_said(project: Path, cells: Path) -> None:
    write_bundle("segmentation")
    (cells / "other").mkdir()
    (cells / "labels" / "a.tif").rename(cells / "other" / "z.tif")
    done = prediction.predict(
        "bacteria", [cells / "images"], Path("out"), reference="mine", beside="otsu", truth=cells / "other"
    )
    assert "has the truth of none of these images" in done.beside[-1]


def test_every_kind_with_methods_reads_its_truth() -> None:
    assert WITH_METHODS
    assert all(IMPORTERS[kind].truths is not None for kind in WITH_METHODS)


def test_the_command_prints_the_advice_and_truth_needs_a_method(project: Path, cells: Path) -> None:
    write_bundle("segmentation")
    given = ["predict", "bacteria", str(cells / "images"), "-o", "out", "--model", "mine"]
    alone = CliRunner().invoke(app, [*given, "--truth", str(cells / "labels")])
    assert alone.exit_code == 2
    assert "--truth belongs to --beside" in alone.output
    both = CliRunner().invoke(app, [*given, "--beside", "otsu", "--truth", str(cells / "labels")])
    assert both.exit_code == 0, both.output
    assert "Against the truth: otsu has AP50 1.0000" in both.output
    assert "beside.csv, images.csv, regions.csv" in both.output
