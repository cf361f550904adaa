"""Every file is read back with what the field reads it with: tifffile and pandas."""

from __future__ import annotations

import errno
import weakref
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from brightfield.errors import BrightfieldError
from brightfield.results import ClassMap, Label, Metadata, Picture, Points, Result, writing

PIXEL_UM = 0.065
SHAPE = (40, 64)
IMAGES: dict[str, np.ndarray] = {
    "eight": np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8),
    "sixteen": np.random.default_rng(1).integers(0, 4095, SHAPE).astype(np.uint16),
}


def boxes(*places: tuple[int, int, int, int]) -> ClassMap:
    """Instances 1, 2, ... as boxes (top, bottom, left, right): body, and one pixel of contour to the left."""
    instances, classes = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.uint8)
    for label, (top, bottom, left, right) in enumerate(places, start=1):
        instances[top:bottom, left:right] = label
        classes[top:bottom, left:right] = 1
        classes[top:bottom, left] = 2
    return ClassMap(classes, instances)


MAPS = {"eight": boxes((4, 10, 6, 30), (20, 30, 50, 64)), "sixteen": boxes()}
MAP_TABLE = pd.DataFrame({"image": ["eight", "sixteen"], "cells": [2, 0]})
FITS = Metadata(("background", "body", "contour"), PIXEL_UM)


def write_answers(
    results: Mapping[str, Result],
    images: Mapping[str, np.ndarray],
    table: pd.DataFrame,
    folder: Path,
    metadata: Metadata = FITS,
    *,
    overwrite: bool = False,
) -> list[Path]:
    writer = writing.Writer(folder, metadata, overwrite=overwrite)
    for name, result in results.items():
        writer.add(name, images[name], result)
    return writer.finish(table)


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def pixel_size_um(path: Path) -> list[float]:
    """From the resolution, as ImageJ and Bio-Formats work it out."""
    with tifffile.TiffFile(path) as file:
        unit = (file.imagej_metadata or {}).get("unit")
        tags = file.pages[0].tags
        in_um = 1.0 if unit == "um" else {3: 1e4}[tags["ResolutionUnit"].value]
        return [in_um * tags[name].value[1] / tags[name].value[0] for name in ("XResolution", "YResolution")]


# --- class maps -----------------------------------------------------------------------------------------------------


def test_class_maps(tmp_path: Path) -> None:
    paths = write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path / "out")
    ends = ("labels.tif", "classes.tif", "overlay.png")
    files = {f"{name}_{end}" for name in MAPS for end in ends} | {"regions.csv", "images.csv"}
    assert {path.name for path in paths} == files == written(tmp_path / "out")
    for name, result in MAPS.items():
        labels = tifffile.imread(tmp_path / "out" / f"{name}_labels.tif")
        classes = tifffile.imread(tmp_path / "out" / f"{name}_classes.tif")
        assert (labels.dtype, classes.dtype) == (np.uint16, np.uint8)
        assert (labels == result.instances).all()
        assert (classes == result.classes).all()
        assert pixel_size_um(tmp_path / "out" / f"{name}_labels.tif") == pytest.approx([PIXEL_UM] * 2)
        assert np.array(Image.open(tmp_path / "out" / f"{name}_overlay.png")).shape == (160, 256, 3)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "images.csv"), MAP_TABLE)


def test_regions_in_the_table(tmp_path: Path) -> None:
    write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path)
    table = pd.read_csv(tmp_path / "regions.csv")
    assert table["image"].tolist() == ["eight", "eight"]
    assert table["label"].tolist() == [1, 2]
    assert table["x"].tolist() == [17.5, 56.5]
    assert table["y"].tolist() == [6.5, 24.5]
    assert table["area_px"].tolist() == [144, 140]
    assert table["area_um2"].tolist() == pytest.approx([144 * PIXEL_UM**2, 140 * PIXEL_UM**2])
    assert table["class"].tolist() == ["body", "body"]
    assert table["x_um"].tolist() == pytest.approx([17.5 * PIXEL_UM, 56.5 * PIXEL_UM])
    assert table["body_px"].tolist() == [138, 130]
    assert table["contour_px"].tolist() == [6, 10]
    assert table["at_border"].tolist() == [False, True]
    assert table["orientation_deg"].tolist() == pytest.approx([0, 0])


