"""The size of a pixel is read from whoever wrote it, and from no one who did not mean it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield.images import write_png, write_tiff
from brightfield.simulate.matching.pixels import pixel_size_um

IMAGE = np.zeros((8, 8), np.uint16)


def test_our_own_files(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", IMAGE, pixel_size_um=0.065)
    assert pixel_size_um(tmp_path / "a.tif") == pytest.approx(0.065, rel=1e-3)


def test_imagej_and_ome(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, imagej=True, resolution=(10, 10), metadata={"unit": "um"})
    assert pixel_size_um(tmp_path / "a.tif") == pytest.approx(0.1)
    tifffile.imwrite(
        tmp_path / "b.ome.tif", IMAGE, ome=True, metadata={"PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm"}
    )
    assert pixel_size_um(tmp_path / "b.ome.tif") == pytest.approx(0.2)


def test_a_printers_resolution_and_files_without_one(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, resolution=(72, 72), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "b.tif", IMAGE)
    write_png(tmp_path / "c.png", IMAGE)
    (tmp_path / "d.tif").write_bytes(b"no TIFF")
    assert [pixel_size_um(tmp_path / name) for name in ("a.tif", "b.tif", "c.png", "d.tif")] == [None] * 4
