"""Selections of ImageJ as labels, and files that mean harm."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import roifile
import tifffile

from brightfield.data.importing import import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings
from labelled import box, bring, write_rois

Put = Callable[..., np.ndarray]


def polygon(points: list[tuple[float, float]], kind: roifile.ROI_TYPE = roifile.ROI_TYPE.POLYGON) -> roifile.ImagejRoi:
    roi = roifile.ImagejRoi.frompoints(np.array(points))
    roi.roitype = kind
    return roi


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
    # the fourth lies under the fifth
    assert [(labels == label).sum() for label in (1, 2, 3, 4)] == [
        4 * 8 - 4,
        64,
        4,
        36,
    ]
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


def _text(path: Path) -> None:
    path.write_text("not a zip")


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


def test_files_of_a_mac_in_a_zip_are_passed_over(lab: Path, destination: Path) -> None:
    write_rois(lab / "RoiSet.zip", [box(2, 2, 9, 9), box(12, 12, 18, 18)])
    with zipfile.ZipFile(lab / "RoiSet.zip", "a") as file:
        for name in ("__MACOSX/RoiSet/._0000.roi", "RoiSet/.DS_Store", "._0001.roi", "Thumbs.db"):
            file.writestr(name, b"x")
    labels, report = bring(lab, destination)
    assert labels.max() == 2
    assert any("__MACOSX, .DS_Store" in warning for warning in report.warnings)


def test_selections_that_are_links_elsewhere_are_refused(lab: Path, destination: Path, tmp_path: Path) -> None:
    (lab / "rois").mkdir()
    (tmp_path / "secret").write_bytes(box(2, 2, 9, 9).tobytes())
    (lab / "rois" / "1.roi").symlink_to(tmp_path / "secret")
    with pytest.raises(BrightfieldError, match="rois/1.roi: a link that leads out of the folder"):
        bring(lab, destination)
