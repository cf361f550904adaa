"""What is written says how large a pixel is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield import images


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (5, 20, 30)])
def test_tiffs_are_written_with_their_pixel_size(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    images.write_tiff(tmp_path / "a.tif", image, pixel_size_um=0.065)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), image)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        number, denominator = tiff.pages[0].tags["XResolution"].value
        assert tiff.pages[0].tags["ResolutionUnit"].value == 3  # centimetres
        assert number / denominator * 0.065e-4 == pytest.approx(1, rel=1e-6)


def test_a_float_is_no_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="uint8"):
        images.write_png(tmp_path / "a.png", np.zeros((4, 4), np.float32))
