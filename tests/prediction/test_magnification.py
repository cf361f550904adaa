"""Images at another magnification than the training's: the model sees them as it knows them, answers have their own pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import brightfield
import tiny
from brightfield import images, prediction
from brightfield.errors import BrightfieldError
from brightfield.results import Points
from brightfield.tasks import Encoded
from brightfield.tasks.tracking.answering import TrackingAnswering
from trained import write_bundle, write_watershed_bundle


def field() -> np.ndarray:
    image: np.ndarray = tiny.records("segmentation", 1)[0].image
    return image


@pytest.mark.parametrize("asked", [{"magnify": 1.6}, {"pixel_size_um": 1.6 * 0.065}])
def test_a_magnified_image_is_answered_in_its_own_pixels(
    project: Path, tmp_path: Path, asked: dict[str, float]
) -> None:
    image = field()
    np.save(tmp_path / "field.npy", image)
    write_watershed_bundle()
    prediction.predict("bacteria", [tmp_path / "field.npy"], Path("out"), reference="mine", **asked)
    classes = tifffile.imread("out/field_classes.tif")
    (seen,) = prediction.load("bacteria", "mine").predict([images.magnified(image, 1.6)])
    np.testing.assert_array_equal(classes, images.nearest(seen.classes, image.shape))
    (unmagnified,) = prediction.load("bacteria", "mine").predict([image])
    assert (classes != unmagnified.classes).mean() > 0.01


@pytest.mark.parametrize("asked", [{"magnify": 0.5}, {"pixel_size_um": 0.5 * 0.14}])
def test_a_crop_of_another_magnification_is_answered_as_one_of_the_training_s(
    project: Path, tmp_path: Path, asked: dict[str, float]
) -> None:
    image = tiny.records("classification", 1)[0].image
    np.save(tmp_path / "crop.npy", image)
    write_bundle("classification")
    model = prediction.load("rbc", "mine")
    side = model.task.settings.size_px
    (expected,) = model.predict([images.framed(images.magnified(image, 0.5), side)])
    (unmagnified,) = model.predict([image])
    prediction.predict("rbc", [tmp_path / "crop.npy"], Path("out"), reference="mine", **asked)
    answered = pd.read_csv("out/labels.csv")["probability"].item()
    assert answered == pytest.approx(expected.probability, rel=1e-4)
    assert answered != pytest.approx(unmagnified.probability, rel=1e-3)
    sized = brightfield.load("rbc", "mine").predict(image, pixel_size_um=0.5 * 0.14)
    assert sized.probability == pytest.approx(expected.probability, rel=1e-6)


def test_lengths_follow_the_pixels_of_the_image_whatever_the_magnification(project: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "field.npy", field())
    write_watershed_bundle()
    for out, pixel in (("usual", 0.065), ("twice", 0.13)):
        prediction.predict(
            "bacteria", [tmp_path / "field.npy"], Path(out), reference="mine", pixel_size_um=pixel, magnify=1.5
        )
    usual, twice = (pd.read_csv(f"{out}/regions.csv") for out in ("usual", "twice"))
    assert len(usual) > 0
    np.testing.assert_allclose(twice["area_um2"], 4 * usual["area_um2"], rtol=1e-3)


def test_the_fluorescence_of_a_magnified_image_is_measured_in_its_own_pixels(project: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "field.npy", field())
    (tmp_path / "light").mkdir()
    np.save(tmp_path / "light/field.npy", np.full(field().shape, 321, np.uint16))
    write_watershed_bundle()
    prediction.predict(
        "bacteria",
        [tmp_path / "field.npy"],
        Path("out"),
        reference="mine",
        magnify=1.5,
        fluorescence=tmp_path / "light",
    )
    found = pd.read_csv("out/regions.csv")["fluorescence_mean"]
    assert len(found) > 0
    assert (found == 321).all()


def test_noisy_images_are_not_magnified(project: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "dim.npy", field())
    write_bundle("restoration")
    with pytest.raises(
        BrightfieldError,
        match="Task 'denoise' cannot magnify images: expected a task of kind classification or tracking or segmentation",
    ):
        prediction.predict("denoise", [tmp_path / "dim.npy"], Path("out"), reference="mine", magnify=2)


def test_beads_in_a_magnified_frame_are_where_they_are_in_the_frame(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a model that marks the brightest pixel; a pixel size says nothing of how large beads are, and magnifies no frame."""

    def brightest(_: TrackingAnswering, activated: np.ndarray, encoded: Encoded) -> Points:
        light = encoded.tensor[0].numpy()
        row, column = np.unravel_index(light.argmax(), light.shape)
        return Points.exact([[column, row]])

    monkeypatch.setattr(TrackingAnswering, "decode_fast", brightest)
    write_bundle("tracking")
    model = prediction.load("beads", "mine")
    frame = field()[:80, :120]
    at_half = model.predict([images.magnified(frame, 0.5)])[0]
    answered = brightfield.load("beads", "mine").predict(frame, magnify=0.5)
    np.testing.assert_allclose(answered.positions, 2 * at_half.positions + 0.5, atol=1e-9)
    as_it_comes = brightfield.load("beads", "mine").predict(frame)
    sized = brightfield.load("beads", "mine").predict(frame, pixel_size_um=0.4)
    np.testing.assert_array_equal(sized.positions, as_it_comes.positions)


@pytest.mark.parametrize("unit", ["um", "nm"])
def test_the_pixel_size_in_a_file_is_that_of_its_answer(project: Path, tmp_path: Path, unit: str) -> None:
    """Half the pixels a micrometre, in OME: the model sees the cells as in its training, and tables and TIFF agree."""
    write_watershed_bundle()
    folder = tmp_path / "fields"
    folder.mkdir()
    coarse = field()
    factor = {"um": 1.0, "nm": 1000.0}[unit]
    stated = {"PhysicalSizeX": 0.13 * factor, "PhysicalSizeXUnit": unit.replace("u", "µ")}
    tifffile.imwrite(folder / "a.ome.tif", coarse, ome=True, metadata=stated)
    images.write_tiff(folder / "b.tif", coarse)
    summary = prediction.predict("bacteria", [folder], Path("out"), reference="mine")
    images_table, regions = pd.read_csv("out/images.csv").set_index("image"), pd.read_csv("out/regions.csv")
    assert images_table["pixel_size_um"].fillna(-1).tolist() == [0.13, -1]
    for name, size in (("a", 0.13), ("b", 0.065)):
        rows = regions[regions["image"] == name]
        np.testing.assert_allclose(rows["x_um"], rows["x"] * size, rtol=1e-5)
        assert images.header(Path(f"out/{name}_labels.tif")).pixel_size_um == pytest.approx(size, rel=1e-3)
    assert summary.notes[0].startswith(
        "Pixel size: 0.13 um, as the files of 1 of 2 images state; the model sees them magnified 2"
    )
    given = prediction.predict("bacteria", [folder], Path("given"), reference="mine", pixel_size_um=0.065)
    assert given.notes[1].startswith("warning: the files state 0.13 um")
    assert images.header(Path("given/a_labels.tif")).pixel_size_um == pytest.approx(0.065, rel=1e-3)
