"""Labels are asked whether they can be labels."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import tifffile
from scipy import ndimage

from brightfield import images
from brightfield.data.importing import import_dataset, labels
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings

Ids = npt.NDArray[np.int64]


def grid(number: int, side: int = 6, gap: int = 4) -> Ids:
    """Square cells in rows of 20, numbered from 1, on a background of 0."""
    rows = -(-number // 20)
    found = np.zeros((rows * (side + gap) + gap, 20 * (side + gap) + gap), np.int64)
    for i in range(number):
        y, x = gap + i // 20 * (side + gap), gap + i % 20 * (side + gap)
        found[y : y + side, x : x + side] = i + 1
    return found


def discs(radius: int = 9) -> Ids:
    """Twelve round cells apart."""
    y, x = np.mgrid[:110, :150]
    found = np.zeros(y.shape, np.int64)
    for i in range(12):
        found[np.hypot(y - 18 - 36 * (i // 4), x - 20 - 36 * (i % 4)) < radius] = i + 1
    return found


def once_a_jpeg(mask: Ids, quality: int) -> npt.NDArray[np.uint8]:
    file = io.BytesIO()
    PIL.Image.fromarray(mask.astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(file))


def resized(array: Ids, factor: float) -> Ids:
    return np.rint(ndimage.zoom(array.astype(float), factor, order=1)).astype(np.int64)


def read(
    tmp_path: Path, array: npt.NDArray[np.generic], name: str = "labels.tif"
) -> tuple[npt.NDArray[np.int32], list[str]]:
    path, warnings = tmp_path / name, list[str]()
    if path.suffix == ".png":
        PIL.Image.fromarray(array).save(path)
    else:
        tifffile.imwrite(path, array, photometric="rgb" if array.ndim == 3 else "minisblack")
    return labels.read(path, (array.shape[0], array.shape[1]), (), warnings.append), warnings


MASK = np.where(discs() > 0, 255, 0)
ACCEPTED: dict[str, Ids] = {
    "255 cells in 8 bits": grid(255),
    "400 cells in 16 bits": grid(400),
    "numbers with gaps": grid(30) * 1000,
    "touching cells": grid(100, gap=0),
    "touching thin cells": np.repeat(np.arange(40), 2)[None, :] * np.repeat([0, 1, 0], 9)[:, None],
    "one cell": np.where(discs() == 7, 7, 0),
    "a mask of 255": MASK,
    "a mask of 1": np.where(discs() > 0, 1, 0),
    "cells of one pixel": grid(60, side=1),
    "cells on all of the border": np.kron(np.arange(1, 101).reshape(10, 10), np.ones((8, 8), np.int64)),
}
REFUSED: dict[str, tuple[Ids, str]] = {
    "400 cells in 8 bits": (
        grid(400) % 256,
        "144 of 255 numbers are in pieces far apart, the first is 1 in 2 pieces.*16 bits",
    ),
    "clipped at 255": (
        np.minimum(grid(300), 255),
        "1 of 255 numbers .* the first is 255 in 46 pieces.*8 bits hold 255",
    ),
    "one number twice": (np.where(grid(40) == 40, 3, grid(40)), "1 of 39 numbers .* the first is 3 in 2 .*MorphoLibJ"),
    "blurred": (np.rint(ndimage.gaussian_filter(MASK.astype(float), 1.0)).astype(np.int64), "soft edges: .*thin rims"),
    "antialiased": (resized(MASK, 0.4), "soft edges: 5. of its 5. values, from"),
    "one cell, blurred": (np.rint(ndimage.gaussian_filter(MASK[:36, :38].astype(float), 1.0)), "soft edges"),
    "enlarged": (resized(MASK, 3), "soft edges"),
    "enlarged labels": (resized(discs() * 10, 2), "soft edges"),
    "a JPEG once": (once_a_jpeg(MASK, 95), "soft edges: .*or a JPEG once"),
    "a poor JPEG once": (once_a_jpeg(MASK, 60), "soft edges"),
    "a JPEG of labels": (once_a_jpeg(discs() * 20, 90), "soft edges"),
    "background 1": (grid(60) + 1, "a region of 1 covers .* as a background does, expected 0 there"),
    "background 255": (np.where(grid(60) == 0, 255, grid(60)), "a region of 255 covers"),
    "background 1, lines of 0": (
        np.where(ndimage.grey_dilation(grid(60), 3) != grid(60), 0, grid(60) + 1),
        "region of 1 c",
    ),
    "inverted": (255 - MASK, "a region of 255 covers 8.% of the image and 100% of its border.*invert"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_can_be_labels_is_read(tmp_path: Path, name: str) -> None:
    ids = ACCEPTED[name]
    found, warnings = read(tmp_path, ids.astype(np.uint8 if ids.max() < 256 else np.uint16))
    np.testing.assert_array_equal(found, ids)
    assert warnings == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_labels_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    ids, says = REFUSED[name]
    with pytest.raises(BrightfieldError, match=says) as caught:
        read(tmp_path, np.clip(ids, 0, 65535).astype(np.uint16))
    assert "\n" not in str(caught.value)


def test_a_palette_of_255_cells_is_read(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(grid(255).astype(np.uint8), mode="P")
    picture.putpalette(list(np.random.default_rng(0).integers(0, 256, 768)))
    picture.save(tmp_path / "labels.png")
    np.testing.assert_array_equal(labels.read(tmp_path / "labels.png", (1, 1), (), print), grid(255))


def test_a_torn_cell_and_a_speck_are_named_and_taken(tmp_path: Path) -> None:
    ids = grid(40)
    ids[:, 17][ids[:, 17] == 2] = 0  # the second cell is cut in two
    ids[0, 0] = 20  # a speck far from its cell
    found, warnings = read(tmp_path, ids.astype(np.uint8))
    np.testing.assert_array_equal(found, ids)
    assert warnings == ["has numbers in several pieces, each taken for one cell (2 numbers, the first is 2)"]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".tif"])
def test_a_jpeg_is_refused_by_name_and_by_content(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, MASK.astype(np.uint8), compression="jpeg")
    else:
        PIL.Image.fromarray(MASK.astype(np.uint8)).save(path, "JPEG", quality=100)
    with pytest.raises(BrightfieldError, match=f"labels{suffix} is a JPEG, which changes numbers"):
        labels.read(path, (1, 1), (), print)
    with pytest.raises(BrightfieldError, match="is a JPEG"):  # classes of pixels are no better
        labels.read(path, (1, 1), (255,), print)


COLOURED = np.stack([np.where(discs() % 3 == i, 200 * (discs() > 0), 0) for i in range(3)], axis=-1)
NOISE = np.random.default_rng(0).integers(0, 256, (40, 40, 3))


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (COLOURED.astype(np.uint8), r"has shape \(110, 150, 3\) and 4 colours.*If each colour is a cell or a class"),
        (NOISE.astype(np.uint8), r"has shape \(40, 40, 3\) and 1,600 colours.*If it is an overlay"),
        (
            (discs() / 12).astype(np.float32),
            r"float32 values that are no ids, .*: 2,\d+ of 16,500 pixels .* such as 0.08",
        ),
        (np.where(discs() == 0, -1, discs()).astype(np.int16), "no ids, .*: 13,.* of 16,500 pixels .* such as -1"),
    ],
)
def test_colours_fractions_and_negative_numbers_are_counted(
    tmp_path: Path, array: npt.NDArray[np.generic], says: str
) -> None:
    with pytest.raises(BrightfieldError, match=says) as caught:
        read(tmp_path, array)
    assert "\n" not in str(caught.value)


def test_whole_numbers_may_be_floats_and_grey_may_be_rgb(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, discs().astype(np.float32))[0], discs())
    grey = np.repeat(discs()[..., None], 3, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(read(tmp_path, grey, "labels.png")[0], discs())


def test_an_import_names_every_file_that_has_no_labels(
    source: Path, destination: Path, put: Callable[..., np.ndarray]
) -> None:
    for i, (ids, _) in enumerate([REFUSED["blurred"], REFUSED["400 cells in 8 bits"]]):
        put(f"f{i}/image.tif", i, ids.shape)
        images.write_tiff(source / f"f{i}" / "labels.tif", ids.astype(np.uint8))
    with pytest.raises(BrightfieldError, match="(?s)2 problems.*f0/labels.tif has soft edges.*f1/labels.tif: 144 of"):
        import_dataset("segmentation", source, destination, settings=SegmentationSettings())
    assert not destination.parent.exists()


def test_real_labels_are_taken_without_a_warning(real: Path) -> None:
    paths = sorted((real / "bacteria").glob("labelled*/*/labels.tif"))
    assert len(paths) == 30
    warnings: list[str] = []
    for path in paths:
        assert labels.read(path, (1, 1), (), warnings.append).any()
    assert warnings == []