def test_images_without_cells_give_a_table_without_rows(tmp_path: Path) -> None:
    write_answers({"sixteen": boxes()}, IMAGES, MAP_TABLE[1:], tmp_path)
    table = pd.read_csv(tmp_path / "regions.csv")
    assert len(table) == 0
    assert {"image", "label", "length_um", "contour_px"} <= set(table.columns)


def test_more_instances_than_16_bits_hold(tmp_path: Path) -> None:
    instances = np.zeros(SHAPE, np.int32)
    instances[3:9, 3:30] = 65535
    fits = ClassMap((instances > 0).astype(np.uint8), instances)
    too_many = ClassMap(fits.classes, np.where(instances > 0, np.int32(65536), np.int32(0)))
    write_answers({"eight": fits, "sixteen": too_many}, IMAGES, MAP_TABLE, tmp_path)
    small, large = (tifffile.imread(tmp_path / f"{name}_labels.tif") for name in ("eight", "sixteen"))
    assert (small.dtype, large.dtype) == (np.uint16, np.int32)
    assert small.max() == 65535
    assert (large == too_many.instances).all()
    assert pixel_size_um(tmp_path / "sixteen_labels.tif") == pytest.approx([PIXEL_UM] * 2)
    assert pd.read_csv(tmp_path / "regions.csv")["label"].tolist() == [65535, 65536]


# --- the other types ------------------------------------------------------------------------------------------------


def test_points_as_trackpy_names_them(tmp_path: Path) -> None:
    results = {"eight": Points.exact([[10.123456789, 7.25]]), "sixteen": Points.exact([[11, 8], [30, 20]])}
    table = pd.DataFrame(
        {
            "image": ["eight", "sixteen", "sixteen"],
            "frame": [0, 1, 1],
            "x": [10.123456789, 11.0, 30.0],
            "y": [7.25, 8.0, 20.0],
            "quality": [1.0, 1.0, 1.0],
            "particle": [0, 0, 1],
        }
    )
    paths = write_answers(results, IMAGES, table, tmp_path)
    assert [path.name for path in paths] == ["eight_overlay.png", "sixteen_overlay.png", "positions.csv"]
    back = pd.read_csv(tmp_path / "positions.csv")
    assert back.columns.tolist() == ["frame", "x", "y", "quality", "image", "particle"]
    pd.testing.assert_frame_equal(back, table[back.columns], rtol=0, atol=0)


def test_labels(tmp_path: Path) -> None:
    results = {"eight": Label(0.25), "sixteen": Label(0.75)}
    table = pd.DataFrame({"image": ["eight", "sixteen"], "probability": [0.25, 0.75], "answer": ["bad", "good"]})
    write_answers(results, IMAGES, table, tmp_path, Metadata(("bad", "good"), 0.14))
    assert written(tmp_path) == {"eight_overlay.png", "sixteen_overlay.png", "labels.csv"}
    assert (tmp_path / "labels.csv").read_text() == "image,probability,answer\neight,0.25,bad\nsixteen,0.75,good\n"


def test_pictures(tmp_path: Path) -> None:
    results = {name: Picture((image * 0.5 + 0.25).astype(np.float32)) for name, image in IMAGES.items()}
    table = pd.DataFrame({"image": list(results), "mean": [1.0, 2.0]})
    write_answers(results, IMAGES, table, tmp_path)
    for name, result in results.items():
        back = tifffile.imread(tmp_path / f"{name}_denoised.tif")
        assert back.dtype == np.float32
        assert (back == result.pixels).all()
        assert pixel_size_um(tmp_path / f"{name}_denoised.tif") == pytest.approx([PIXEL_UM] * 2)
        assert np.array(Image.open(tmp_path / f"{name}_overlay.png")).shape == (160, 2 * 256 + 6, 3)
    assert pd.read_csv(tmp_path / "images.csv")["image"].tolist() == list(results)


def test_deviations_where_the_model_tells_them(tmp_path: Path) -> None:
    pixels = IMAGES["eight"].astype(np.float32)
    results = {"eight": Picture(pixels, pixels / 10), "sixteen": Picture(IMAGES["sixteen"].astype(np.float32))}
    paths = write_answers(results, IMAGES, pd.DataFrame({"image": list(results)}), tmp_path)
    back = tifffile.imread(tmp_path / "eight_deviation.tif")
    assert back.dtype == np.float32
    assert (back == pixels / 10).all()
    assert pixel_size_um(tmp_path / "eight_deviation.tif") == pytest.approx([PIXEL_UM] * 2)
    assert tmp_path / "eight_deviation.tif" in paths
    assert not (tmp_path / "sixteen_deviation.tif").exists()


