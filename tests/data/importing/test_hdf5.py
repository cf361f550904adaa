"""Labels in HDF5, as ilastik writes them, and files that mean harm."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings
from labelled import CELLS, bring, renumbered

Put = Callable[..., np.ndarray]


def write_h5(path: Path, array: np.ndarray, axes: str | None = None, name: str = "exported_data") -> None:
    with h5py.File(path, "w") as file:
        stored = file.create_dataset(name, data=array, compression="gzip", chunks=True)
        if axes is not None:
            stored.attrs["axistags"] = json.dumps({"axes": [{"key": axis, "typeFlags": 2} for axis in axes]})


@pytest.mark.parametrize(
    ("array", "axes", "name"),
    [
        (CELLS, None, "exported_data"),
        (CELLS.astype(np.uint8), "yx", "exported_data"),
        (CELLS[..., None], "yxc", "exported_data"),
        (CELLS[..., None], None, "exported_data"),
        (CELLS.T[..., None], "xyc", "exported_data"),
        (CELLS[None, None, :, :, None], "tzyxc", "exported_data"),
        (CELLS[None, None, :, :, None], None, "exported_data"),
        (CELLS.T[None], "cxy", "labels"),  # another name, as nothing else is there
    ],
)
def test_object_identities_in_any_order_of_axes(
    lab: Path, destination: Path, array: np.ndarray, axes: str | None, name: str
) -> None:
    write_h5(lab / "image_Object Identities.h5", array, axes, name)
    labels, report = bring(lab, destination)
    np.testing.assert_array_equal(labels, renumbered(CELLS))
    assert report.counts == {"cells": 3}


def test_parallel_folders_of_hdf5(source: Path, destination: Path, put: Put) -> None:
    (source / "labels").mkdir()
    for i, name in enumerate(["a_1", "a_2"]):
        put(f"images/{name}.png", i)
        write_h5(source / "labels" / f"{name}_Object Identities.h5", np.roll(CELLS, i), "yx")
    import_dataset("segmentation", source, destination, settings=SegmentationSettings())
    for i, record in enumerate(ImageSet.raw(destination)):
        assert record.id == f"a_{i + 1}"
        np.testing.assert_array_equal(record.fields["labels"], renumbered(np.roll(CELLS, i)))


SCATTERED = np.ones((20, 24), np.uint8)  # class 1 is the background, class 2 has six cells
SCATTERED[2:6:2, 2:20:6] = 2


@pytest.mark.parametrize("name", ["image_Simple Segmentation.h5", "labels.h5", "labels.tif"])
@pytest.mark.parametrize("lowest", [0, 1])  # whether the background has a number
def test_classes_of_pixels_are_no_cells(lab: Path, destination: Path, name: str, lowest: int) -> None:
    classes = SCATTERED - (1 - lowest)
    classes[10:12, 2:20:6] = 2 + lowest  # a further class, of three cells
    tifffile.imwrite(lab / name, classes) if name.endswith("tif") else write_h5(lab / name, classes, "yx")
    with pytest.raises(BrightfieldError, match="holds classes of pixels .*--connected 2"):
        bring(lab, destination)
    assert not destination.exists()
    labels, report = bring(lab, destination, connected=[1 + lowest])
    np.testing.assert_array_equal(labels > 0, classes == 1 + lowest)
    assert labels.max() == 6
    both, _ = bring(lab, destination.with_name("both"), connected=[1 + lowest, 2 + lowest])
    np.testing.assert_array_equal(both > 0, classes > lowest)
    assert both.max() == 9
    assert report.counts == {"cells": 6}


def test_a_class_that_is_not_there(lab: Path, destination: Path) -> None:
    write_h5(lab / "labels.h5", SCATTERED)
    with pytest.raises(BrightfieldError, match="has no pixel of class 5; it has 1, 2"):
        bring(lab, destination, connected=[5])


def _probabilities(path: Path) -> None:
    write_h5(path, np.random.default_rng(0).random((20, 24, 2)).astype(np.float32), "yxc")


def _two_channels(path: Path) -> None:
    write_h5(path, np.stack([CELLS, CELLS], axis=-1), "yxc")


def _transposed(path: Path) -> None:
    write_h5(path, CELLS.T, "yx")


def _two_datasets(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = CELLS, CELLS


def _external_link(path: Path) -> None:
    write_h5(path.with_name("elsewhere.hdf"), CELLS)
    path.with_name("elsewhere.hdf").rename(path.parent.parent / "elsewhere.h5")
    with h5py.File(path, "w") as file:
        file["exported_data"] = h5py.ExternalLink("../elsewhere.h5", "exported_data")


def _external_storage(path: Path) -> None:
    secret = path.parent.parent / "secret.raw"
    secret.write_bytes(CELLS.tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("exported_data", CELLS.shape, CELLS.dtype, external=[(str(secret), 0, CELLS.nbytes)])


def _virtual(path: Path) -> None:
    layout = h5py.VirtualLayout(CELLS.shape, CELLS.dtype)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "exported_data", CELLS.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("exported_data", layout)


def _objects(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("exported_data", (20, 24), dtype=h5py.vlen_dtype(np.uint8))


def _huge(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("exported_data", (2**20, 2**20), np.uint32, chunks=(64, 64))


def _huge_chunk(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("exported_data", (20, 24), np.uint8, chunks=(2**14, 2**14), maxshape=(None, None))


def _inflating(path: Path) -> None:
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("exported_data", (20, 24), np.uint8, chunks=(20, 24), compression="gzip")
        stored.id.write_direct_chunk((0, 0), zlib.compress(bytes(20_000_000)))


def _too_large_a_number(path: Path) -> None:
    write_h5(path, np.where(CELLS > 0, np.uint32(2**31), np.uint32(0)))


def _axes_of_another_array(path: Path) -> None:
    write_h5(path, CELLS, "yxc")


def _broken_axes(path: Path) -> None:
    write_h5(path, CELLS)
    with h5py.File(path, "a") as file:
        file["exported_data"].attrs["axistags"] = "[" * 5000


def _text(path: Path) -> None:
    path.write_text("not HDF5")


def _truncated(path: Path) -> None:
    write_h5(path, CELLS)
    path.write_bytes(path.read_bytes()[:-500])


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (_probabilities, "holds float32 values, which are probabilities"),
        (_two_channels, r"has the shape \(20, 24, 2\) \(axes yxc\), expected one label image"),
        (_transposed, "labels.h5 is 24 x 20 pixels, expected the size of image.tif: 20 x 24"),
        (_two_datasets, "has the datasets a, b, expected exported_data"),
        (_external_link, "links to other places are not followed"),
        (_external_storage, "stores its pixels in other files"),
        (_virtual, "stores its pixels in other files"),
        (_objects, "holds values of type object"),
        (_huge, "claims .*expected at most 100,000,000"),
        (_huge_chunk, r"in chunks of \(16384, 16384\), expected at most 100,000,000"),
        (_inflating, "would inflate to more than its"),
        (_too_large_a_number, "holds numbers from 0 to 2147483648"),
        (_axes_of_another_array, "names its 2 axes 'yxc'"),
        (_broken_axes, "has an attribute axistags that cannot be read"),
        (_text, "is not an HDF5 file"),
        (_truncated, "cannot be read as HDF5"),
    ],
)
def test_hdf5_that_is_refused(lab: Path, destination: Path, write: Callable[[Path], None], says: str) -> None:
    write(lab / "labels.h5")
    with pytest.raises(BrightfieldError, match=says):
        bring(lab, destination)
    assert not destination.exists()
