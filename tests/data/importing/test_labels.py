"""Labels as ilastik, Labkit and ImageJ write them, and files that mean harm."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
import roifile
import tifffile

from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings

Put = Callable[..., np.ndarray]
CELLS = np.zeros((20, 24), np.uint32)
CELLS[2:6, 2:8], CELLS[9:12, 3:6], CELLS[5:15, 15:20] = 1, 2, 7


@pytest.fixture
def lab(source: Path, put: Put) -> Path:
    """An image in the source itself, without labels so far."""
    put("image.tif", 0, dtype=np.uint16)
    return source


def bring(source: Path, destination: Path, connected: Sequence[int] = ()) -> tuple[np.ndarray, ImportReport]:
    settings = SegmentationSettings()
    report = import_dataset("segmentation", source, destination, settings=settings, connected=connected)
    (record,) = ImageSet.raw(destination)
    return record.fields["labels"], report


def renumbered(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def write_h5(path: Path, array: np.ndarray, axes: str | None = None, name: str = "exported_data") -> None:
    with h5py.File(path, "w") as file:
        stored = file.create_dataset(name, data=array, compression="gzip", chunks=True)
        if axes is not None:
            stored.attrs["axistags"] = json.dumps({"axes": [{"key": axis, "typeFlags": 2} for axis in axes]})


# --- ilastik ----------------------------------------------------------------------------------------------------------


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
        (_external_storage, "keeps its pixels in other files"),
        (_virtual, "keeps its pixels in other files"),
        (_objects, "holds values of type object"),
        (_huge, "claims .*expected at most 100,000,000"),
        (_huge_chunk, r"in pieces of \(16384, 16384\), expected at most 100,000,000"),
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


def test_files_that_tools_keep_for_themselves_are_explained(lab: Path, destination: Path) -> None:
    tifffile.imwrite(lab / "labels.tif", CELLS)
    (lab / "mine.labeling").write_text("{}")
    _, report = bring(lab, destination)
    assert any("mine.labeling: Labkit's own file (choose Save Labeling" in warning for warning in report.warnings)


# --- ImageJ -----------------------------------------------------------------------------------------------------------


def box(
    left: int, top: int, right: int, bottom: int, kind: roifile.ROI_TYPE = roifile.ROI_TYPE.RECT
) -> roifile.ImagejRoi:
    return roifile.ImagejRoi(roitype=kind, left=left, top=top, right=right, bottom=bottom)


def polygon(points: list[tuple[float, float]], kind: roifile.ROI_TYPE = roifile.ROI_TYPE.POLYGON) -> roifile.ImagejRoi:
    roi = roifile.ImagejRoi.frompoints(np.array(points))
    roi.roitype = kind
    return roi


def write_rois(path: Path, rois: list[roifile.ImagejRoi]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for i, roi in enumerate(rois):
            file.writestr(f"{i:04d}.roi", roi.tobytes())


def with_line(subtype: roifile.ROI_SUBTYPE, ends: tuple[float, ...], parameter: float) -> bytes:
    """A fitted ellipse or a rotated rectangle: the library reads the ends, but not the parameter."""
    roi = polygon([(2, 2), (18, 2), (18, 12)], roifile.ROI_TYPE.FREEHAND)
    roi.subtype = subtype
    roi.x1, roi.y1, roi.x2, roi.y2 = ends
    content = bytearray(roi.tobytes())
    content[52:56] = struct.pack(">f", parameter)
    return bytes(content)


def test_rectangles_polygons_and_ovals(lab: Path, destination: Path) -> None:
    triangle = polygon([(0, 10), (6, 10), (0, 16)], roifile.ROI_TYPE.FREEHAND)
    write_rois(lab / "RoiSet.zip", [box(2, 3, 6, 8), triangle, box(10, 4, 22, 14, roifile.ROI_TYPE.OVAL)])
    labels, report = bring(lab, destination)
    y, x = np.mgrid[:20, :24] + 0.5  # centres of the pixels
    np.testing.assert_array_equal(labels == 1, (x > 2) & (x < 6) & (y > 3) & (y < 8))
    np.testing.assert_array_equal(labels == 2, (y > 10) & (x + y < 16) & (x > 0))
    np.testing.assert_array_equal(labels == 3, ((x - 16) / 6) ** 2 + ((y - 9) / 5) ** 2 <= 1)
    assert report.counts == {"cells": 3}
    assert not any("RoiSet" in warning for warning in report.warnings)


def test_fractions_of_pixels(lab: Path, destination: Path) -> None:
    write_rois(lab / "RoiSet.zip", [polygon([(2.4, 3.4), (7.6, 3.4), (7.6, 9.6), (2.4, 9.6)])])
    labels, _ = bring(lab, destination)
    expected = np.zeros((20, 24), int)
    expected[3:10, 2:8] = 1  # centres from 2.5 to 7.5 and from 3.5 to 9.5
    np.testing.assert_array_equal(labels, expected)


def test_fitted_ellipses_and_rotated_rectangles(lab: Path, destination: Path) -> None:
    ends = (4.0, 6.0, 18.0, 10.0)
    with zipfile.ZipFile(lab / "RoiSet.zip", "w") as file:
        file.writestr("1.roi", with_line(roifile.ROI_SUBTYPE.ELLIPSE, ends, 0.5))
    y, x = np.mgrid[:20, :24] + 0.5
    half = np.hypot(14, 4) / 2
    along = ((x - 11) * 14 + (y - 8) * 4) / (2 * half)
    across = ((y - 8) * 14 - (x - 11) * 4) / (2 * half)
    labels, _ = bring(lab, destination)
    np.testing.assert_array_equal(labels > 0, (along / half) ** 2 + (across / (half / 2)) ** 2 <= 1)
    with zipfile.ZipFile(lab / "RoiSet.zip", "w") as file:
        file.writestr("1.roi", with_line(roifile.ROI_SUBTYPE.ROTATED_RECT, ends, 5.0))
    labels, _ = bring(lab, destination.with_name("rectangle"))
    np.testing.assert_array_equal(labels > 0, (abs(along) < half) & (abs(across) < 2.5))


def test_what_overlaps_belongs_to_the_later_selection(lab: Path, destination: Path) -> None:
    rois = [box(2, 2, 10, 10), box(6, 2, 14, 10), box(3, 3, 5, 5), box(15, 15, 18, 18), box(14, 14, 20, 20)]
    write_rois(lab / "RoiSet.zip", [*rois, polygon([(5, 5)], roifile.ROI_TYPE.POINT), box(30, 2, 40, 8)])
    labels, report = bring(lab, destination)
    assert [(labels == label).sum() for label in (1, 2, 3, 4)] == [
        4 * 8 - 4,
        64,
        4,
        36,
    ]  # the fourth lies under the fifth
    for part in (
        "overlap: pixels belong to the later one",
        "later ones cover wholly",
        "without an area",
        "cover no pixel",
    ):
        assert any(f"RoiSet.zip: has selections {part}" in warning or part in warning for warning in report.warnings)


def test_a_folder_of_selections_beside_the_image_and_parallel_folders(
    source: Path, destination: Path, put: Put
) -> None:
    put("one/image.tif", 0)
    (source / "one" / "rois").mkdir()
    for i in (9, 10):  # in the order of numbers
        box(i, 2, i + 1, 9).tofile(source / "one" / "rois" / f"{i}.roi")
    labels, _ = bring(source, destination)
    assert (labels[4, 9], labels[4, 10]) == (1, 2)
    other = source.with_name("parallel")
    (other / "images").mkdir(parents=True)
    (other / "rois" / "b").mkdir(parents=True)
    for i, name in enumerate("abc"):
        tifffile.imwrite(other / "images" / f"{name}.tif", np.roll(np.arange(480, dtype=np.uint16), i).reshape(20, 24))
    write_rois(other / "rois" / "a_RoiSet.zip", [box(1, 2, 5, 9)])
    box(2, 2, 5, 9).tofile(other / "rois" / "b" / "x.roi")
    box(3, 2, 5, 9).tofile(other / "rois" / "c.roi")
    import_dataset("segmentation", other, destination.with_name("b"), settings=SegmentationSettings())
    found = {r.id: int((r.fields["labels"] > 0).sum()) for r in ImageSet.raw(destination.with_name("b"))}
    assert found == {"a": 28, "b": 21, "c": 14}


def _escaping(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../outside.roi", box(1, 1, 4, 4).tobytes())


def _program(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.roi", box(1, 1, 4, 4).tobytes())
        file.writestr("run.exe", b"")


def _zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for i in range(3):
            file.writestr(f"{i}.roi", bytes(70_000_000))


def _lying_size(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.roi", bytes(1_000_000))
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 1_000_000), struct.pack("<I", 100)))


def _nothing(path: Path) -> None:
    with zipfile.ZipFile(path, "w"):
        pass


def _two_frames(path: Path) -> None:
    rois = [box(1, 1, 4, 4), box(5, 5, 9, 9)]
    rois[0].position, rois[1].position = 1, 2
    write_rois(path, rois)


def _not_a_selection(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.roi", b"x" * 100)


def _claims_many_points(path: Path) -> None:
    content = bytearray(polygon([(2, 2), (9, 2), (9, 9)]).tobytes())
    content[16:18] = b"\xff\xff"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.roi", bytes(content))


def _not_finite(path: Path) -> None:
    roi = polygon([(2.5, 2.5), (9.5, 2.5), (9.5, 9.5)])
    roi.subpixel_coordinates[0, 0] = np.nan
    write_rois(path, [roi])


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (_escaping, r"holds '../../outside.roi', expected the .roi files"),
        (_program, "holds 'run.exe', expected the .roi files"),
        (_zip_bomb, "claims 3 selections of 210,000,000 bytes"),
        (_lying_size, "cannot be read as a zip"),
        (_nothing, "has no selections"),
        (_two_frames, "has selections of several frames"),
        (_not_a_selection, "the selection a.roi cannot be read: not an ImageJ ROI"),
        (_claims_many_points, "the selection a.roi cannot be read: buffer is too small"),
        (_not_finite, "an outline has coordinates that are not finite"),
        (_text, "cannot be read as a zip: File is not a zip file"),
    ],
)
def test_selections_that_are_refused(lab: Path, destination: Path, write: Callable[[Path], None], says: str) -> None:
    write(lab / "RoiSet.zip")
    before = set(lab.parent.iterdir())
    with pytest.raises(BrightfieldError, match=says):
        bring(lab, destination)
    assert set(lab.parent.iterdir()) == before


def test_labels_twice(lab: Path, destination: Path) -> None:
    write_rois(lab / "RoiSet.zip", [box(2, 2, 9, 9)])
    tifffile.imwrite(lab / "labels.tif", CELLS)
    with pytest.raises(BrightfieldError, match=r"has labels twice \(labels.tif and RoiSet.zip\)"):
        bring(lab, destination)


def test_classes_belong_to_labels(source: Path, destination: Path) -> None:
    with pytest.raises(BrightfieldError, match="a task of kind 'restoration' has none"):
        import_dataset("restoration", source, destination, settings=SegmentationSettings(), connected=[1])