# --- what must not happen -------------------------------------------------------------------------------------------


def test_what_a_new_answer_does_not_hold_is_removed_with_the_old_one(tmp_path: Path) -> None:
    """A margin beside labels of another model would look as if it were theirs."""
    with_margin = {name: replace(each, margin=2.0) for name, each in MAPS.items()}
    write_answers(with_margin, IMAGES, MAP_TABLE, tmp_path)
    assert (tmp_path / "eight_margin.tif").is_file()
    write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path, overwrite=True)
    assert not list(tmp_path.glob("*_margin.tif"))
    write_answers(with_margin, IMAGES, MAP_TABLE, tmp_path / "kept")
    for table in (tmp_path / "kept").glob("*.csv"):
        table.unlink()
    with pytest.raises(BrightfieldError, match="There are answers in"):
        write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path / "kept")


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "regions.csv").write_text("years of work\n")
    with pytest.raises(BrightfieldError, match=r"There are answers in .* already, such as regions\.csv"):
        write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path)
    assert (tmp_path / "regions.csv").read_text() == "years of work\n"
    assert written(tmp_path) == {"regions.csv"}
    (tmp_path / "notes.txt").write_text("mine")
    write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path, overwrite=True)
    assert len(pd.read_csv(tmp_path / "regions.csv")) == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_cannot_be_written_is_found_out_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrightfieldError, match=r"could not be written to .*deeper: .*file is a file\. Choose another"):
        writing.Writer(tmp_path / "file" / "deeper", FITS).check(ClassMap)
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "regions.csv").write_text("years of work\n")
    with pytest.raises(BrightfieldError, match=r"There are answers in .* already, such as regions\.csv"):
        writing.Writer(tmp_path / "done", FITS).check(ClassMap)
    writing.Writer(tmp_path / "done", FITS, overwrite=True).check(ClassMap)
    writing.Writer(tmp_path / "new" / "deeper", FITS).check(ClassMap)
    assert not (tmp_path / "new").exists()
    assert written(tmp_path / "done") == {"regions.csv"}


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_full_disk_leaves_whole_files_and_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png = writing.images.write_png

    def full(path: Path, image: np.ndarray) -> None:
        if "sixteen" in path.name:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        write_png(path, image)

    monkeypatch.setattr(writing.images, "write_png", full)
    with pytest.raises(BrightfieldError, match=r"could not be written to .*out: No space left on device"):
        write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path / "out")
    kept = {"eight_labels.tif", "eight_classes.tif", "eight_overlay.png", "sixteen_labels.tif", "sixteen_classes.tif"}
    assert written(tmp_path / "out") == kept


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BrightfieldError, match="could not be written to"):
        write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path / "out")


@pytest.mark.parametrize("name", ["../outside", "a/b", "a\\b", ".hidden", "", "C:x"])
def test_names_that_are_no_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="must be a valid file name"):
        write_answers({name: Label(0.5)}, {name: IMAGES["eight"]}, MAP_TABLE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_of_an_interrupted_run_are_not_overwritten_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "sixteen_labels.tif").write_text("mine")
    with pytest.raises(BrightfieldError, match=r"already, such as sixteen_labels\.tif"):
        write_answers(MAPS, IMAGES, MAP_TABLE, tmp_path)
    assert (tmp_path / "sixteen_labels.tif").read_text() == "mine"
    assert "images.csv" not in written(tmp_path)


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected answers of one type, got .*Points.* after .*Label"):
        write_answers({"eight": Label(0.5), "sixteen": Points.exact([])}, IMAGES, MAP_TABLE, tmp_path)
    with pytest.raises(ValueError, match="no answer was added"):
        write_answers({}, IMAGES, MAP_TABLE, tmp_path)
    with pytest.raises(ValueError, match="missing: probability, answer"):
        write_answers({"eight": Label(0.5)}, IMAGES, MAP_TABLE, tmp_path / "b")
    assert written(tmp_path / "b") == {"eight_overlay.png"}


def test_no_image_is_kept(tmp_path: Path) -> None:
    """A folder of thousands of large images must not fill the memory."""
    writer = writing.Writer(tmp_path, FITS)
    image, result = IMAGES["eight"].copy(), boxes((4, 10, 6, 30))
    kept = [weakref.ref(array) for array in (image, result.classes, result.instances)]
    writer.add("eight", image, result)
    del image, result
    assert [reference() for reference in kept] == [None, None, None]
