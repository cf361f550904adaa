"""The pixel size and the times that a file states are read, and nothing that it does not mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ways
from brightfield import images

IMAGE = np.zeros((8, 9), np.uint16)
MOVIE = np.zeros((5, 8, 9), np.uint16)


def size(path: Path) -> float | None:
    return images.header(path).pixel_size_um


def test_our_own_files(tmp_path: Path) -> None:
    images.write_tiff(tmp_path / "a.tif", IMAGE, pixel_size_um=0.065)
    assert size(tmp_path / "a.tif") == pytest.approx(0.065, rel=1e-3)


@pytest.mark.parametrize(
    ("stated", "unit"),
    [
        (0.13, "µm"),
        (0.13, None),
        (130, "nm"),
        (1300, "Å"),
        (0.00013, "mm"),
        (1.3e-5, "cm"),
        (1.3e-7, "m"),
        (130e3, "pm"),
    ],
)
def test_ome_in_any_unit(tmp_path: Path, stated: float, unit: str | None) -> None:
    both: dict[str, Any] = {"PhysicalSizeX": stated, "PhysicalSizeY": stated}
    units = {} if unit is None else {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", IMAGE, ome=True, metadata=both | units)
    assert size(tmp_path / "a.ome.tif") == pytest.approx(0.13)


@pytest.mark.parametrize(
    ("per_unit", "unit"), [(10, "um"), (10, "micron"), (10, "\\u00B5m"), (0.01, "nm"), (1e4, "mm")]
)
def test_imagej_in_any_unit(tmp_path: Path, per_unit: float, unit: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, imagej=True, resolution=(per_unit, per_unit), metadata={"unit": unit})
    assert size(tmp_path / "a.tif") == pytest.approx(0.1)


def test_micro_manager(tmp_path: Path) -> None:
    for name, stated in (("a.tif", 0.16), ("b.tif", 0)):  # it writes 0 where it was not calibrated
        tag = (51123, "s", 0, json.dumps({"PixelSizeUm": stated}), True)
        tifffile.imwrite(tmp_path / name, IMAGE, extratags=[tag])
    assert [size(tmp_path / name) for name in ("a.tif", "b.tif")] == [0.16, None]


def test_resolutions_of_printers_are_no_pixel_sizes(tmp_path: Path) -> None:
    for i, per_inch in enumerate((72, 96, 300, 600, 1200, 2400)):
        tifffile.imwrite(tmp_path / f"{i}.tif", IMAGE, resolution=(per_inch, per_inch), resolutionunit="INCH")
        assert size(tmp_path / f"{i}.tif") is None
    tifffile.imwrite(tmp_path / "fine.tif", IMAGE, resolution=(254_000, 254_000), resolutionunit="INCH")
    assert size(tmp_path / "fine.tif") == pytest.approx(0.1)
    extra = ways.chunk(b"pHYs", (10_000_000).to_bytes(4, "big") * 2 + b"\x01")  # pixels per metre
    (tmp_path / "fine.png").write_bytes(ways.png(IMAGE, 16, 0, extra))
    assert size(tmp_path / "fine.png") == pytest.approx(0.1)


def test_files_without_a_pixel_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE)
    images.write_png(tmp_path / "b.png", IMAGE)
    np.save(tmp_path / "c.npy", IMAGE)
    tifffile.imwrite(
        tmp_path / "d.ome.tif", IMAGE, ome=True, metadata={"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel"}
    )
    tifffile.imwrite(tmp_path / "e.ome.tif", IMAGE, ome=True, metadata={"PhysicalSizeX": 900.0})
    assert [size(path) for path in sorted(tmp_path.iterdir())] == [None] * 5


def test_pixels_that_are_not_square_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", IMAGE, ome=True, metadata={"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2})
    header = images.header(tmp_path / "a.ome.tif")
    assert header.pixel_size_um is None
    assert header.notes == ("its pixels are 0.1 x 0.2 um, not square: their size was not used",)


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "TYX", "finterval": 0.25}},
        {"ome": True, "metadata": {"axes": "TYX", "TimeIncrement": 250.0, "TimeIncrementUnit": "ms"}},
        {"ome": True, "metadata": {"axes": "TYX", "TimeIncrement": 0.25}},
    ],
)
def test_the_time_between_frames(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, photometric="minisblack", **options)
    header = images.header(tmp_path / "a.tif")
    assert header.times_s == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert header.frame_rate_hz == pytest.approx(4)


def test_a_movie_without_times(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, photometric="minisblack")
    header = images.header(tmp_path / "a.tif")
    assert (header.times_s, header.frame_rate_hz) == ((), None)


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "ZYX", "finterval": 2.0}},
        {"ome": True, "metadata": {"axes": "ZYX", "TimeIncrement": 2.0}},
    ],
)
def test_planes_of_depth_have_no_times(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, photometric="minisblack", **options)
    header = images.header(tmp_path / "a.tif")
    assert header.times_s == ()
    assert header.notes == ("its frames are planes of depth (Z): the 2 s between frames were not used",)


def test_ome_with_single_quotes_and_comments(tmp_path: Path) -> None:
    """XML allows both, and not every library writes it as others do."""
    ome = (
        "<?xml version='1.0'?><OME xmlns='http://www.openmicroscopy.org/Schemas/OME/2016-06'><!-- <Pixels PhysicalSizeX='9'> -->"
        "<Image ID='Image:0'><Pixels ID='Pixels:0' DimensionOrder='XYZCT' Type='uint8' SizeX='{}' SizeY='{}' SizeC='1' SizeZ='1' "
        "SizeT='1' PhysicalSizeX='0.1' PhysicalSizeXUnit='&#181;m'><TiffData/></Pixels></Image></OME>"
    ).format(*IMAGE.shape[::-1])
    tifffile.imwrite(tmp_path / "a.ome.tif", IMAGE, description=ome, metadata=None)
    assert images.header(tmp_path / "a.ome.tif").pixel_size_um == pytest.approx(0.1)


def test_the_speed_at_which_imagej_shows_a_movie_is_not_that_of_the_camera(tmp_path: Path) -> None:
    """ImageJ writes the speed of its animation into the same place, without an interval between frames."""
    tifffile.imwrite(tmp_path / "a.tif", MOVIE, imagej=True, metadata={"axes": "TYX", "fps": 7.0})
    header = images.header(tmp_path / "a.tif")
    assert header.times_s == ()
    assert header.notes == ("its 7 frames per second may be the speed at which ImageJ shows it: they were not used",)
    tifffile.imwrite(tmp_path / "b.tif", MOVIE, imagej=True, metadata={"axes": "TYX", "fps": 7.0, "finterval": 0.25})
    assert images.header(tmp_path / "b.tif").frame_rate_hz == pytest.approx(4)
